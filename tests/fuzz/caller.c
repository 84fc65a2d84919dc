// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/osdep.h"
#include "qemu/timer.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "wire.h"
#include "caller.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

uint32_t caller_index(const struct caller *c)
{
	struct hgshm_msg_hello hello;

	memcpy(&hello, c->hello, sizeof(hello));
	return le32_to_cpu(hello.index);
}

void caller_hang_up(struct caller *c)
{
	close_fd(&c->line);
}

void caller_leave(struct caller *c)
{
	close_fd(&c->sock);
	close_fd(&c->line);
	close_fd(&c->line_theirs);
	close_fd(&c->doorbell);
	c->sent = 0;
	c->hello_bytes = 0;
	c->noisy = false;
	c->deaf = false;
	c->believes = 0;
}

bool caller_connect(HgshmState *s, struct caller *c)
{
	int line[2];

	caller_leave(c);
	c->sock = device_connect(s);
	if (c->sock < 0)
		return false;
	c->since_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
	c->doorbell = eventfd(0, EFD_CLOEXEC);
	fuzz_check(c->doorbell >= 0, "eventfd: %s", strerror(errno));
	fuzz_check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line),
		   "socketpair: %s", strerror(errno));
	c->line = line[0];
	c->line_theirs = line[1];
	return true;
}

void caller_write_hello(struct caller *c, uint32_t index, uint32_t mapidx)
{
	struct hgshm_msg_hello hello = {
		.h = {
			.magic = cpu_to_le32(HGSHM_MSG_MAGIC),
			.version = cpu_to_le16(HGSHM_PROTO_VERSION),
			.type = cpu_to_le16(HGSHM_MSG_HELLO),
			.length = cpu_to_le32(sizeof(hello)),
			.fds = cpu_to_le32(2),
		},
		.index = cpu_to_le32(index),
		.mapidx = cpu_to_le32(mapidx),
		.shmid = FUZZ_SHMID,
	};

	memset(c->hello, 0, sizeof(c->hello));
	memcpy(c->hello, &hello, sizeof(hello));
	c->hello_bytes = sizeof(hello);
	c->sent = 0;
	c->fds[0] = c->doorbell;
	c->fds[1] = c->line_theirs;
	c->fd_count = 2;
}

void caller_send(struct caller *c, size_t bytes)
{
	bytes = MIN(bytes, c->hello_bytes - c->sent);
	if (c->sock < 0 || !bytes)
		return;
	fuzz_send(c->sock, c->hello + c->sent, bytes, c->fds,
		  c->sent ? 0 : c->fd_count);
	c->sent += bytes;
	if (c->sent == c->hello_bytes)
		close_fd(&c->line_theirs);
}

void caller_shrink_line(struct caller *c, bool fill)
{
	int room = 1;

	setsockopt(c->line_theirs, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	c->deaf = fill;
	while (fill)
		fill = send(c->line_theirs, "", 1, MSG_DONTWAIT) == 1;
}

void caller_speak(struct caller *c, uint8_t what, int fd)
{
	const int fds[] = { fd, fd, fd };

	if (c->line >= 0)
		fuzz_send(c->line, &what, what >> 4 & 1, fds, what >> 6);
}

void caller_fill_doorbell(struct caller *c, uint8_t room)
{
	struct pollfd pfd = { .fd = c->doorbell, .events = POLLIN };
	eventfd_t count;

	if (c->doorbell < 0)
		return;
	if (poll(&pfd, 1, 0) > 0)
		fuzz_check(!eventfd_read(c->doorbell, &count), "no count");
	fuzz_check(!eventfd_write(c->doorbell, UINT64_MAX - 1 - room), "no room");
}

/* Whether WELCOME is the right answer to this HELLO. */
static void expect_entitled(const HgshmState *s, const struct caller *c,
			    unsigned int fd_count)
{
	struct hgshm_msg_hello hello;
	uint32_t index, mapidx;

	memcpy(&hello, c->hello, sizeof(hello));
	index = le32_to_cpu(hello.index);
	mapidx = le32_to_cpu(hello.mapidx);
	fuzz_check(!hello.flags && !hello.reserved && !hello.shmid[HGSHM_SHMID_BYTES - 1] &&
		   !strcmp((char *)hello.shmid, FUZZ_SHMID), "a malformed HELLO is welcome");
	fuzz_check(index && index < s->clients, "index %u is welcome", index);
	fuzz_check(mapidx == HGSHM_INDEX_NONE || mapidx == 0 ||
		   (mapidx < s->clients && s->mapidx_any), "mapidx %u is welcome", mapidx);
	fuzz_check(fd_count == (s->backing == HGSHM_BACKING_SHM ? 1 :
				mapidx == HGSHM_INDEX_NONE ? 2 : 3), "%u fds", fd_count);
}

static void expect_news(HgshmState *s, struct caller *c,
			const struct hgshm_wire_message *m)
{
	uint32_t index = le32_to_cpu(m->peer.index);
	uint64_t peers = le64_to_cpu(m->peers.peers);

	switch (le16_to_cpu(m->header.type)) {
	case HGSHM_MSG_PEERS:
		fuzz_check(peers & 1 && peers >> s->clients == 0 &&
			   (c->noisy || peers >> caller_index(c) & 1),
			   "PEERS is 0x%" PRIx64, peers);
		c->believes = peers;
		break;
	case HGSHM_MSG_PEER_UP:
		fuzz_check(hgshm_wire_is_eventfd(m->fds[0]) &&
			   hgshm_wire_is_eventfd(m->fds[1]), "no doorbells");
		/* fall through */
	case HGSHM_MSG_PEER_DOWN:
		fuzz_check(s->mesh, "a peer is told of without a mesh");
		fuzz_check(index && index < s->clients && (c->noisy || index != caller_index(c)),
			   "VM %u is told of VM %u", caller_index(c), index);
		if (le16_to_cpu(m->header.type) == HGSHM_MSG_PEER_UP)
			c->believes |= 1ULL << index;
		else
			c->believes &= ~(1ULL << index);
		break;
	default:
		fuzz_check(false, "type %u on a private line",
			   le16_to_cpu(m->header.type));
	}
}

void caller_listen(HgshmState *s, struct caller *c)
{
	struct hgshm_wire_message m;
	int error;

	hgshm_wire_init(&m);
	error = -ECONNRESET;
	while (c->line >= 0 && !c->deaf && !(error = hgshm_wire_receive(c->line, &m))) {
		expect_news(s, c, &m);
		hgshm_wire_reset(&m);
	}
	fuzz_check(error == -EAGAIN || error == -ECONNRESET, "on the line: %s",
		   hgshm_wire_fault(&m, error));
	fuzz_check(error == -ECONNRESET || !c->believes || !s->mesh ||
		   c->believes == s->peers, "VM %u believes in 0x%" PRIx64
		   ", alive are 0x%" PRIx64, caller_index(c), c->believes, s->peers);
	hgshm_wire_reset(&m);
	error = c->sock < 0 ? -EAGAIN : hgshm_wire_receive(c->sock, &m);
	if (error == 0) {
		unsigned int type = le16_to_cpu(m.header.type);

		fuzz_check(type == HGSHM_MSG_WELCOME || type == HGSHM_MSG_REFUSED,
			   "type %u is no answer to HELLO", type);
		if (type == HGSHM_MSG_REFUSED) {
			words_check((char *)m.refused.text);
		} else {
			fuzz_check(hgshm_wire_is_eventfd(m.fds[0]), "no doorbell");
			if (!c->noisy)
				expect_entitled(s, c, m.fd_count);
		}
	}
	fuzz_check(error == 0 || error == -EAGAIN || error == -ECONNRESET,
		   "in the meeting: %s", hgshm_wire_fault(&m, error));
	hgshm_wire_reset(&m);
}
