// SPDX-License-Identifier: MIT
/*
 * A process joins from the host, and the mapper is the fuzzer: what it sends on socket
 * and line, proper or not, in any order. The script's bytes are told at step().
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "meeting.h"

#define CLIENTS		4
#define SLICE_BYTES	4096
#define STEPS_MAX	48
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes with messages: eventfds, a sealed slice, all memory, a socket. */
enum { FD_EVENT, FD_OTHER_EVENT, FD_SLICE, FD_WHOLE, FD_SOCKET, FDS };

struct play {
	struct hgshm_client *client;
	int sock;	/* the mapper's ends, -1 when closed */
	int line;
	bool in;
	bool over;
	int fds[FDS];
};

static void no_alarm(void *of)
{
}

static void end(struct hgshm_member *member)
{
	struct hgshm_client *client = (struct hgshm_client *)member;

	hgshm_meeting_end(client);
	if (client->line.fd >= 0)
		close(client->line.fd);
}

static int make_memory(size_t bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	fuzz_check(fd >= 0 && !ftruncate(fd, bytes) && !fcntl(fd, F_ADD_SEALS, SEALS), "memfd");
	return fd;
}

static void begin(struct play *p, uint8_t mode)
{
	struct hgshm_uri uri = { .socket = "/fuzz", .mapidx = mode & 1 ? 0 : HGSHM_INDEX_NONE };
	struct hgshm_wire_message hello;
	int sock[2];

	p->client = calloc(1, sizeof(*p->client));
	fuzz_check(p->client, "calloc");
	p->client->line.fd = -1;
	p->client->meeting_source.fd = -1;
	p->client->meeting.sock = -1;
	fuzz_check(!hgshm_member_init(&p->client->member, &uri, no_alarm, end), "init");
	p->client->member.memory.mapidx = uri.mapidx;
	p->client->wanted_index = mode & 2 ? 2 : HGSHM_INDEX_NONE;
	if (mode & 4)
		strcpy(p->client->wanted_shmid, "hgshm-fuzz");
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sock),
		   "socketpair");
	p->sock = sock[0];
	fuzz_check(!hgshm_meeting_begin(p->client, sock[1]), "HELLO");
	hgshm_wire_init(&hello);
	fuzz_check(!hgshm_wire_receive(p->sock, &hello), "HELLO is not as proto.h says");
	p->line = hgshm_wire_take_fd(&hello, 1);
	hgshm_wire_reset(&hello);
	p->fds[FD_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->fds[FD_OTHER_EVENT] = eventfd(1, EFD_CLOEXEC);
	p->fds[FD_SLICE] = make_memory(SLICE_BYTES);
	p->fds[FD_WHOLE] = make_memory(CLIENTS * SLICE_BYTES);
	p->fds[FD_SOCKET] = dup(p->sock);
}

union any_message {
	struct hgshm_msg header;
	struct hgshm_msg_welcome welcome;
	struct hgshm_msg_refused refused;
	struct hgshm_msg_peers peers;
	struct hgshm_msg_peer peer;
	unsigned char bytes[HGSHM_MSG_BYTES_MAX];
};

static void put_welcome(union any_message *m, uint8_t how)
{
	m->welcome = (struct hgshm_msg_welcome){
		.clients = htole32(CLIENTS),
		.memory = htole32(how % 3),
		.size_bytes = htole64(CLIENTS * SLICE_BYTES),
		.slice_bytes = htole64(SLICE_BYTES),
		.index = htole32(2),
		.shmid = "hgshm-fuzz",
	};
}

static void send_message(struct play *p, struct fuzz_input *in, int to)
{
	static const struct {
		uint8_t type;
		size_t bytes;
		uint8_t fds;
	} kinds[] = {
		{ HGSHM_MSG_WELCOME, sizeof(struct hgshm_msg_welcome), 1 },
		{ HGSHM_MSG_PEER_UP, sizeof(struct hgshm_msg_peer), 2 },
		{ HGSHM_MSG_PEERS, sizeof(struct hgshm_msg_peers), 0 },
		{ HGSHM_MSG_PEER_DOWN, sizeof(struct hgshm_msg_peer), 0 },
		{ HGSHM_MSG_REFUSED, sizeof(struct hgshm_msg_refused), 0 },
	};
	uint8_t kind = fuzz_take(in) % 5, how = fuzz_take(in), more = fuzz_take(in);
	union any_message m = { .bytes = { 0 } };
	unsigned int fd_count = kinds[kind].fds + (kind == 0 ? more % 3 : 0);
	int fds[HGSHM_MSG_FDS_MAX];
	uint8_t at, spoil;

	if (kind == 0)
		put_welcome(&m, how);
	else if (kind == 2)
		m.peers.peers = htole64(how);
	else if (kind == 4)
		memset(&m.refused.code, how, sizeof(m.refused) - sizeof(m.header));
	else
		m.peer.index = htole32(how & 7);
	m.header = (struct hgshm_msg){
		.magic = htole32(HGSHM_MSG_MAGIC),
		.version = htole16(HGSHM_PROTO_VERSION),
		.type = htole16(kinds[kind].type),
		.length = htole32(kinds[kind].bytes),
		.fds = htole32(fd_count),
	};
	for (unsigned int i = 0; i < fd_count; i++)
		fds[i] = p->fds[(how >> 4 >> i) % FDS];
	if (kind == 0 && !(how & 0x80)) {
		fds[0] = p->fds[FD_EVENT];
		fds[1] = p->fds[how % 3 == HGSHM_MEMORY_WHOLE ? FD_WHOLE : FD_SLICE];
		fds[2] = p->fds[FD_SLICE];
	}
	/* one byte of it is another */
	at = fuzz_take(in);
	spoil = fuzz_take(in);
	if (spoil)
		m.bytes[at % kinds[kind].bytes] ^= spoil;
	fuzz_send(to, m.bytes, kinds[kind].bytes, fds, fd_count);
}

static void check_member(struct play *p)
{
	struct hgshm_member *member = &p->client->member;
	struct hgshm_event events[1 + 2 * HGSHM_CLIENTS_MAX];
	struct hgshm_info info;
	void *slice;
	int count;

	if (!p->client->joined)
		return;
	fuzz_check(!hgshm_member_transport.get_info(member, &info), "INFO");
	fuzz_check(info.clients <= HGSHM_CLIENTS_MAX && info.index < info.clients,
		   "index %u of %u", info.index, info.clients);
	fuzz_check(info.peers & hgshm_bit(info.index), "peers 0x%llx",
		   (unsigned long long)info.peers);
	fuzz_check(info.clients == 64 || !(info.peers >> info.clients), "peers 0x%llx",
		   (unsigned long long)info.peers);
	for (uint32_t i = 0; i < info.clients; i++) {
		if (i != info.index)
			hgshm_member_transport.poke(member, i);
	}
	count = hgshm_member_transport.read_events(member, events, 1 + 2 * HGSHM_CLIENTS_MAX);
	for (int i = 0; i < count; i++)
		fuzz_check(events[i].index < info.clients || events[i].type == HGSHM_EVENT_PEERS,
			   "event of %u", events[i].index);
	if (!hgshm_member_transport.map(member, HGSHM_REGION_MEMORY, info.memory_bytes, true,
					&slice)) {
		((volatile char *)slice)[info.memory_bytes - 1] = 1;
		hgshm_member_transport.unmap(member, slice, info.memory_bytes);
	}
}

/* The member takes what has come; what it does then must make sense. */
static void look(struct play *p)
{
	struct hgshm_client *client = p->client;
	int ret = -EAGAIN;

	for (int i = 0; i < 4 && ret == -EAGAIN && !p->in; i++) {
		ret = hgshm_meeting_step(client);
		p->in = !ret;
		p->over = ret && ret != -EAGAIN;
		if (p->over)
			fuzz_check(*hgshm_strerror(ret), "no words");
	}
	if (p->in) {
		struct hgshm_wire_message message;

		hgshm_wire_init(&message);
		ret = hgshm_wire_receive(client->meeting.line, &message);
		if (!ret)
			ret = hgshm_client_take_news(client, &message);
		hgshm_wire_reset(&message);
		p->over = ret && ret != -EAGAIN;
	}
	check_member(p);
}

/* 0-3: a message, where the member listens or (1) not; 4: bytes; 5: rings; 6: an end. */
static void step(struct play *p, struct fuzz_input *in)
{
	uint8_t what = fuzz_take(in) % 7;
	bool on_line = p->client->meeting.greeted != (what == 1);
	int to = on_line ? p->line : p->sock;
	const uint8_t *bytes;
	size_t count;

	if (what < 4) {
		send_message(p, in, to);
	} else if (what == 4) {
		bytes = fuzz_take_bytes(in, fuzz_take(in), &count);
		fuzz_send(to, bytes, count, NULL, 0);
	} else if (what == 5) {
		eventfd_write(p->fds[FD_EVENT], fuzz_take(in));
		eventfd_write(p->fds[FD_OTHER_EVENT], fuzz_take(in));
	} else {
		shutdown(to, SHUT_RDWR);
	}
	look(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	unsigned int fds = fuzz_count_fds();
	struct play p = { .in = false };

	begin(&p, fuzz_take(&in));
	for (int i = 0; i < STEPS_MAX && in.left && !p.over; i++)
		step(&p, &in);
	hgshm_member_close(p.client);
	close(p.sock);
	close(p.line);
	for (int i = 0; i < FDS; i++)
		close(p.fds[i]);
	fuzz_check(fuzz_count_fds() == fds, "%u file descriptors before, %u after", fds,
		   fuzz_count_fds());
	return 0;
}
