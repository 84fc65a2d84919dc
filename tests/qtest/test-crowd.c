// SPDX-License-Identifier: MIT
/*
 * Many join at once, the QEMU being an ordinary user's. The kernel bounds how many file
 * descriptors of such a user are under way between processes: the mapper keeps those that
 * it can't serve yet, and a client says its HELLO again.
 *
 * The fake clients and the fake mapper are root's, to whom that does not apply. So what is
 * under way is known to the last one.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-client.h"
#include "fake-mapper.h"
#include "qtest.h"
#include "test.h"

#define CLIENTS		HGSHM_CLIENTS_MAX
#define ALL		UINT64_MAX
#define UID_BASE	0x10000	/* beyond those that machines give */
#define DROP_MS		HGSHM_MEET_CLIENT_TIMEOUT_MS

/*
 * Client n is introduced with 4 (n - 1) descriptors. The 18th can't be introduced to all,
 * since with all before it there would be 612. It stops at 602, or at 603 where the one of
 * its WELCOME has not been taken yet, and both are too many.
 */
#define DESCRIPTORS_MAX	601
#define SLOW		18

/* Longer than a client takes from its connection to its HELLO; shorter proves less. */
#define QUIET_MS	500

/* Those of whom each rings each: the 18th is told of one of them alone at first. */
static const unsigned int sample[] = { 1, 14, 15, 16, 17, 18, 19, 63 };

#define SAMPLE		ARRAY_SIZE(sample)

static struct process_user user = { .descriptors_max = DESCRIPTORS_MAX };

struct client {
	struct fake_client fake;
	bool welcome;
	bool complete;		/* PEERS has come */
	uint64_t known;
	int out[SAMPLE];	/* rings client sample[i]; -1 for none */
	int in[SAMPLE];		/* it rings this one */
};

static struct client clients[CLIENTS];

/* Each test's own, since what is under way of other processes counts as well. */
static int setup(void **state)
{
	struct group *g;

	if (group_setup(state))
		return -1;
	g = *state;
	user.uid++;
	for (unsigned int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client) { .fake = {
			.sock = -1, .line = -1, .doorbell = -1, .fds = { -1, -1 },
		} };
		memset(clients[i].out, -1, sizeof(clients[i].out));
		memset(clients[i].in, -1, sizeof(clients[i].in));
	}
	return chown(g->folder, user.uid, -1);
}

static void close_client(struct client *c)
{
	fake_client_close(&c->fake);
	for (unsigned int i = 0; i < SAMPLE; i++) {
		fake_close(&c->out[i]);
		fake_close(&c->in[i]);
	}
}

static int teardown(void **state)
{
	for (unsigned int i = 1; i < CLIENTS; i++)
		close_client(&clients[i]);
	return group_teardown(state);
}

static struct vm *start_mapper(struct group *g, const char *properties)
{
	struct vm_spec spec = group_mapper_spec(g, properties);

	spec.user = &user;
	return group_start(g, &spec);
}

static void say_hello(struct group *g, unsigned int index)
{
	fake_client_open(&clients[index].fake, g, index);
	fake_client_say_hello(&clients[index].fake);
}

/* Has its place, and does not read what the mapper tells it of the others. */
static void join_and_be_slow(struct group *g, unsigned int index)
{
	struct hgshm_wire_message m;

	say_hello(g, index);
	fake_receive(clients[index].fake.sock, &m, HGSHM_MSG_WELCOME);
	hgshm_wire_reset(&m);
	fake_expect_closed(clients[index].fake.sock);
	fake_close(&clients[index].fake.sock);
	clients[index].welcome = true;
}

static bool hangs_up(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, timeout_ms) == 1 && pfd.revents & POLLHUP;
}

static bool is_complete(const struct client *c, unsigned int index)
{
	return c->welcome && c->complete && (c->known | bit(0) | bit(index)) == ALL;
}

static void keep_doorbells(struct client *c, unsigned int index, struct hgshm_wire_message *m)
{
	for (unsigned int i = 0; i < SAMPLE; i++) {
		if (sample[i] == index) {
			fake_close(&c->out[i]);
			fake_close(&c->in[i]);
			c->out[i] = hgshm_wire_take_fd(m, 0);
			c->in[i] = hgshm_wire_take_fd(m, 1);
		}
	}
}

static void hear_line(struct client *c, unsigned int index)
{
	struct hgshm_wire_message m;
	int error;

	hgshm_wire_init(&m);
	error = hgshm_wire_receive(c->fake.line, &m);
	if (error)
		fail_msg("client %u on its line: %s", index, hgshm_wire_fault(&m, error));
	if (le16toh(m.header.type) == HGSHM_MSG_PEERS) {
		assert_false(c->complete);
		c->complete = true;
	} else {
		assert_int_equal(le16toh(m.header.type), HGSHM_MSG_PEER_UP);
		/* Who is told twice may have rung by the first doorbell. */
		assert_false(c->known & bit(le32toh(m.peer.index)));
		c->known |= bit(le32toh(m.peer.index));
		keep_doorbells(c, le32toh(m.peer.index), &m);
	}
	hgshm_wire_reset(&m);
}

static void hear_welcome(struct client *c)
{
	struct hgshm_wire_message m;

	fake_receive(c->fake.sock, &m, HGSHM_MSG_WELCOME);
	hgshm_wire_reset(&m);
	fake_close(&c->fake.sock);
	c->welcome = true;
}

/* All read, until each is in, knows all others and has been told that this was all. */
static void hear_all(void)
{
	uint64_t waiting = ALL & ~bit(0);

	while (waiting) {
		struct pollfd pfds[2 * CLIENTS];

		for (unsigned int i = 0; i < CLIENTS; i++) {
			const struct fake_client *f = &clients[i].fake;

			pfds[2 * i] = (struct pollfd) { .fd = f->sock, .events = POLLIN };
			pfds[2 * i + 1] = (struct pollfd) { .fd = f->line, .events = POLLIN };
		}
		if (poll(pfds, ARRAY_SIZE(pfds), WAIT_MS) <= 0)
			fail_msg("0x%llx wait for others", (unsigned long long)waiting);
		for (unsigned int i = 1; i < CLIENTS; i++) {
			if (pfds[2 * i].revents)
				hear_welcome(&clients[i]);
			if (pfds[2 * i + 1].revents)
				hear_line(&clients[i], i);
			if (is_complete(&clients[i], i))
				waiting &= ~bit(i);
		}
	}
}

static void expect_rung(int doorbell)
{
	eventfd_t count;

	assert_int_equal(eventfd_read(doorbell, &count), 0);
	assert_int_equal(count, 1);
}

static void expect_rings(void)
{
	for (unsigned int from = 0; from < SAMPLE; from++) {
		for (unsigned int to = 0; to < SAMPLE; to++) {
			if (from == to)
				continue;
			assert_int_equal(eventfd_write(clients[sample[from]].out[to], 1), 0);
			expect_rung(clients[sample[to]].in[from]);
		}
	}
}

/* Each one that goes takes a round of QEMU's main loop. */
static void expect_soon_peers(struct vm *vm, uint64_t peers)
{
	for (unsigned int i = 0; i < CLIENTS && vm_peers(vm) != peers; i++)
		qtest_settle(&vm->qtest);
	assert_int_equal(vm_peers(vm), peers);
}

static void test_full_group_at_once(void **state)
{
	struct vm *mapper = start_mapper(*state, "size=1m,clients=64");
	unsigned int fds = vm_count_fds(mapper);

	for (unsigned int i = 1; i <= SLOW; i++)
		join_and_be_slow(*state, i);
	for (unsigned int i = SLOW + 1; i < CLIENTS; i++)
		say_hello(*state, i);
	/* It answers its guest meanwhile. */
	assert_int_equal(vm_peers(mapper), bit(SLOW + 1) - 1);
	for (unsigned int i = 1; i < CLIENTS; i++)
		assert_false(hangs_up(clients[i].fake.line, 0));
	hear_all();
	assert_int_equal(vm_peers(mapper), ALL);
	expect_rings();
	for (unsigned int i = 1; i < CLIENTS; i++) {
		vm_ring(mapper, i);
		expect_rung(clients[i].fake.doorbell);
		close_client(&clients[i]);
	}
	expect_soon_peers(mapper, bit(0));
	/* Each vector keeps its eventfd. */
	assert_int_equal(vm_count_fds(mapper), fds + CLIENTS - 1);
}

/* Those that were held up come and go before they are served. */
static void test_held_up_ones_leave(void **state)
{
	struct vm *mapper = start_mapper(*state, "size=1m,clients=64");
	int ring_fd;

	for (unsigned int i = 1; i <= SLOW; i++)
		join_and_be_slow(*state, i);
	say_hello(*state, SLOW + 1);
	assert_int_equal(vm_peers(mapper), bit(SLOW + 1) - 1);
	close_client(&clients[SLOW + 1]);
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: a client left before it was let "
		       "in: too many file descriptors of this user are on their way to processes "
		       "that are slow to take them; start fewer at once or allow more (ulimit -n)\n");
	for (unsigned int i = 1; i <= SLOW; i++)
		close_client(&clients[i]);
	expect_soon_peers(mapper, bit(0));
	say_hello(*state, SLOW);
	assert_int_equal(fake_client_join(&clients[SLOW].fake, &ring_fd), bit(0) | bit(SLOW));
	close(ring_fd);
}

/* One of the slow ones never reads. */
static void test_newcomer_is_dropped(void **state)
{
	struct vm *mapper = start_mapper(*state, "size=1m,clients=64");

	for (unsigned int i = 1; i <= SLOW; i++)
		join_and_be_slow(*state, i);
	if (!hangs_up(clients[SLOW].fake.line, DROP_MS + WAIT_MS))
		fail_msg("the newcomer is kept");
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: VM %u is dropped, the others "
		       "could not be introduced to it within %u s: too many file descriptors of "
		       "this user are on their way to processes that are slow to take them; start "
		       "fewer at once or allow more (ulimit -n)\n", SLOW, DROP_MS / 1000);
	assert_int_equal(vm_peers(mapper), bit(SLOW) - 1);
}

/* Nobody takes what comes with WELCOME. */
static void test_client_is_dropped(void **state)
{
	/* three descriptors each */
	static struct fake_client gone[DESCRIPTORS_MAX / 3 + 1];
	struct vm *mapper = start_mapper(*state, "size=1m,clients=64,mesh=off,backing=memfd");
	struct fake_client *f = &clients[2].fake;
	int ring_fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(gone); i++) {
		struct pollfd pfd = { .events = POLLIN };

		fake_client_open(&gone[i], *state, 1);
		gone[i].hello.mapidx = htole32(0);
		fake_client_say_hello(&gone[i]);
		pfd.fd = gone[i].sock;
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		fake_close(&gone[i].line);
		assert_int_equal(vm_peers(mapper), bit(0));
	}
	say_hello(*state, 2);
	if (!hangs_up(f->sock, DROP_MS + WAIT_MS))
		fail_msg("the client is kept");
	fake_expect_closed(f->sock);
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: dropped a client that could not "
		       "be let in within %u s: too many file descriptors of this user are on their "
		       "way to processes that are slow to take them; start fewer at once or allow "
		       "more (ulimit -n)\n", DROP_MS / 1000);
	fake_client_close(f);
	for (unsigned int i = 0; i < ARRAY_SIZE(gone); i++)
		fake_client_close(&gone[i]);
	say_hello(*state, 2);
	assert_int_equal(fake_client_join(f, &ring_fd), bit(0) | bit(2));
	close(ring_fd);
}

/* Sends itself descriptors that nobody takes, until it may not; it goes when told. */
static _Noreturn void fill_up(int ready, int go)
{
	int line[2], sent = 0;
	char byte = 0;

	if (!process_become(&user))
		_exit(1);
	/* A line takes a few hundred messages. */
	do {
		union {
			char bytes[CMSG_SPACE(100 * sizeof(int))];
			struct cmsghdr align;
		} control = { { 0 } };
		struct iovec iov = { &byte, 1 };
		struct msghdr m = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
		};

		if (!sent && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line))
			_exit(1);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(100 * sizeof(int));
		for (unsigned int i = 0; i < 100; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &go, sizeof(go));
		sent = sendmsg(line[0], &m, MSG_NOSIGNAL);
	} while (sent == 1);
	_exit(errno == ETOOMANYREFS && write(ready, &byte, 1) == 1 && read(go, &byte, 1) == 0 ?
	      0 : 1);
}

struct filler {
	pid_t pid;
	int go;
};

static struct filler start_filler(void)
{
	int ready[2], go[2];
	struct filler filler;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	filler.pid = fork();
	assert_true(filler.pid >= 0);
	if (!filler.pid) {
		close(go[1]);
		close(ready[0]);
		fill_up(ready[1], go[0]);
	}
	close(ready[1]);
	close(go[0]);
	filler.go = go[1];
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return filler;
}

/* What it sent is under way no more when it has ended. */
static void end_filler(struct filler *filler)
{
	int status;

	close(filler->go);
	assert_int_equal(waitpid(filler->pid, &status, 0), filler->pid);
	assert_int_equal(status, 0);
}

static struct vm *start_client(struct group *g, struct vm_spec *spec)
{
	*spec = group_client_spec(g, 1, "");
	spec->user = &user;
	return group_spawn(g, spec);
}

static void test_client_says_hello_again(void **state)
{
	struct group *g = *state;
	struct filler filler = start_filler();
	int listener = fake_listen(g), sock;
	struct hgshm_wire_message hello;
	struct pollfd pfd = { .events = POLLIN };
	struct vm_spec spec;
	struct vm *client = start_client(g, &spec);

	sock = fake_accept(listener, client);
	pfd.fd = sock;
	assert_int_equal(poll(&pfd, 1, QUIET_MS), 0);
	end_filler(&filler);
	fake_receive(sock, &hello, HGSHM_MSG_HELLO);
	hgshm_wire_reset(&hello);
	close(sock);
	group_expect_end(client, 1, "qemu-system-x86_64: -device %s: hgshm: the mapper at chardev "
			 "socket %s closed the connection; is the index=0 VM of this group running "
			 "there?\n", spec.device, g->socket);
	close(listener);
	unlink(g->socket);
}

static void test_client_gives_up(void **state)
{
	struct group *g = *state;
	struct filler filler = start_filler();
	int listener = fake_listen(g);
	struct vm_spec spec;
	struct vm *client = start_client(g, &spec);

	group_expect_end(client, 1, "qemu-system-x86_64: -device %s: hgshm: the mapper at chardev "
			 "socket %s: too many file descriptors of this user are on their way to "
			 "processes that are slow to take them; start fewer at once or allow more "
			 "(ulimit -n)\n", spec.device, g->socket);
	end_filler(&filler);
	close(listener);
	unlink(g->socket);
}

#define crowd_test(function)	cmocka_unit_test_setup_teardown(function, setup, teardown)

static void need_root(void)
{
	pid_t pid;
	int status;

	user.uid = UID_BASE + 8 * getpid();
	pid = fork();
	if (!pid)
		_exit(!process_become(&user));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		puts("skipped: only root can become another user");
		exit(EXIT_SKIP);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		crowd_test(test_full_group_at_once),
		crowd_test(test_held_up_ones_leave),
		crowd_test(test_newcomer_is_dropped),
		crowd_test(test_client_is_dropped),
		crowd_test(test_client_says_hello_again),
		crowd_test(test_client_gives_up),
	};

	group_needs_plugin();
	need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
