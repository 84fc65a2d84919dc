/* SPDX-License-Identifier: MIT */
/* What becomes of a HELLO. The words are those of the QEMU device. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "founder.h"

static void __attribute__((format(printf, 3, 4)))
refuse(struct hgshm_visitor *visitor, uint32_t code, const char *format, ...)
{
	struct hgshm_msg_refused refused = { .code = htole32(code) };
	va_list args;

	va_start(args, format);
	vsnprintf((char *)refused.text, sizeof(refused.text), format, args);
	va_end(args);
	hgshm_wire_send(visitor->source.fd, HGSHM_MSG_REFUSED, &refused, NULL);
}

void hgshm_refuse_version(struct hgshm_visitor *visitor)
{
	refuse(visitor, HGSHM_REFUSED_VERSION, "it speaks another protocol version");
}

static uint32_t lowest_free(struct hgshm_mapper *mapper)
{
	for (uint32_t i = 1; i < mapper->member.memory.clients; i++)
		if (hgshm_mapper_index_free(mapper, i))
			return i;
	return HGSHM_INDEX_NONE;
}

static bool admit(struct hgshm_visitor *visitor, uint32_t index, uint32_t mapidx)
{
	struct hgshm_mapper *mapper = visitor->mapper;
	const struct hgshm_memory *memory = &mapper->member.memory;
	struct hgshm_msg_welcome welcome = {
		.clients = htole32(memory->clients),
		.size_bytes = htole64(memory->size_bytes),
		.slice_bytes = htole64(memory->slice_bytes),
		.shm_dev = htole64(memory->shm_dev),
		.shm_ino = htole64(memory->shm_ino),
		.index = htole32(index),
	};
	int fds[HGSHM_MSG_FDS_MAX];
	unsigned int granted;
	uint32_t kind;
	int in_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error;

	if (in_fd < 0)
		return !hgshm_error_passes(-errno);
	fds[0] = in_fd;
	memcpy(welcome.shmid, memory->shmid, sizeof(welcome.shmid));
	granted = hgshm_memory_grant(memory, index, mapidx, &kind, fds + 1);
	welcome.memory = htole32(kind);
	error = hgshm_wire_send_fds(visitor->source.fd, HGSHM_MSG_WELCOME, &welcome, fds,
				    1 + granted);
	if (error) {
		close(in_fd);
		return !hgshm_error_passes(error);
	}
	hgshm_mapper_add_client(mapper, index, hgshm_wire_take_fd(&visitor->message, 0), in_fd,
				hgshm_wire_take_fd(&visitor->message, 1));
	return true;
}

static bool well_formed(const struct hgshm_wire_message *message)
{
	const struct hgshm_msg_hello *hello = &message->hello;

	return le16toh(hello->h.type) == HGSHM_MSG_HELLO && !hello->flags && !hello->reserved &&
	       !hello->shmid[HGSHM_SHMID_BYTES - 1] && hgshm_wire_is_eventfd(message->fds[0]) &&
	       hgshm_wire_is_line(message->fds[1]);
}

/* Returns whether it may; refuses it if not. */
static bool check_mapidx(struct hgshm_visitor *visitor, uint32_t mapidx)
{
	const struct hgshm_mapper *mapper = visitor->mapper;
	uint32_t clients = mapper->member.memory.clients;

	if (mapidx == HGSHM_INDEX_NONE)
		return true;
	if (mapidx >= clients) {
		refuse(visitor, HGSHM_REFUSED_MAPIDX_RANGE, "mapidx=%u is out of range; the mapper "
		       "has clients=%u, so give 0 to %u", mapidx, clients, clients - 1);
		return false;
	}
	if (mapidx && !mapper->mapidx_any) {
		refuse(visitor, HGSHM_REFUSED_MAPIDX_RANGE, "mapidx=%u is not granted; the mapper "
		       "shares slice 0 only, unless it has mapidx-any=on", mapidx);
		return false;
	}
	return true;
}

bool hgshm_answer_hello(struct hgshm_visitor *visitor)
{
	struct hgshm_mapper *mapper = visitor->mapper;
	const struct hgshm_memory *memory = &mapper->member.memory;
	const struct hgshm_msg_hello *hello = &visitor->message.hello;
	uint32_t index = le32toh(hello->index);
	uint32_t mapidx = le32toh(hello->mapidx);

	if (!well_formed(&visitor->message)) {
		refuse(visitor, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed");
		return true;
	}
	if (hello->shmid[0] && strcmp((const char *)hello->shmid, memory->shmid)) {
		refuse(visitor, HGSHM_REFUSED_SHMID, "its shmid is not the mapper's shmid=%s",
		       memory->shmid);
		return true;
	}
	if (index == HGSHM_INDEX_NONE) {
		index = lowest_free(mapper);
		if (index == HGSHM_INDEX_NONE) {
			refuse(visitor, HGSHM_REFUSED_FULL, "all %u indices below clients=%u are "
			       "held; stop a member or give the mapper more clients",
			       memory->clients, memory->clients);
			return true;
		}
	}
	if (index == 0 || index >= memory->clients) {
		refuse(visitor, HGSHM_REFUSED_INDEX_RANGE, "index=%u is out of range; the mapper "
		       "has clients=%u, so give 1 to %u", index, memory->clients,
		       memory->clients - 1);
		return true;
	}
	if (!check_mapidx(visitor, mapidx))
		return true;
	if (!hgshm_mapper_index_free(mapper, index)) {
		refuse(visitor, HGSHM_REFUSED_INDEX_TAKEN, "index=%u is held by a running VM; stop "
		       "that one or give another index", index);
		return true;
	}
	return admit(visitor, index, mapidx);
}
