/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meeting.h"

#define SIZE_MAX_BYTES (UINT64_C(1) << 60)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int say_hello(struct hgshm_client *client)
{
	struct hgshm_meeting *meeting = &client->meeting;
	const struct hgshm_memory *memory = &client->member.memory;
	struct hgshm_msg_hello hello = {
		.index = htole32(client->wanted_index),
		.mapidx = htole32(memory->mapidx),
	};
	int fds[] = { meeting->own_doorbell, meeting->line_mapper };
	int error;

	memcpy(hello.shmid, client->wanted_shmid, sizeof(hello.shmid));
	error = hgshm_wire_send(meeting->sock, HGSHM_MSG_HELLO, &hello, fds);
	close_fd(&meeting->line_mapper);
	return error ? hgshm_meeting_explain(client, error) : 0;
}

int hgshm_meeting_begin(struct hgshm_client *client, int sock)
{
	struct hgshm_meeting *meeting = &client->meeting;
	int line[2] = { -1, -1 };
	int ret = 0;

	*meeting = (struct hgshm_meeting){ .sock = sock };
	hgshm_wire_init(&meeting->message);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, line) < 0)
		ret = hgshm_fail(-errno, "no private line to the mapper at %s: %s",
				 client->member.socket, strerror(errno));
	meeting->line = line[0];
	meeting->line_mapper = line[1];
	meeting->own_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ret && meeting->own_doorbell < 0)
		ret = hgshm_fail(-errno, "no eventfd for doorbells: %s", strerror(errno));
	if (!ret)
		ret = say_hello(client);
	if (ret)
		hgshm_meeting_end(client);
	return ret;
}

void hgshm_meeting_end(struct hgshm_client *client)
{
	struct hgshm_meeting *meeting = &client->meeting;

	if (meeting->sock < 0)
		return;
	close_fd(&meeting->sock);
	close_fd(&meeting->line);
	close_fd(&meeting->line_mapper);
	close_fd(&meeting->own_doorbell);
	hgshm_wire_reset(&meeting->message);
}

int hgshm_meeting_fd(const struct hgshm_client *client)
{
	return client->meeting.greeted ? client->meeting.line : client->meeting.sock;
}

int hgshm_meeting_explain(const struct hgshm_client *client, int error)
{
	const struct hgshm_wire_message *message = &client->meeting.message;
	const char *socket = client->member.socket;

	switch (error) {
	case -ETIMEDOUT:
		return hgshm_fail(error, "the mapper at %s did not answer within %d s; is it "
				  "running?", socket, HGSHM_MEET_CLIENT_TIMEOUT_MS / 1000);
	case -EPROTONOSUPPORT:
		return hgshm_fail(-EPROTO, "the mapper at %s speaks protocol version %u, this "
				  "library %u; use the same hgshm for both", socket,
				  le16toh(message->header.version), HGSHM_PROTO_VERSION);
	case -ECONNRESET:
	case -EPIPE:
		return hgshm_fail(-ECONNRESET, "the mapper at %s closed the connection; is it "
				  "running?", socket);
	case -EPROTO:
		return hgshm_fail(error, "what answers at %s is no hgshm mapper (%s); give the "
				  "socket of a group's mapper", socket, message->fault);
	case -EMFILE:
		return hgshm_fail(error, "no file descriptors are left for what the mapper at %s "
				  "sent; allow this process more (ulimit -n)", socket);
	default:
		return hgshm_fail(error, "the mapper at %s: %s", socket, hgshm_error_text(error));
	}
}

static int fault(struct hgshm_client *client, const char *text)
{
	client->meeting.message.fault = text;
	return hgshm_meeting_explain(client, -EPROTO);
}

static int error_of_refusal(uint32_t code)
{
	switch (code) {
	case HGSHM_REFUSED_INDEX_RANGE:
	case HGSHM_REFUSED_MAPIDX_RANGE:
		return -ERANGE;
	case HGSHM_REFUSED_INDEX_TAKEN:
	case HGSHM_REFUSED_FULL:
		return -EADDRINUSE;
	case HGSHM_REFUSED_SHMID:
		return -ESTALE;
	default:
		return -EPROTO;
	}
}

/* The text may reach a terminal, so only what can be printed is left of it. */
static int refused(const struct hgshm_client *client, struct hgshm_msg_refused *message)
{
	char *text = (char *)message->text;

	text[HGSHM_REFUSED_TEXT_BYTES - 1] = '\0';
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return hgshm_fail(error_of_refusal(le32toh(message->code)),
			  "the mapper at %s refused this process: %s", client->member.socket, text);
}

static bool same_or_any(uint32_t wanted, uint32_t given)
{
	return wanted == HGSHM_INDEX_NONE || wanted == given;
}

static bool makes_sense(const struct hgshm_client *client, const struct hgshm_offer *offer)
{
	const struct hgshm_memory *memory = &client->member.memory;

	return offer->clients <= HGSHM_CLIENTS_MAX && offer->index > 0 &&
	       offer->index < offer->clients &&
	       same_or_any(client->wanted_index, offer->index) &&
	       (memory->mapidx == HGSHM_INDEX_NONE || memory->mapidx < offer->clients) &&
	       offer->slice_bytes && offer->slice_bytes % HGSHM_SLICE_ALIGN_BYTES == 0 &&
	       offer->slice_bytes <= offer->size_bytes / offer->clients &&
	       offer->size_bytes <= SIZE_MAX_BYTES && !offer->shmid[HGSHM_SHMID_BYTES - 1] &&
	       hgshm_shmid_valid(offer->shmid) &&
	       (!*client->wanted_shmid || !strcmp(client->wanted_shmid, offer->shmid));
}

/* The first offer makes the member; a later one must be the same memory. */
static int take_offer(struct hgshm_client *client, const struct hgshm_offer *offer)
{
	struct hgshm_member *member = &client->member;
	struct hgshm_memory *memory = &member->memory;
	int ret;

	if (client->joined) {
		if (offer->clients == memory->clients && offer->size_bytes == memory->size_bytes &&
		    offer->slice_bytes == memory->slice_bytes &&
		    offer->shm_dev == memory->shm_dev && offer->shm_ino == memory->shm_ino)
			return 0;
		hgshm_member_set_stale(member);
		return hgshm_fail(-ESTALE, "the mapper at %s came back with another memory",
				  member->socket);
	}
	ret = hgshm_memory_join(memory, offer, member->socket);
	if (ret)
		return ret;
	client->joined = true;
	client->wanted_index = offer->index;
	member->index = offer->index;
	member->peers = hgshm_bit(offer->index);
	return 0;
}

static int take_welcome(struct hgshm_client *client)
{
	struct hgshm_meeting *meeting = &client->meeting;
	struct hgshm_wire_message *message = &meeting->message;
	const struct hgshm_msg_welcome *welcome = &message->welcome;
	struct hgshm_offer offer = {
		.clients = le32toh(welcome->clients),
		.index = le32toh(welcome->index),
		.kind = le32toh(welcome->memory),
		.size_bytes = le64toh(welcome->size_bytes),
		.slice_bytes = le64toh(welcome->slice_bytes),
		.shm_dev = le64toh(welcome->shm_dev),
		.shm_ino = le64toh(welcome->shm_ino),
		.fd_count = message->fd_count - 1,
		.fds = message->fds + 1,
	};
	int own = meeting->own_doorbell;
	int ret;

	memcpy(offer.shmid, welcome->shmid, sizeof(offer.shmid));
	if (!makes_sense(client, &offer) || !hgshm_wire_is_eventfd(message->fds[0]))
		return fault(client, "its WELCOME contradicts itself");
	ret = take_offer(client, &offer);
	if (ret)
		return ret;
	meeting->own_doorbell = -1;
	meeting->greeted = true;
	ret = hgshm_member_connect(&client->member, 0, hgshm_wire_take_fd(message, 0), own);
	if (ret)
		return hgshm_fail(ret, "no doorbell to the mapper at %s: %s",
				  client->member.socket, strerror(-ret));
	return -EAGAIN;
}

static int take_message(struct hgshm_client *client)
{
	struct hgshm_wire_message *message = &client->meeting.message;
	unsigned int type = le16toh(message->header.type);

	if (client->meeting.greeted) {
		if (hgshm_client_take_news(client, message))
			return fault(client, "it tells of peers that can't be");
		return type == HGSHM_MSG_PEERS ? 0 : -EAGAIN;
	}
	if (type == HGSHM_MSG_WELCOME)
		return take_welcome(client);
	if (type == HGSHM_MSG_REFUSED)
		return refused(client, &message->refused);
	return fault(client, "its message does not belong here");
}

int hgshm_meeting_step(struct hgshm_client *client)
{
	struct hgshm_wire_message *message = &client->meeting.message;
	int ret = hgshm_wire_receive(hgshm_meeting_fd(client), message);

	if (ret == -EAGAIN)
		return ret;
	if (ret)
		return hgshm_meeting_explain(client, ret);
	ret = take_message(client);
	hgshm_wire_reset(message);
	return ret;
}
