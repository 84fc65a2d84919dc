// SPDX-License-Identifier: MIT
/*
 * One mapper and everything that is no proper client, one after the other and
 * many at once: each is dropped, nothing is kept, the log stays short, and a
 * proper client is let in at once. What the mapper says to each is in
 * test-fake-client.c.
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
#include <unistd.h>

#include "fake-client.h"
#include "qtest.h"
#include "test.h"

#define WARNING		"qemu-system-x86_64: warning: hgshm: "
#define NOISE_BYTES	65536
#define CONNECTIONS	1000
#define POLL_STEP_MS	5

/* Twice what proto.h gives: the machine may be busy. */
#define DROP_MS		(2 * HGSHM_MEET_MAPPER_TIMEOUT_MS)

/* A mapper under attack, and what it was before. */
struct target {
	struct group *group;
	struct vm *mapper;
	unsigned int fds;
	int64_t since_ns;
};

static void come_and_go(struct target *t, unsigned int index)
{
	struct fake_client f;
	eventfd_t count;
	int ring_fd;

	fake_client_open(&f, t->group, index);
	fake_client_say_hello(&f);
	assert_int_equal(fake_client_join(&f, &ring_fd), bit(0) | bit(index));
	vm_ring(t->mapper, index);
	assert_int_equal(eventfd_read(f.doorbell, &count), 0);
	assert_int_equal(eventfd_write(ring_fd, 1), 0);
	assert_true(msix_take(&t->mapper->msix, HGSHM_VECTOR_DOORBELL(index)));
	close(ring_fd);
	fake_client_close(&f);
	assert_int_equal(vm_peers(t->mapper), bit(0));
}

/* Index 1 is the proper client's, 2 the attacker's. */
static void expect_proper_client(struct target *t)
{
	come_and_go(t, 1);
}

static void wait_for_fds(struct target *t)
{
	for (int waited_ms = 0; waited_ms < DROP_MS; waited_ms += POLL_STEP_MS) {
		qtest_settle(&t->mapper->qtest);
		if (vm_count_fds(t->mapper) == t->fds)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_int_equal(vm_count_fds(t->mapper), t->fds);
}

static void begin(struct target *t, struct group *g)
{
	t->group = g;
	t->mapper = group_start_mapper(g, "size=16k,clients=4");
	vm_enable_vectors(t->mapper);
	/* The vector of a client that was here keeps its eventfd. */
	come_and_go(t, 1);
	come_and_go(t, 2);
	qtest_settle(&t->mapper->qtest);
	t->fds = vm_count_fds(t->mapper);
	t->since_ns = hgshm_wire_now_ns();
}

static void expect_few_lines(struct target *t)
{
	unsigned int lines = 0;
	int64_t most = 1 + (hgshm_wire_now_ns() - t->since_ns) / 1000000000;
	char *text = process_take_output(&t->mapper->process);

	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		assert_memory_equal(line, WARNING, strlen(WARNING));
		lines++;
	}
	free(text);
	assert_in_range(lines, 1, most);
}

/* Return: whether it was welcome before. */
static bool expect_drop(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	struct hgshm_wire_message m;
	bool welcome = false;
	int error;

	hgshm_wire_init(&m);
	do {
		if (poll(&pfd, 1, DROP_MS) == 0)
			fail_msg("not dropped within %d ms", DROP_MS);
		error = hgshm_wire_receive(sock, &m);
		if (error == 0) {
			welcome |= le16toh(m.header.type) == HGSHM_MSG_WELCOME;
			hgshm_wire_reset(&m);
		}
	} while (error == 0 || error == -EAGAIN);
	assert_int_equal(error, -ECONNRESET);
	hgshm_wire_reset(&m);
	return welcome;
}

static void send_until_refused(int sock, const char *bytes, size_t count)
{
	while (count) {
		ssize_t n = send(sock, bytes, count, MSG_NOSIGNAL);

		if (n < 0) {
			assert_true(errno == EPIPE || errno == ECONNRESET);
			return;
		}
		bytes += n;
		count -= n;
	}
}

static void attack_by_noise(struct fake_client *f)
{
	char *noise = malloc(NOISE_BYTES);

	assert_non_null(noise);
	srand(1);
	for (unsigned int i = 0; i < NOISE_BYTES; i++)
		noise[i] = rand() >> 8;
	send_until_refused(f->sock, noise, NOISE_BYTES);
	free(noise);
}

static void attack_by_announced_length(struct fake_client *f)
{
	char *bytes = calloc(1, NOISE_BYTES);

	assert_non_null(bytes);
	f->hello.h.length = htole32(NOISE_BYTES);
	memcpy(bytes, &f->hello, sizeof(f->hello));
	send_until_refused(f->sock, bytes, NOISE_BYTES);
	free(bytes);
}

static void attack_by_magic(struct fake_client *f)
{
	f->hello.h.magic ^= htole32(1);
	fake_client_say_hello(f);
}

static void attack_by_version(struct fake_client *f)
{
	f->hello.h.version = htole16(HGSHM_PROTO_VERSION - 1);
	fake_client_say_hello(f);
}

static void attack_without_fds(struct fake_client *f)
{
	fake_send(f->sock, &f->hello, sizeof(f->hello), NULL, 0);
}

static void attack_by_many_fds(struct fake_client *f)
{
	int fds[16];

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = f->fds[i % 2];
	fake_send(f->sock, &f->hello, sizeof(f->hello), fds, ARRAY_SIZE(fds));
}

/* The other ends are closed before the mapper looks. */
static void attack_by_closed_fds(struct fake_client *f)
{
	fake_close(&f->line);
	fake_client_say_hello(f);
	fake_close(&f->doorbell);
}

static void say_hello_with(struct fake_client *f, int fd, bool as_line)
{
	assert_true(fd >= 0);
	fake_send(f->sock, &f->hello, sizeof(f->hello),
		  (int []) { as_line ? f->doorbell : fd, as_line ? fd : f->fds[1] }, 2);
	close(fd);
}

static void attack_by_file(struct fake_client *f)
{
	say_hello_with(f, open("/proc/self/exe", O_RDONLY | O_CLOEXEC), false);
}

static void attack_by_folder(struct fake_client *f)
{
	say_hello_with(f, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), true);
}

static void attack_by_pipe(struct fake_client *f)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	say_hello_with(f, ends[1], false);
}

static void attack_by_unconnected_line(struct fake_client *f)
{
	say_hello_with(f, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), true);
}

static void attack_by_own_end(struct fake_client *f)
{
	say_hello_with(f, dup(f->sock), true);
}

static void test_one_after_the_other(void **state)
{
	static void (*const attacks[])(struct fake_client *f) = {
		attack_by_noise,
		attack_by_announced_length,
		attack_by_magic,
		attack_by_version,
		attack_without_fds,
		attack_by_many_fds,
		attack_by_closed_fds,
		attack_by_file,
		attack_by_folder,
		attack_by_pipe,
		attack_by_unconnected_line,
		attack_by_own_end,
	};
	struct target t;

	begin(&t, *state);
	for (unsigned int i = 0; i < ARRAY_SIZE(attacks); i++) {
		struct fake_client f;

		fake_client_open(&f, t.group, 2);
		attacks[i](&f);
		/* A proper HELLO of one who dies then is let in, and out again. */
		if (expect_drop(f.sock) && attacks[i] != attack_by_closed_fds)
			fail_msg("attack %u was welcome", i);
		fake_client_close(&f);
		wait_for_fds(&t);
		expect_proper_client(&t);
	}
	expect_few_lines(&t);
}

/* Each has to wait for its own end, and holds up nobody meanwhile. */
static void test_silence_in_every_place(void **state)
{
	struct fake_client f[sizeof(struct hgshm_msg_hello)];
	struct target t;

	begin(&t, *state);
	for (unsigned int i = 0; i < ARRAY_SIZE(f); i += 8) {
		fake_client_open(&f[i], t.group, 2);
		if (i)
			fake_send(f[i].sock, &f[i].hello, i, f[i].fds, 2);
		expect_proper_client(&t);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(f); i += 8) {
		expect_drop(f[i].sock);
		fake_client_close(&f[i]);
	}
	wait_for_fds(&t);
	expect_proper_client(&t);
	expect_few_lines(&t);
}

static void test_an_index_twice(void **state)
{
	struct fake_client first, second;
	struct hgshm_wire_message m;
	struct target t;
	int ring_fd;

	begin(&t, *state);
	fake_client_open(&first, t.group, 2);
	fake_client_say_hello(&first);
	assert_int_equal(fake_client_join(&first, &ring_fd), bit(0) | bit(2));
	for (int i = 0; i < 100; i++) {
		fake_client_open(&second, t.group, 2);
		fake_client_say_hello(&second);
		fake_receive(second.sock, &m, HGSHM_MSG_REFUSED);
		assert_int_equal(le32toh(m.refused.code), HGSHM_REFUSED_INDEX_TAKEN);
		hgshm_wire_reset(&m);
		expect_drop(second.sock);
		fake_client_close(&second);
	}
	assert_int_equal(vm_peers(t.mapper), bit(0) | bit(2));
	assert_int_equal(eventfd_write(ring_fd, 1), 0);
	assert_true(msix_take(&t.mapper->msix, HGSHM_VECTOR_DOORBELL(2)));
	close(ring_fd);
	fake_client_close(&first);
	wait_for_fds(&t);
	expect_proper_client(&t);
	expect_few_lines(&t);
}

static void call(struct target *t, unsigned int number, int *kept)
{
	struct fake_client f;

	fake_client_open(&f, t->group, 2);
	switch (number % 5) {
	case 0:
		break;
	case 1:
		send_until_refused(f.sock, "GET / HTTP/1.1\r\n\r\n", 18);
		break;
	case 2:
		fake_send(f.sock, &f.hello, sizeof(f.hello) / 2, f.fds, 2);
		break;
	case 3:
		f.hello.index = htole32(number);
		fake_client_say_hello(&f);
		break;
	case 4:
		*kept = f.sock;
		f.sock = -1;
		break;
	}
	fake_client_close(&f);
}

static void test_a_thousand_at_once(void **state)
{
	struct target t;
	int kept[CONNECTIONS];
	int64_t began_ns;

	begin(&t, *state);
	began_ns = hgshm_wire_now_ns();
	memset(kept, -1, sizeof(kept));
	for (unsigned int i = 0; i < CONNECTIONS; i++)
		call(&t, i, &kept[i]);
	print_message("%d connections in %d ms\n", CONNECTIONS,
		      (int)((hgshm_wire_now_ns() - began_ns) / 1000000));
	expect_proper_client(&t);
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		if (kept[i] >= 0)
			expect_drop(kept[i]);
		fake_close(&kept[i]);
	}
	wait_for_fds(&t);
	expect_proper_client(&t);
	expect_few_lines(&t);
	/* and one that is a QEMU */
	group_start_client(t.group, 3, "mapidx=0");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_one_after_the_other),
		group_test(test_silence_in_every_place),
		group_test(test_an_index_twice),
		group_test(test_a_thousand_at_once),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
