// SPDX-License-Identifier: MIT
/*
 * Mappers that are silent, broken, hostile or of another version: a client ends
 * in bounded time with one clear line.
 */
#include <endian.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-mapper.h"
#include "qtest.h"
#include "test.h"

static void expect_end(struct fake_mapper *f, struct group *g,
		       const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The client says @fmt, and no more, and is gone. */
static void expect_end(struct fake_mapper *f, struct group *g,
		       const char *fmt, ...)
{
	va_list args;
	char *line;

	va_start(args, fmt);
	assert_true(vasprintf(&line, fmt, args) >= 0);
	va_end(args);
	group_expect_end(f->client, 1, "qemu-system-x86_64: -device "
			 "hgshm,index=%d,chardev=" GROUP_CHARDEV ",shmid=%s: "
			 "%s\n", FAKE_INDEX, g->shmid, line);
	free(line);
	fake_mapper_finish(f, g);
}

static void expect_no_mapper(struct fake_mapper *f, struct group *g,
			     const char *why)
{
	expect_end(f, g, "hgshm: what answers at chardev socket %s is no hgshm "
		   "mapper (%s); give the socket of the index=0 VM", g->socket,
		   why);
}

static void test_proper_mapper(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;
	eventfd_t count;

	fake_mapper_spawn(&f, g, "mapidx=3");
	fake_mapper_take_hello(&f, g, 3);
	fake_mapper_let_in(&f, g);
	fake_mapper_send_peers(&f, bit(0) | bit(FAKE_INDEX));
	vm_connect(f.client);
	vm_find_device(f.client);
	fake_expect_closed(f.sock);
	assert_int_equal(vm_reg32(f.client, HGSHM_REG_CLIENTS), FAKE_CLIENTS);
	assert_int_equal(vm_peers(f.client), bit(0) | bit(FAKE_INDEX));
	vm_ring(f.client, 0);
	vm_ring(f.client, 0);
	assert_int_equal(eventfd_read(f.own_doorbell, &count), 0);
	assert_int_equal(count, 2);
	vm_enable_vectors(f.client);
	assert_int_equal(eventfd_write(f.doorbell, 1), 0);
	assert_true(msix_take(&f.client->msix, HGSHM_VECTOR_DOORBELL(0)));
	vm_quit(f.client);
	fake_expect_closed(f.line);
	fake_mapper_finish(&f, g);
}

static void test_silent_mapper(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s did not "
		   "answer within 10 s; is the index=0 VM of this group "
		   "running there?", g->socket);
}

static void test_silent_after_welcome(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_mapper_let_in(&f, g);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s did not "
		   "answer within 10 s; is the index=0 VM of this group "
		   "running there?", g->socket);
}

static void test_half_a_welcome(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, &w, sizeof(w) / 2, &f.own_doorbell, 1);
	assert_int_equal(shutdown(f.sock, SHUT_WR), 0);
	expect_no_mapper(&f, g, "it ends in the middle");
}

static void test_hangs_up(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_close(&f.sock);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s closed the "
		   "connection; is the index=0 VM of this group running there?",
		   g->socket);
}

static void test_hangs_up_after_welcome(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_mapper_let_in(&f, g);
	fake_close(&f.line);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s closed the "
		   "connection; is the index=0 VM of this group running there?",
		   g->socket);
}

static void test_other_version(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	w.h.version = htole16(7);
	fake_send(f.sock, &w, sizeof(w), NULL, 0);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s speaks "
		   "protocol version 7, this VM 1; use the same hgshm for both",
		   g->socket);
}

static void test_something_else_listens(void **state)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, http, sizeof(http) - 1, NULL, 0);
	expect_no_mapper(&f, g, "it does not start with the magic number");
}

static void test_out_of_place_message(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_peers m = {
		.h = fake_header(HGSHM_MSG_PEERS, sizeof(m), 0),
	};
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, &m, sizeof(m), NULL, 0);
	expect_no_mapper(&f, g, "its message does not belong here");
}

static void test_refusal_with_odd_text(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_refused m = {
		.h = fake_header(HGSHM_MSG_REFUSED, sizeof(m), 0),
		.code = htole32(99),
	};
	char expected[HGSHM_REFUSED_TEXT_BYTES];
	struct fake_mapper f;

	/* no NUL at the end, and what would steer a terminal */
	memset(m.text, '.', sizeof(m.text));
	memcpy(m.text, "a\x1b[2J\nb\x80%s", 10);
	memset(expected, '.', sizeof(expected));
	memcpy(expected, "a?[2J?b?%s", 10);
	expected[sizeof(expected) - 1] = '\0';

	fake_mapper_start(&f, g);
	fake_send(f.sock, &m, sizeof(m), NULL, 0);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s refused this "
		   "VM: %s", g->socket, expected);
}

static void expect_welcome_refused(struct group *g, struct hgshm_msg_welcome w)
{
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, &w, sizeof(w), &f.own_doorbell, 1);
	expect_no_mapper(&f, g, "its WELCOME contradicts itself");
}

static void test_contradictory_welcome(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();

	w.clients = htole32(0);
	expect_welcome_refused(g, w);
	w.clients = htole32(FAKE_INDEX);
	expect_welcome_refused(g, w);
	w.clients = htole32(65);
	expect_welcome_refused(g, w);
	w.clients = htole32(UINT32_MAX);
	expect_welcome_refused(g, w);

	w = fake_welcome();
	w.index = htole32(FAKE_INDEX - 1);
	expect_welcome_refused(g, w);
	w.index = htole32(HGSHM_INDEX_NONE);
	expect_welcome_refused(g, w);

	w = fake_welcome();
	w.slice_bytes = htole64(0);
	expect_welcome_refused(g, w);
	w.slice_bytes = htole64(FAKE_SLICE_BYTES + 1);
	expect_welcome_refused(g, w);
	w.slice_bytes = htole64(FAKE_SLICE_BYTES * 2);
	expect_welcome_refused(g, w);
	w.slice_bytes = htole64(1ull << 63);
	expect_welcome_refused(g, w);

	w = fake_welcome();
	w.size_bytes = htole64(0);
	expect_welcome_refused(g, w);
	w.size_bytes = htole64(UINT64_MAX);
	expect_welcome_refused(g, w);
}

static void test_welcome_with_another_kind_of_fd(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, &w, sizeof(w), &f.line, 1);
	expect_no_mapper(&f, g, "its WELCOME contradicts itself");
}

static void test_welcome_without_the_memory(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_send(f.sock, &w, sizeof(w), &f.own_doorbell, 1);
	expect_end(&f, g, "hgshm: shmid=%s can't be opened: No such file or "
		   "directory", g->shmid);
}

/* In a process of its own: news without end, and never PEERS. */
static pid_t flood(struct fake_mapper *f)
{
	struct hgshm_msg_peer m = {
		.h = fake_header(HGSHM_MSG_PEER_DOWN, sizeof(m), 0),
		.index = htole32(3),
	};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (send(f->line, &m, sizeof(m), MSG_NOSIGNAL) == sizeof(m))
			;
		_exit(0);
	}
	return pid;
}

static void test_news_without_end(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;
	pid_t flooder;

	fake_mapper_start(&f, g);
	fake_mapper_let_in(&f, g);
	flooder = flood(&f);
	expect_end(&f, g, "hgshm: the mapper at chardev socket %s did not "
		   "answer within 10 s; is the index=0 VM of this group "
		   "running there?", g->socket);
	assert_int_equal(waitpid(flooder, NULL, 0), flooder);
}

static void test_impossible_peer_before_peers(void **state)
{
	static const uint32_t impossible[] = {
		0, FAKE_INDEX, FAKE_CLIENTS, 64, UINT32_MAX,
	};
	struct group *g = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(impossible); i++) {
		struct fake_mapper f;

		fake_mapper_start(&f, g);
		fake_mapper_let_in(&f, g);
		fake_mapper_send_peer_up(&f, impossible[i], f.own_doorbell, f.doorbell);
		expect_no_mapper(&f, g, "it tells of peers that can't be");
		assert_int_equal(unlink(g->object), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_proper_mapper),
		group_test(test_silent_mapper),
		group_test(test_silent_after_welcome),
		group_test(test_half_a_welcome),
		group_test(test_hangs_up),
		group_test(test_hangs_up_after_welcome),
		group_test(test_other_version),
		group_test(test_something_else_listens),
		group_test(test_out_of_place_message),
		group_test(test_refusal_with_odd_text),
		group_test(test_contradictory_welcome),
		group_test(test_welcome_with_another_kind_of_fd),
		group_test(test_welcome_without_the_memory),
		group_test(test_news_without_end),
		group_test(test_impossible_peer_before_peers),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
