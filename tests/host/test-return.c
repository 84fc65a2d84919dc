// SPDX-License-Identifier: MIT
/* Members that are killed, and that come back. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "host.h"
#include "test.h"

#define WAIT_NS (WAIT_MS * INT64_C(1000000))

static void start_mapper(struct process *p, const struct group *g, const char *parameters)
{
	char uri[256];

	snprintf(uri, sizeof(uri), "found:%%s?shmid=%s&%s", g->shmid, parameters);
	host_start_echo(p, g, uri);
}

static void test_client_is_killed(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=4");
	struct hgshm *one = host_open(g, "join:%s?index=1");
	struct hgshm_events events;
	struct process echo;

	for (int round = 0; round < 3; round++) {
		host_start_echo(&echo, g, "join:%s?index=2");
		host_wait_peers(mapper, 7);
		host_wait_peers(one, 7);
		host_expect_echo(mapper, 2);
		host_expect_echo(one, 2);
		host_take_all(one);
		host_kill_echo(&echo);
		assert_int_equal(hgshm_wait(one, WAIT_NS, &events), 0);
		assert_int_equal(events.went, bit(2));
		host_wait_peers(mapper, 3);
		assert_int_equal(hgshm_poke(one, 2), -ENOTCONN);
		assert_int_equal(hgshm_poke(mapper, 2), -ENOTCONN);
	}
	host_expect_rings(mapper, 0, one, 1);
	hgshm_close(one);
	hgshm_close(mapper);
}

/* Nobody has told the mapper yet that the holder died: it looks before it refuses. */
static void test_index_is_free_at_once(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=2");
	struct process echo;

	for (int round = 0; round < 10; round++) {
		host_start_echo(&echo, g, "join:%s?index=1");
		host_kill_echo(&echo);
	}
	host_start_echo(&echo, g, "join:%s");
	host_kill_echo(&echo);
	hgshm_close(mapper);
}

static void expect_mapper_gone(struct hgshm *h, uint64_t peers)
{
	struct hgshm_events events;

	host_take_all(h);
	while (host_info(h).peers != peers) {
		assert_int_equal(hgshm_wait(h, WAIT_NS, &events), 0);
		assert_int_equal(events.went, bit(0));
		assert_int_equal(events.peers_changed, 1);
	}
	assert_int_equal(hgshm_poke(h, 0), -ENOTCONN);
	assert_int_equal(host_info(h).status, 0);
}

/* The memory and the other clients stay; with the same memory the mapper is back. */
static void test_mapper_comes_back(void **state)
{
	static const char parameters[] = "size=16k&clients=3&unlink=0";
	struct group *g = *state;
	struct hgshm *one, *two;
	struct process echo;
	unsigned int fds = 0;

	g->object_stays = true;
	start_mapper(&echo, g, parameters);
	one = host_open(g, "join:%s");
	two = host_open(g, "join:%s");
	host_slice(one, 1)[9] = 0x77;
	host_wait_peers(one, 7);
	for (int round = 0; round < 6; round++) {
		uint32_t epoch;

		host_take_all(one);
		epoch = host_info(one).epoch;
		host_kill_echo(&echo);
		expect_mapper_gone(one, 6);
		expect_mapper_gone(two, 6);
		host_expect_rings(one, 1, two, 2);

		start_mapper(&echo, g, parameters);
		host_wait_peers(one, 7);
		host_wait_peers(two, 7);
		assert_true(host_info(one).epoch > epoch);
		assert_int_equal(host_info(one).status, 0);
		host_expect_echo(one, 0);
		host_expect_echo(two, 0);
		host_expect_rings(one, 1, two, 2);
		assert_int_equal(host_slice(one, 1)[9], 0x77);
		/* an eventfd that was replaced is kept until the next time */
		if (round == 1)
			fds = host_count_fds();
		if (round > 1)
			host_wait_fds(fds);
	}
	hgshm_close(one);
	hgshm_close(two);
	host_kill_echo(&echo);
}

static void expect_stale(struct hgshm *h, uint64_t peers)
{
	while (!(host_info(h).status & HGSHM_STATUS_MEMORY_STALE)) {
		struct hgshm_events events;

		assert_int_equal(hgshm_wait(h, WAIT_NS, &events), 0);
		assert_int_equal(events.peers_changed, 1);
	}
	assert_int_equal(host_info(h).peers, peers);
	assert_int_equal(hgshm_poke(h, 0), -ENOTCONN);
}

/* The killed mapper's socket and object are stale and make room. */
static void mapper_brings_other_memory(struct group *g, const char *parameters)
{
	struct hgshm *one, *two, *mapper;
	struct process echo;

	g->object_stays = true;
	start_mapper(&echo, g, parameters);
	one = host_open(g, "join:%s");
	two = host_open(g, "join:%s");
	host_wait_peers(one, 7);
	host_slice(one, 1)[0] = 0x11;
	host_slice(one, 0)[0] = 0x12;
	host_kill_echo(&echo);
	assert_int_equal(access(g->socket, F_OK), 0);
	expect_mapper_gone(one, 6);
	expect_mapper_gone(two, 6);
	host_take_all(one);
	mapper = host_found(g, parameters);
	expect_stale(one, 6);
	expect_stale(two, 6);
	host_expect_rings(one, 1, two, 2);
	assert_int_equal(host_slice(one, 1)[0], 0x11);
	assert_int_equal(host_slice(two, 0)[0], 0x12);
	assert_int_equal(host_slice(mapper, 1)[0], 0);

	/* a new place is one in the new memory */
	hgshm_close(one);
	one = host_open(g, "join:%s?index=1");
	host_wait_peers(mapper, 3);
	host_expect_rings(mapper, 0, one, 1);
	hgshm_close(one);
	hgshm_close(two);
	hgshm_close(mapper);
}

static void test_other_memory_shm(void **state)
{
	mapper_brings_other_memory(*state, "size=16k&clients=3");
}

static void test_other_memory_memfd(void **state)
{
	mapper_brings_other_memory(*state, "size=16k&clients=3&backing=memfd");
}

/* Who joined whatever the mapper shares is told when that is another. */
static void test_other_name(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_open(g, "found:%s");
	struct hgshm *one = host_open(g, "join:%s");

	hgshm_close(mapper);
	expect_mapper_gone(one, 2);
	mapper = host_open(g, "found:%s");
	expect_stale(one, 2);
	hgshm_close(one);
	hgshm_close(mapper);
}

/* A mapper that ends in order takes its names along, but not the memory. */
static void test_mapper_closes(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=3");
	struct hgshm *one = host_open(g, "join:%s");

	host_slice(mapper, 1)[0] = 0x21;
	hgshm_close(mapper);
	expect_mapper_gone(one, 2);
	assert_false(group_object_exists(g));
	assert_int_equal(access(g->socket, F_OK), -1);
	assert_int_equal(host_slice(one, 1)[0], 0x21);
	hgshm_close(one);
}

/* While a client looks for its mapper or is on the way back it can be closed. */
static void test_close_while_orphaned(void **state)
{
	struct group *g = *state;
	unsigned int fds = host_count_fds();

	for (int round = 0; round < 5; round++) {
		struct hgshm *mapper = host_open(g, "found:%s");
		struct hgshm *one = host_open(g, "join:%s");

		hgshm_close(mapper);
		if (round % 2) {
			expect_mapper_gone(one, 2);
			mapper = host_open(g, "found:%s");
			hgshm_close(one);
			hgshm_close(mapper);
		} else {
			hgshm_close(one);
		}
		assert_int_equal(host_count_fds(), fds);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_client_is_killed),
		host_test(test_index_is_free_at_once),
		host_test(test_mapper_comes_back),
		host_test(test_other_memory_shm),
		host_test(test_other_memory_memfd),
		host_test(test_other_name),
		host_test(test_mapper_closes),
		host_test(test_close_while_orphaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
