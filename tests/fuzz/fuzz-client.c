// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzz target: a client's side of the meeting, qemu/hgshm-{client,join,rejoin}.c
 *
 * The script plays a mapper, in turn with the client: whenever the client waits
 * in realize it takes a step, and after realize likewise while the client's main
 * loop runs. The mapper may go and come back, as the same or as another.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "hgshm-join.h"
#include "stand-in.h"

#define INDEX		2
#define CLIENTS		4
#define STEPS_MAX	200
#define STEP_NS		(int64_t)SCALE_MS
#define REALIZE_NS	(HGSHM_MEET_CLIENT_TIMEOUT_MS * (int64_t)SCALE_MS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	HgshmState *s;
	struct fuzz_input in;
	unsigned int steps;
	bool listens;		/* the mapper takes connections */
	int sock;		/* its end of the last one */
	int line;
	int doorbell;
	int null_fd;
	int own_doorbell;
	int slice;		/* sealed, and of its size */
	int open_slice;		/* not sealed */
	uint8_t spoil_offset, spoil_bits;	/* of the next message */
} w;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_slice(unsigned int seals)
{
	int fd = memfd_create("slice", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	fuzz_check(fd >= 0 && !ftruncate(fd, FUZZ_SLICE_BYTES) &&
		   !fcntl(fd, F_ADD_SEALS, seals), "memfd: %s", strerror(errno));
	return fd;
}

/* The client's own connection, beside the chardev's. */
static int accept_connection(void)
{
	int pair[2];

	if (!w.listens) {
		errno = ECONNREFUSED;
		return -1;
	}
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			       pair), "socketpair: %s", strerror(errno));
	close_fd(&w.sock);
	w.sock = pair[0];
	return pair[1];
}

/* HELLO must be right, whatever the mapper did before. */
static void take_hello(void)
{
	struct hgshm_wire_message m;
	int error;

	if (w.sock < 0)
		return;
	hgshm_wire_init(&m);
	error = hgshm_wire_receive(w.sock, &m);
	fuzz_check(!error || error == -EAGAIN || error == -ECONNRESET, "HELLO: %s",
		   hgshm_wire_fault(&m, error));
	if (!error) {
		fuzz_check(le16_to_cpu(m.header.type) == HGSHM_MSG_HELLO &&
			   le32_to_cpu(m.hello.index) == INDEX &&
			   le32_to_cpu(m.hello.mapidx) == w.s->mapidx &&
			   !strcmp((char *)m.hello.shmid, FUZZ_SHMID) &&
			   hgshm_wire_is_eventfd(m.fds[0]) && hgshm_wire_is_line(m.fds[1]),
			   "it is no proper HELLO");
		close_fd(&w.line);
		close_fd(&w.doorbell);
		w.doorbell = hgshm_wire_take_fd(&m, 0);
		w.line = hgshm_wire_take_fd(&m, 1);
	}
	hgshm_wire_reset(&m);
}

static void say(int sock, unsigned int type, void *message, size_t bytes,
		const int *fds, unsigned int fd_count)
{
	struct hgshm_msg header = {
		.magic = cpu_to_le32(HGSHM_MSG_MAGIC),
		.version = cpu_to_le16(HGSHM_PROTO_VERSION),
		.type = cpu_to_le16(type),
		.length = cpu_to_le32(bytes),
		.fds = cpu_to_le32(fd_count),
	};
	uint8_t *byte = message;

	memcpy(message, &header, sizeof(header));
	byte[w.spoil_offset % bytes] ^= w.spoil_bits;
	w.spoil_bits = 0;
	if (sock >= 0)
		fuzz_send(sock, message, bytes, fds, fd_count);
}

static int choose_fd(uint8_t which)
{
	const int fds[] = {
		w.own_doorbell, w.slice, w.slice, w.open_slice, w.null_fd,
		w.doorbell >= 0 ? w.doorbell : w.null_fd,
		w.sock >= 0 ? w.sock : w.null_fd,
		w.line >= 0 ? w.line : w.null_fd,
	};

	return fds[which % ARRAY_SIZE(fds)];
}

static void say_welcome(uint8_t how)
{
	static const uint64_t slice_bytes[] = {
		FUZZ_SLICE_BYTES, FUZZ_SLICE_BYTES, 2 * FUZZ_SLICE_BYTES, 1ULL << 60,
	};
	uint8_t group = fuzz_take(&w.in), which = fuzz_take(&w.in);
	uint64_t slice = slice_bytes[group & 3];
	unsigned int clients = group & 0x10 ? group : CLIENTS;
	struct hgshm_msg_welcome welcome = {
		.clients = cpu_to_le32(clients),
		.memory = cpu_to_le32(how & 3),
		.size_bytes = cpu_to_le64(clients * slice),
		.slice_bytes = cpu_to_le64(slice),
		.shm_dev = cpu_to_le64(1),
		.shm_ino = cpu_to_le64(group >> 5),
		.index = cpu_to_le32(which & 0x80 ? which : INDEX),
	};
	const int fds[] = {
		choose_fd(how & 4 ? which : 0),
		choose_fd(how & 4 ? which >> 3 : 1),
		choose_fd(how & 4 ? which >> 6 : 1),
	};

	say(how & 8 ? w.line : w.sock, HGSHM_MSG_WELCOME, &welcome, sizeof(welcome),
	    fds, how >> 4 & 3);
}

static void say_refused(uint8_t how)
{
	struct hgshm_msg_refused refused = { .code = cpu_to_le32(how) };
	size_t bytes;
	const uint8_t *text = fuzz_take_bytes(&w.in, how, &bytes);

	memcpy(refused.text, text, MIN(bytes, sizeof(refused.text)));
	say(w.sock, HGSHM_MSG_REFUSED, &refused, sizeof(refused), NULL, 0);
}

static void say_peers(uint8_t how)
{
	struct hgshm_msg_peers peers = { .peers = cpu_to_le64(how * 0x0101010101010101ULL) };

	say(how & 0x20 ? w.sock : w.line, HGSHM_MSG_PEERS, &peers, sizeof(peers), NULL, 0);
}

static void say_peer(unsigned int type, uint8_t how)
{
	struct hgshm_msg_peer peer = { .index = cpu_to_le32(how & 7) };
	const int fds[] = {
		choose_fd(how & 8 ? how >> 4 : 0), choose_fd(how & 8 ? how >> 5 : 0),
	};

	say(w.line, type, &peer, sizeof(peer), fds, type == HGSHM_MSG_PEER_UP ? 2 : 0);
}

static void say_noise(int sock)
{
	size_t bytes;
	const uint8_t *noise = fuzz_take_bytes(&w.in, fuzz_take(&w.in), &bytes);

	if (sock >= 0)
		fuzz_send(sock, noise, bytes, NULL, 0);
}

static void step(uint8_t what, uint8_t argument)
{
	switch (what % 16) {
	case 0:
		take_hello();
		break;
	case 1:
		say_welcome(argument);
		break;
	case 2:
		say_refused(argument);
		break;
	case 3:
		say_peers(argument);
		break;
	case 4:
		say_peer(HGSHM_MSG_PEER_UP, argument);
		break;
	case 5:
		say_peer(HGSHM_MSG_PEER_DOWN, argument);
		break;
	case 6:
		say_noise(argument & 1 ? w.line : w.sock);
		break;
	case 7:
		close_fd(argument & 1 ? &w.line : &w.sock);
		break;
	case 8:
		w.listens = argument & 1;
		break;
	case 9:
		w.spoil_offset = argument;
		w.spoil_bits = fuzz_take(&w.in);
		break;
	case 10:
		hgshm_peer_ring(w.s, argument);
		break;
	case 11:
		device_set_interrupts(w.s, argument);
		break;
	case 12:
		/* a proper meeting in one go */
		take_hello();
		say_welcome(0x10);
		say_peers(argument & 7);
		break;
	case 13:
		(void)!eventfd_write(w.own_doorbell, UINT64_MAX - 1 - argument);
		break;
	default:
		loop_advance(argument * (int64_t)(50 * SCALE_MS));
	}
}

static bool may_step(void)
{
	if (!w.in.left || w.steps == STEPS_MAX)
		return false;
	w.steps++;
	return true;
}

/* The client waits: the mapper takes a step, or time passes. */
static void wait_for_mapper(int64_t longest_ns)
{
	uint8_t what, argument;

	if (!may_step()) {
		loop_advance(longest_ns);
		return;
	}
	what = fuzz_take(&w.in);
	argument = fuzz_take(&w.in);
	if (what % 16 >= 14)
		loop_advance(MIN(longest_ns, argument * (int64_t)(50 * SCALE_MS)));
	else
		step(what, argument);
	loop_advance(MIN(longest_ns, STEP_NS));
}

static void check(void)
{
	HgshmState *s = w.s;

	fuzz_check(s->clients <= HGSHM_CLIENTS_MAX && s->index < s->clients &&
		   s->slice_bytes && s->slice_bytes <= s->size_bytes / s->clients,
		   "%u clients, slices of %" PRIu64, s->clients, s->slice_bytes);
	fuzz_check(s->peers >> INDEX & 1 && (s->peers >> (s->clients - 1)) >> 1 == 0,
		   "PEERS is 0x%" PRIx64, s->peers);
	for (unsigned int i = 1; i < HGSHM_CLIENTS_MAX; i++)
		fuzz_check(s->peer[i].line < 0 && (!s->peer[i].has_doorbell ||
			   (i < s->clients && i != INDEX)), "VM %u is a peer", i);
	fuzz_check(s->peer[0].line >= 0 || s->rejoin, "the mapper is gone, and nobody looks");
}

static bool realize(void)
{
	int64_t began_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME), took_ns;
	Error *err = NULL;
	bool ok;

	loop_set_waiter(wait_for_mapper);
	ok = hgshm_client_meet(w.s, &err);
	loop_set_waiter(NULL);
	took_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - began_ns;
	fuzz_check(took_ns <= REALIZE_NS + SCALE_MS, "realize took %" PRId64 " ms",
		   took_ns / SCALE_MS);
	if (!ok) {
		words_take_error(err);
		return false;
	}
	fuzz_check(!err, "realize is done, and has an error");
	fuzz_check(hgshm_vectors_init(w.s, &err), "vectors");
	return true;
}

static void begin(uint8_t mode)
{
	int far;

	w.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	w.own_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w.slice = make_slice(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	w.open_slice = make_slice(F_SEAL_GROW);
	w.sock = -1;
	w.line = -1;
	w.doorbell = -1;
	w.listens = mode & 1;
	w.s = device_new(INDEX, 0);
	w.s->mapidx = mode & 2 ? 0 : HGSHM_INDEX_NONE;
	device_set_connector(accept_connection);
	if (mode & 4)
		return;
	far = device_connect(w.s);
	if (mode & 8)
		close(far);
	else
		w.sock = far;
}

static void end(void)
{
	device_end(w.s);
	loop_end();
	close_fd(&w.sock);
	close_fd(&w.line);
	close_fd(&w.doorbell);
	close_fd(&w.null_fd);
	close_fd(&w.own_doorbell);
	close_fd(&w.slice);
	close_fd(&w.open_slice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = fuzz_count_fds();
	uint8_t mode;

	w = (struct world) { .in = { data, size } };
	mode = fuzz_take(&w.in);
	loop_begin();
	words_begin(false);
	begin(mode);
	if (realize()) {
		device_set_interrupts(w.s, mode >> 4);
		check();
		while (may_step()) {
			uint8_t what = fuzz_take(&w.in);

			step(what, fuzz_take(&w.in));
			if (!(what & 0x80))
				loop_run();
			check();
		}
		loop_advance(REALIZE_NS);
		check();
	}
	end();
	fuzz_check(fuzz_count_fds() == fds, "%u file descriptors before, %u after",
		   fds, fuzz_count_fds());
	return 0;
}
