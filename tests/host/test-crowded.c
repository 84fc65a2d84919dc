// SPDX-License-Identifier: MIT
/*
 * Many join at once, and are slow to take the descriptors that the mapper sends them. The
 * kernel bounds how many of an ordinary user's are under way: the mapper waits and goes on.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-client.h"
#include "host.h"
#include "test.h"

#define DESCRIPTORS_MAX	300	/* and so under way: 13 clients are introduced with 312 */
#define CLIENTS		24
#define UID_BASE	0x10000	/* beyond those that machines give */
#define LINES_MAX	100	/* that hold 8 descriptors each */

static struct fake_client fakes[CLIENTS];

/* Sends @fd over a line that nobody reads. False: too many are under way. */
static bool send_under_way(int line, int fd)
{
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(&control.align) = fd;
	if (sendmsg(line, &message, 0) == 1)
		return true;
	assert_int_equal(errno, ETOOMANYREFS);
	return false;
}

static void make_line(int line[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line), 0);
}

static bool too_many_under_way(void)
{
	bool sent;
	int line[2];

	make_line(line);
	sent = send_under_way(line[0], line[0]);
	close(line[0]);
	close(line[1]);
	return !sent;
}

/* Has its place, and has not read what the mapper tells it of the others. */
static void join_and_be_slow(const struct group *g, uint32_t index)
{
	struct fake_client *f = &fakes[index];
	struct hgshm_wire_message message;

	fake_client_open(f, g, index);
	fake_client_say_hello(f);
	fake_receive(f->sock, &message, HGSHM_MSG_WELCOME);
	hgshm_wire_reset(&message);
	fake_expect_closed(f->sock);
}

/* What a fake client has heard. */
struct heard {
	uint64_t known;
	bool complete;	/* PEERS has come */
};

static void hear(struct fake_client *f, struct heard *heard)
{
	struct hgshm_wire_message message;
	int error;

	hgshm_wire_init(&message);
	error = hgshm_wire_receive(f->line, &message);
	if (error)
		fail_msg("%s", hgshm_wire_fault(&message, error));
	if (le16toh(message.header.type) == HGSHM_MSG_PEERS)
		heard->complete = true;
	if (le16toh(message.header.type) == HGSHM_MSG_PEER_UP) {
		/* Who is told twice may have rung by the first doorbell. */
		assert_false(heard->known & bit(le32toh(message.peer.index)));
		heard->known |= bit(le32toh(message.peer.index));
	}
	hgshm_wire_reset(&message);
}

/* All read, until each knows all others and has been told that this was all. */
static void hear_all(uint64_t all)
{
	struct heard heard[CLIENTS] = { 0 };
	uint64_t waiting = all;

	while (waiting) {
		struct pollfd lines[CLIENTS];

		for (uint32_t i = 0; i < CLIENTS; i++)
			lines[i] = (struct pollfd){ .fd = all & bit(i) ? fakes[i].line : -1,
						    .events = POLLIN };
		if (poll(lines, CLIENTS, WAIT_MS) <= 0)
			fail_msg("%llx wait for others", (unsigned long long)waiting);
		for (uint32_t i = 0; i < CLIENTS; i++) {
			uint64_t others = all & ~bit(i);

			if (!lines[i].revents)
				continue;
			hear(&fakes[i], &heard[i]);
			if (heard[i].complete && (heard[i].known & others) == others)
				waiting &= ~bit(i);
		}
	}
}

struct newcomer {
	const struct group *g;
	struct hgshm *h;
	int ret;
};

static void *join_thread(void *argument)
{
	struct newcomer *newcomer = argument;
	char uri[128];

	snprintf(uri, sizeof(uri), "join:%s", newcomer->g->socket);
	newcomer->ret = hgshm_open(&newcomer->h, uri, NULL);
	return NULL;
}

static void become_ordinary(uid_t uid)
{
	struct rlimit limit = { DESCRIPTORS_MAX, DESCRIPTORS_MAX };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(setresuid(uid, uid, uid), 0);
}

static void crowd(const struct group *g)
{
	struct newcomer newcomer = { .g = g };
	struct hgshm *mapper;
	pthread_t thread;
	uint64_t all = 0;
	uint32_t count, index;

	mapper = host_found(g, "size=256k&clients=24");
	for (count = 1; count < CLIENTS - 1 && !too_many_under_way(); count++) {
		join_and_be_slow(g, count);
		all |= bit(count);
	}
	assert_true(too_many_under_way());
	assert_int_equal(pthread_create(&thread, NULL, join_thread, &newcomer), 0);
	hear_all(all);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(newcomer.ret, 0);
	index = host_info(newcomer.h).index;
	all |= bit(0) | bit(index);
	assert_int_equal(host_info(newcomer.h).peers, all);
	host_wait_peers(mapper, all);
	for (uint32_t i = 1; i < count; i++)
		fake_client_close(&fakes[i]);
	host_wait_peers(mapper, bit(0) | bit(index));
	host_wait_peers(newcomer.h, bit(0) | bit(index));
	host_expect_rings(mapper, 0, newcomer.h, index);
	hgshm_close(newcomer.h);
	hgshm_close(mapper);
}

static int accept_next(int listener)
{
	struct pollfd pollfd = { .fd = listener, .events = POLLIN };
	int sock;

	assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
	sock = accept(listener, NULL, NULL);
	assert_true(sock >= 0);
	return sock;
}

/* It comes again until it could send its HELLO. */
static void come_again(const struct group *g)
{
	struct newcomer newcomer = { .g = g };
	int listener = fake_listen(g), lines[LINES_MAX][2], sock;
	unsigned int count = 0;
	struct hgshm_wire_message hello;
	pthread_t thread;

	for (; count < LINES_MAX && !too_many_under_way(); count++) {
		make_line(lines[count]);
		for (int i = 0; i < 8; i++)
			send_under_way(lines[count][0], listener);
	}
	assert_true(too_many_under_way());
	assert_int_equal(pthread_create(&thread, NULL, join_thread, &newcomer), 0);
	for (int i = 0; i < 3; i++) {
		sock = accept_next(listener);
		fake_expect_closed(sock);
		close(sock);
	}
	/* what is under way ends with the lines */
	while (count--) {
		close(lines[count][0]);
		close(lines[count][1]);
	}
	hgshm_wire_init(&hello);
	do {
		hgshm_wire_reset(&hello);
		sock = accept_next(listener);
	} while (hgshm_wire_receive_until(sock, &hello, fake_deadline_ns()));
	assert_int_equal(le16toh(hello.header.type), HGSHM_MSG_HELLO);
	hgshm_wire_reset(&hello);
	close(sock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(newcomer.ret, -ECONNRESET);
	close(listener);
}

/*
 * In a process of its own, which becomes a user of its own: what other processes of a user
 * have under way counts as well.
 */
static void run_apart(const struct group *g, void (*part)(const struct group *g))
{
	uid_t uid = UID_BASE + getpid();
	int status;
	pid_t pid;

	if (chown(g->folder, uid, -1)) {
		print_message("only root can become another user\n");
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		become_ordinary(uid);
		part(g);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_mapper_waits(void **state)
{
	run_apart(*state, crowd);
}

static void test_client_comes_again(void **state)
{
	struct group *g = *state;

	run_apart(g, come_again);
	unlink(g->socket);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_mapper_waits),
		host_test(test_client_comes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
