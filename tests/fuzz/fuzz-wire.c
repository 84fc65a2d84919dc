// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the message parser, proto/wire.c
 *
 * The script is a few bytes that say how to deliver, then a message. It is
 * delivered in one piece, byte by byte, cut as the script says, and with file
 * descriptors on every piece. What comes out must not depend on the cuts, must
 * be what a second reading of proto.h says, and leave no file descriptor.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "wire.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PIECES_MAX	16
#define MESSAGE_MAX	512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct delivery {
	int socket_type;
	bool ends;		/* the sender closes after the last byte */
	unsigned int fd_count;
	bool fds_on_all;	/* every piece carries them, not the first alone */
	const uint8_t *bytes;
	size_t count;
};

struct outcome {
	int result;
	const char *fault;
	size_t sent;
};

/* The tables of proto.h, read once more. */
static bool is_message(const uint8_t *bytes, size_t count, unsigned int fds)
{
	struct hgshm_msg h;
	size_t length;
	bool fds_fit;

	if (count < sizeof(h))
		return false;
	memcpy(&h, bytes, sizeof(h));
	switch (le16toh(h.type)) {
	case 1:
		length = 128;
		fds_fit = fds == 2;
		break;
	case 2:
		length = 160;
		fds_fit = fds >= 1 && fds <= 3;
		break;
	case 3:
		length = 184;
		fds_fit = fds == 0;
		break;
	case 4:
		length = 24;
		fds_fit = fds == 0;
		break;
	case 5:
		length = 24;
		fds_fit = fds == 2;
		break;
	case 6:
		length = 24;
		fds_fit = fds == 0;
		break;
	default:
		return false;
	}
	return !memcmp(bytes, "HGSM", 4) && le16toh(h.version) == 1 &&
	       le32toh(h.length) == length && le32toh(h.fds) == fds && fds_fit &&
	       count == length;
}

static void check_whole(const struct hgshm_wire_message *m,
			const struct delivery *d)
{
	fuzz_check(is_message((const uint8_t *)&m->header, m->have, m->fd_count),
		   "it is no message of proto.h");
	fuzz_check(d->fds_on_all || m->fd_count == d->fd_count,
		   "%u of %u file descriptors came", m->fd_count, d->fd_count);
	fuzz_check(m->have <= d->count && !memcmp(&m->header, d->bytes, m->have),
		   "its bytes are not those that were sent");
	for (unsigned int i = 0; i < m->fd_count; i++)
		fuzz_check(fcntl(m->fds[i], F_GETFD) == FD_CLOEXEC,
			   "fd %u is not open, or goes to children", i);
}

static struct outcome deliver(const struct delivery *d, const uint8_t *pieces,
			      unsigned int piece_count)
{
	struct outcome outcome = { .result = -EAGAIN };
	struct hgshm_wire_message m;
	int fds[FUZZ_FDS_MAX];
	int pair[2];

	fuzz_check(!socketpair(AF_UNIX, d->socket_type | SOCK_CLOEXEC, 0, pair),
		   "socketpair: %s", strerror(errno));
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = STDIN_FILENO;
	hgshm_wire_init(&m);
	for (unsigned int i = 0; outcome.sent < d->count && outcome.result == -EAGAIN; i++) {
		size_t left = d->count - outcome.sent;
		size_t bytes = i < piece_count ? pieces[i] + 1u : left;
		bool with_fds = i == 0 || d->fds_on_all;

		if (bytes > left)
			bytes = left;
		fuzz_send(pair[0], d->bytes + outcome.sent, bytes, fds,
			  with_fds ? d->fd_count : 0);
		outcome.sent += bytes;
		outcome.result = hgshm_wire_receive(pair[1], &m);
	}
	if (d->ends && outcome.result == -EAGAIN) {
		close(pair[0]);
		pair[0] = -1;
		outcome.result = hgshm_wire_receive(pair[1], &m);
		fuzz_check(outcome.result != -EAGAIN, "it waits after the end");
	}
	if (outcome.result == 0)
		check_whole(&m, d);
	else
		outcome.fault = hgshm_wire_fault(&m, outcome.result);
	hgshm_wire_reset(&m);
	if (pair[0] >= 0)
		close(pair[0]);
	close(pair[1]);
	return outcome;
}

/* Bytes past the message show only if they come together with its last. */
static bool is_about_the_rest(const struct outcome *o)
{
	return o->result == -EPROTO &&
	       (!strcmp(o->fault, "bytes follow it that belong to no message") ||
		!strcmp(o->fault, "it is longer than any message"));
}

static void compare(const struct outcome *bytewise, const struct outcome *other,
		    const char *how)
{
	if (other->sent > bytewise->sent && is_about_the_rest(other))
		return;
	fuzz_check(bytewise->result == other->result,
		   "%d byte by byte, %d %s", bytewise->result, other->result, how);
	fuzz_check(!bytewise->fault || !strcmp(bytewise->fault, other->fault),
		   "'%s' byte by byte, '%s' %s", bytewise->fault, other->fault,
		   how);
}

static void deliver_all_ways(struct delivery *d, const uint8_t *pieces,
			     unsigned int piece_count)
{
	static const uint8_t ones[MESSAGE_MAX];
	const struct outcome whole = deliver(d, NULL, 0);
	const struct outcome cut = deliver(d, pieces, piece_count);
	const struct outcome bytewise = deliver(d, ones, sizeof(ones));

	compare(&bytewise, &whole, "in one piece");
	compare(&bytewise, &cut, "in pieces");
	if (is_message(d->bytes, d->count, d->fd_count))
		fuzz_check(whole.result == 0, "a proper message is refused: %s",
			   whole.fault);
	d->fds_on_all = true;
	deliver(d, pieces, piece_count);
}

/* A process that is short of file descriptors gets some of those sent, or none. */
static void deliver_to_the_poor(const struct delivery *d, const uint8_t *pieces,
				unsigned int piece_count, unsigned int spare)
{
	int lowest = dup(STDIN_FILENO);
	struct rlimit before, poor;

	close(lowest);
	fuzz_check(!getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
	poor = before;
	/* the two ends of the socket first */
	poor.rlim_cur = lowest + 2 + spare;
	fuzz_check(!setrlimit(RLIMIT_NOFILE, &poor), "setrlimit");
	deliver(d, pieces, piece_count);
	fuzz_check(!setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
}

static void send_one(unsigned int type, unsigned int fd_count)
{
	static const struct { unsigned int min, max; } fds_of[] = {
		[1] = { 2, 2 }, [2] = { 1, 3 }, [5] = { 2, 2 }, [6] = { 0, 0 },
	};
	bool known = type >= 1 && type <= 6;
	bool fits = known && fd_count >= fds_of[type].min &&
		    fd_count <= fds_of[type].max;
	const int fds[HGSHM_MSG_FDS_MAX] = { 0 };
	struct hgshm_wire_message out = { .have = 0 }, in;
	int pair[2];
	int result;

	fuzz_check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair),
		   "socketpair: %s", strerror(errno));
	result = hgshm_wire_send_fds(pair[0], type, &out, fds, fd_count);
	fuzz_check(result == (fits ? 0 : -EINVAL), "type %u with %u fds: %d",
		   type, fd_count, result);
	hgshm_wire_init(&in);
	result = hgshm_wire_receive(pair[1], &in);
	fuzz_check(result == (fits ? 0 : -EAGAIN), "type %u with %u fds: %d",
		   type, fd_count, result);
	hgshm_wire_reset(&in);
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t fd_counts[] = { 0, 1, 2, 3, 4, 12, 252, 253 };
	struct fuzz_input in = { data, size };
	unsigned int fds = fuzz_count_fds();
	uint8_t mode = fuzz_take(&in);
	uint8_t how_many = fuzz_take(&in);
	uint8_t to_send = fuzz_take(&in);
	size_t piece_count;
	const uint8_t *pieces = fuzz_take_bytes(&in, fuzz_take(&in) % PIECES_MAX,
						&piece_count);
	struct delivery d = {
		.socket_type = mode & 1 ? SOCK_SEQPACKET : SOCK_STREAM,
		.ends = mode & 2,
		.fd_count = fd_counts[how_many % ARRAY_SIZE(fd_counts)],
	};

	d.bytes = fuzz_take_bytes(&in, MESSAGE_MAX, &d.count);
	deliver_all_ways(&d, pieces, piece_count);
	d.fds_on_all = mode & 4;
	if (mode & 8)
		deliver_to_the_poor(&d, pieces, piece_count, how_many >> 4);
	send_one(to_send & 7, to_send >> 3);
	fuzz_check(fuzz_count_fds() == fds, "%u file descriptors before, %u after",
		   fds, fuzz_count_fds());
	return 0;
}
