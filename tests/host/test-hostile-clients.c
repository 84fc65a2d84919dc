// SPDX-License-Identifier: MIT
/*
 * Clients of a founder that are silent, broken or hostile: it lets them go and goes on;
 * a proper client joins meanwhile.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-client.h"
#include "host.h"
#include "test.h"

/* what the mapper keeps of silent connections, and some for the one that is half */
#define KEPT_MAX (128 + 8)

static void expect_mapper_goes_on(struct group *g, struct hgshm *mapper, uint32_t index)
{
	char uri[64];
	struct hgshm *one;

	snprintf(uri, sizeof(uri), "join:%%s?index=%u", index);
	one = host_open(g, uri);
	host_wait_peers(mapper, bit(0) | bit(index));
	host_expect_rings(mapper, 0, one, index);
	hgshm_close(one);
	host_wait_peers(mapper, bit(0));
}

static void test_proper_client(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	unsigned int fds = 0;
	int ring_fd;

	for (int round = 0; round < 4; round++) {
		struct fake_client f;
		struct pollfd doorbell;
		eventfd_t count;

		fake_client_open(&f, g, 2);
		fake_client_say_hello(&f);
		assert_int_equal(fake_client_join(&f, &ring_fd), bit(0) | bit(2));
		host_wait_peers(mapper, bit(0) | bit(2));
		assert_int_equal(eventfd_write(ring_fd, 1), 0);
		host_wait_ring(mapper, 2);
		assert_int_equal(hgshm_poke(mapper, 2), 0);
		doorbell = (struct pollfd){ .fd = f.doorbell, .events = POLLIN };
		assert_int_equal(poll(&doorbell, 1, WAIT_MS), 1);
		assert_int_equal(eventfd_read(f.doorbell, &count), 0);
		assert_int_equal(count, 1);
		close(ring_fd);
		fake_client_close(&f);
		host_wait_peers(mapper, bit(0));
		/* one eventfd of the client before is kept */
		if (round == 1)
			fds = host_count_fds();
		if (round > 1)
			host_wait_fds(fds);
	}
	hgshm_close(mapper);
}

static void test_silence(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	unsigned int fds;
	struct fake_client half;
	int silent[140];

	expect_mapper_goes_on(g, mapper, 1);
	fds = host_count_fds();
	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = fake_connect(g);
	fake_client_open(&half, g, 2);
	fake_send(half.sock, &half.hello, sizeof(half.hello) / 2, half.fds, 2);
	/* more than it keeps: the oldest go at once, the others when their time is up */
	expect_mapper_goes_on(g, mapper, 1);
	assert_in_range(host_count_fds(), 0, fds + ARRAY_SIZE(silent) + KEPT_MAX);
	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++) {
		fake_expect_closed(silent[i]);
		close(silent[i]);
	}
	fake_expect_closed(half.sock);
	fake_client_close(&half);
	/* the eventfd of the client before */
	host_wait_fds(fds + 1);
	hgshm_close(mapper);
}

/* The connection is closed, nothing of it stays, and the next client gets in. */
static void expect_dropped(struct group *g, struct hgshm *mapper, struct fake_client *f,
			   unsigned int fds)
{
	fake_expect_closed(f->sock);
	fake_client_close(f);
	host_wait_fds(fds);
	assert_int_equal(host_info(mapper).peers, bit(0));
	expect_mapper_goes_on(g, mapper, 2);
}

struct bad_hello {
	size_t bytes;
	int fds[12];	/* 0: the doorbell, 1: the line */
	unsigned int fd_count;
	bool end;
};

static void test_no_hello(void **state)
{
	static const struct bad_hello cases[] = {
		{ .bytes = sizeof(struct hgshm_msg_hello) - 1, .fds = { 0, 1 }, .fd_count = 2,
		  .end = true },
		{ .bytes = sizeof(struct hgshm_msg_hello) + 1, .fds = { 0, 1 }, .fd_count = 2 },
		{ .bytes = sizeof(struct hgshm_msg_hello), .fds = { 0 }, .fd_count = 1 },
		{ .bytes = sizeof(struct hgshm_msg_hello), .fd_count = 12 },
		{ .bytes = sizeof(struct hgshm_msg_hello), .fd_count = 0 },
	};
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hgshm *mapper = host_found(g, "size=16k&clients=4");
		unsigned int fds = host_count_fds();
		unsigned char bytes[sizeof(struct hgshm_msg_hello) + 1] = { 0 };
		struct fake_client f;
		int sent[12];

		fake_client_open(&f, g, 2);
		memcpy(bytes, &f.hello, sizeof(f.hello));
		for (unsigned int k = 0; k < cases[i].fd_count; k++)
			sent[k] = f.fds[cases[i].fds[k]];
		fake_send(f.sock, bytes, cases[i].bytes, sent, cases[i].fd_count);
		if (cases[i].end)
			assert_int_equal(shutdown(f.sock, SHUT_WR), 0);
		expect_dropped(g, mapper, &f, fds);
		hgshm_close(mapper);
	}
}

static void expect_refused(struct group *g, struct hgshm *mapper, struct fake_client *f,
			   unsigned int fds, unsigned int code, const char *text)
{
	struct hgshm_wire_message m;

	fake_receive(f->sock, &m, HGSHM_MSG_REFUSED);
	assert_int_equal(le32toh(m.refused.code), code);
	assert_int_equal(le16toh(m.header.version), HGSHM_PROTO_VERSION);
	assert_string_equal((char *)m.refused.text, text);
	for (size_t i = strlen(text); i < HGSHM_REFUSED_TEXT_BYTES; i++)
		assert_int_equal(m.refused.text[i], 0);
	hgshm_wire_reset(&m);
	expect_dropped(g, mapper, f, fds);
}

static void spoil_magic(struct fake_client *f)
{
	memset(&f->hello, 0xff, sizeof(f->hello));
}

static void spoil_version(struct fake_client *f)
{
	f->hello.h.version = htole16(HGSHM_PROTO_VERSION + 1);
}

static void spoil_flags(struct fake_client *f)
{
	f->hello.flags = htole32(1);
}

static void spoil_reserved(struct fake_client *f)
{
	f->hello.reserved = htole32(1u << 31);
}

static void spoil_shmid(struct fake_client *f)
{
	memset(f->hello.shmid, 'x', sizeof(f->hello.shmid));
}

static void spoil_index(struct fake_client *f)
{
	f->hello.index = htole32(0);
}

static void spoil_big_index(struct fake_client *f)
{
	f->hello.index = htole32(HGSHM_INDEX_NONE - 1);
}

static void swap_fds(struct fake_client *f)
{
	int doorbell = dup(f->fds[1]);

	assert_true(doorbell >= 0);
	close(f->fds[1]);
	f->fds[1] = dup(f->doorbell);
	f->fds[0] = doorbell;
}

static void no_line(struct fake_client *f)
{
	int stream[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
	close(f->fds[1]);
	f->fds[1] = stream[0];
	close(stream[1]);
}

static void test_bad_hello(void **state)
{
	static const struct {
		void (*spoil)(struct fake_client *f);
		unsigned int code;	/* 0: no answer */
		const char *text;
	} cases[] = {
		{ spoil_magic, 0, NULL },
		{ spoil_version, HGSHM_REFUSED_VERSION, "it speaks another protocol version" },
		{ spoil_flags, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed" },
		{ spoil_reserved, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed" },
		{ spoil_shmid, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed" },
		{ swap_fds, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed" },
		{ no_line, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed" },
		{ spoil_index, HGSHM_REFUSED_INDEX_RANGE, "index=0 is out of range; the mapper has "
		  "clients=4, so give 1 to 3" },
		{ spoil_big_index, HGSHM_REFUSED_INDEX_RANGE, "index=4294967294 is out of range; "
		  "the mapper has clients=4, so give 1 to 3" },
	};
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hgshm *mapper = host_found(g, "size=16k&clients=4");
		unsigned int fds = host_count_fds();
		struct fake_client f;

		fake_client_open(&f, g, 2);
		cases[i].spoil(&f);
		fake_client_say_hello(&f);
		if (f.fds[0] != f.doorbell)
			close(f.fds[0]);
		if (cases[i].code)
			expect_refused(g, mapper, &f, fds, cases[i].code, cases[i].text);
		else
			expect_dropped(g, mapper, &f, fds);
		hgshm_close(mapper);
	}
}

static void test_words_on_the_line(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct fake_client f;
	int ring_fd;

	fake_client_open(&f, g, 2);
	fake_client_say_hello(&f);
	fake_client_join(&f, &ring_fd);
	assert_int_equal(send(f.line, "x", 1, MSG_NOSIGNAL), 1);
	fake_expect_closed(f.line);
	close(ring_fd);
	fake_client_close(&f);
	host_wait_peers(mapper, bit(0));
	expect_mapper_goes_on(g, mapper, 2);
	hgshm_close(mapper);
}

/* One that never reads is dropped when its line is full, and holds up nobody. */
static void test_deaf_client(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct fake_client deaf;
	int ring_fd;

	fake_client_open(&deaf, g, 2);
	fake_client_say_hello(&deaf);
	fake_client_join(&deaf, &ring_fd);
	host_wait_peers(mapper, bit(0) | bit(2));
	for (int i = 0; i < 2000 && host_info(mapper).peers & bit(2); i++) {
		struct hgshm *one = host_open(g, "join:%s?index=1");

		hgshm_close(one);
	}
	host_wait_peers(mapper, bit(0));
	close(ring_fd);
	fake_client_close(&deaf);
	expect_mapper_goes_on(g, mapper, 2);
	hgshm_close(mapper);
}

static void test_gone_before_its_welcome(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");

	for (int i = 0; i < 50; i++) {
		struct fake_client f;

		fake_client_open(&f, g, 2);
		fake_client_say_hello(&f);
		fake_client_close(&f);
	}
	expect_mapper_goes_on(g, mapper, 1);
	hgshm_close(mapper);
}

/* Neither a full eventfd that blocks nor one that its owner empties keeps a call. */
static void test_eventfds_that_would_block(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct fake_client f;
	int ring_fd;

	fake_client_open(&f, g, 2);
	assert_int_equal(fcntl(f.doorbell, F_SETFL, 0), 0);
	assert_int_equal(eventfd_write(f.doorbell, UINT64_MAX - 1), 0);
	fake_client_say_hello(&f);
	fake_client_join(&f, &ring_fd);
	host_wait_peers(mapper, bit(0) | bit(2));
	for (int i = 0; i < 3; i++)
		assert_int_equal(hgshm_poke(mapper, 2), 0);
	assert_int_equal(fcntl(ring_fd, F_SETFL, 0), 0);
	host_take_all(mapper);
	host_expect_quiet(mapper);
	assert_int_equal(eventfd_write(ring_fd, 1), 0);
	host_wait_ring(mapper, 2);
	host_expect_quiet(mapper);
	close(ring_fd);
	fake_client_close(&f);
	hgshm_close(mapper);
}

#define THEFTS 1000

struct thief {
	int ring_fd;
	_Atomic unsigned long looks;	/* that the mapper has done */
	_Atomic bool held_up;
};

/* It takes its own rings back, from an eventfd that blocks, while the mapper looks. */
static void *steal_rings(void *of)
{
	struct thief *thief = of;
	eventfd_t count;
	struct iovec iov = { &count, sizeof(count) };

	for (int i = 0; i < THEFTS && !thief->held_up; i++) {
		int64_t deadline_ns = fake_deadline_ns();
		unsigned long looks;

		eventfd_write(thief->ring_fd, 1);
		preadv2(thief->ring_fd, &iov, 1, -1, RWF_NOWAIT);
		looks = thief->looks;
		while (thief->looks < looks + 2 && !thief->held_up) {
			thief->held_up = hgshm_wire_now_ns() > deadline_ns;
			sched_yield();
		}
	}
	if (thief->held_up)
		eventfd_write(thief->ring_fd, 1);
	return NULL;
}

static void test_stolen_rings(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct thief thief = { 0 };
	struct fake_client f;
	pthread_t thread;

	fake_client_open(&f, g, 2);
	fake_client_say_hello(&f);
	fake_client_join(&f, &thief.ring_fd);
	host_wait_peers(mapper, bit(0) | bit(2));
	assert_int_equal(fcntl(thief.ring_fd, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, steal_rings, &thief), 0);
	while (pthread_tryjoin_np(thread, NULL)) {
		hgshm_wait(mapper, 0, NULL);
		thief.looks++;
	}
	assert_false(thief.held_up);
	close(thief.ring_fd);
	fake_client_close(&f);
	hgshm_close(mapper);
}

/* /proc's file of the mapper's thread, which tells its index by its name. */
static int open_thread_status(void)
{
	static const char name[] = "Name:\thgshm:0\n";
	int fd = -1;
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/task");

	assert_non_null(dir);
	while (fd < 0 && (entry = readdir(dir))) {
		char path[300], text[64];

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && (pread(fd, text, sizeof(text), 0) < (ssize_t)strlen(name) ||
				memcmp(text, name, strlen(name)))) {
			close(fd);
			fd = -1;
		}
	}
	closedir(dir);
	assert_true(fd >= 0);
	return fd;
}

/* How often the thread has gone to sleep. */
static unsigned long count_sleeps(int status_fd)
{
	char text[4096];
	ssize_t n = pread(status_fd, text, sizeof(text) - 1, 0);
	unsigned long sleeps;
	const char *line;

	assert_true(n > 0);
	text[n] = '\0';
	line = strstr(text, "\nvoluntary_ctxt_switches:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, " voluntary_ctxt_switches: %lu", &sleeps), 1);
	return sleeps;
}

/* A process at its limit accepts nobody, without spinning, and does so again later. */
static void test_no_descriptors(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct rlimit before, none;
	struct fake_client f;
	unsigned long sleeps;
	int ring_fd, lowest, status_fd;

	fake_client_open(&f, g, 2);
	close(f.sock);
	strcpy(address.sun_path, g->socket);
	f.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_mapper_goes_on(g, mapper, 1);
	status_fd = open_thread_status();
	sleeps = count_sleeps(status_fd);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	lowest = dup(f.sock);
	close(lowest);
	none = before;
	none.rlim_cur = lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(f.sock, (struct sockaddr *)&address, sizeof(address)), 0);
	for (int waited_ms = 0; count_sleeps(status_fd) < sleeps + 2; waited_ms++) {
		assert_in_range(waited_ms, 0, WAIT_MS);
		poll(NULL, 0, 1);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(status_fd);

	fake_client_say_hello(&f);
	fake_client_join(&f, &ring_fd);
	host_wait_peers(mapper, bit(0) | bit(2));
	close(ring_fd);
	fake_client_close(&f);
	hgshm_close(mapper);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_proper_client),
		host_test(test_silence),
		host_test(test_no_hello),
		host_test(test_bad_hello),
		host_test(test_words_on_the_line),
		host_test(test_deaf_client),
		host_test(test_gone_before_its_welcome),
		host_test(test_eventfds_that_would_block),
		host_test(test_stolen_rings),
		host_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
