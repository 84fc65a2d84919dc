// SPDX-License-Identifier: MIT
/* Many threads at one handle, while others come and go, the mapper among them. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "test.h"

#define ROUNDS		40
#define RINGERS		3
#define HEARD_MIN	100

struct crowd {
	struct hgshm *h;
	_Atomic int stop;
	_Atomic uint64_t rings;
	_Atomic uint64_t heard;
	_Atomic int failures;
};

static void check(struct crowd *crowd, int ok)
{
	if (!ok)
		atomic_fetch_add(&crowd->failures, 1);
}

static void *ringer(void *of)
{
	struct crowd *crowd = of;
	struct hgshm_stats stats;
	struct hgshm_info info;
	size_t bytes;
	void *ptr;

	while (!atomic_load(&crowd->stop)) {
		for (uint32_t i = 0; i < 4; i++) {
			int ret = hgshm_poke(crowd->h, i);

			check(crowd, ret == 0 || ret == (i == 1 ? -EINVAL : -ENOTCONN));
		}
		check(crowd, hgshm_poke_all(crowd->h) == 0);
		check(crowd, hgshm_get_info(crowd->h, &info) == 0 && info.peers & bit(1));
		check(crowd, hgshm_get_stats(crowd->h, &stats) == 0);
		check(crowd, hgshm_slice(crowd->h, 1, &ptr, &bytes) == 0);
		atomic_fetch_add(&crowd->rings, 1);
	}
	return NULL;
}

static void *waiter(void *of)
{
	struct crowd *crowd = of;
	struct hgshm_events events;

	while (!atomic_load(&crowd->stop)) {
		int ret = hgshm_wait(crowd->h, 1000000, &events);

		check(crowd, ret == 0 || ret == -ETIMEDOUT);
		if (!ret)
			check(crowd, !(events.came & events.went) && !(events.rung & bit(1)));
		if (!ret && events.rung)
			atomic_fetch_add(&crowd->heard, 1);
	}
	return NULL;
}

static struct hgshm *found(struct group *g)
{
	return host_found(g, "size=16k&clients=4&unlink=0");
}

static void test_crowd(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = found(g), *other;
	struct crowd crowd = { .h = host_open(g, "join:%s?index=1") };
	pthread_t threads[RINGERS + 1];

	g->object_stays = true;
	for (int i = 0; i < RINGERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ringer, &crowd), 0);
	assert_int_equal(pthread_create(&threads[RINGERS], NULL, waiter, &crowd), 0);
	for (int round = 0; round < ROUNDS || atomic_load(&crowd.heard) < HEARD_MIN; round++) {
		other = host_open(g, round % 2 ? "join:%s?index=2" : "join:%s?index=3");
		hgshm_poke_all(other);
		hgshm_poke(mapper, 1);
		host_take_all(other);
		hgshm_close(other);
		if (round % 20 == 19) {
			hgshm_close(mapper);
			mapper = found(g);
			host_wait_peers(mapper, 3);
		}
	}
	atomic_store(&crowd.stop, 1);
	for (int i = 0; i <= RINGERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.failures, 0);
	assert_true(crowd.rings > 0);
	hgshm_close(crowd.h);
	hgshm_close(mapper);
}

/* Errors in words are each thread's own. */
static void *fail_often(void *of)
{
	struct crowd *crowd = of;

	for (int i = 0; i < 1000; i++) {
		char expected[32];
		uint32_t index = 2 + (uintptr_t)pthread_self() / 64 % 2;

		snprintf(expected, sizeof(expected), "member %u is not there", index);
		check(crowd, hgshm_poke(crowd->h, index) == -ENOTCONN);
		check(crowd, strcmp(hgshm_strerror(-ENOTCONN), expected) == 0);
	}
	return NULL;
}

static void test_words(void **state)
{
	struct group *g = *state;
	struct crowd crowd = { .h = host_found(g, "size=16k&clients=4") };
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fail_often, &crowd), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.failures, 0);
	hgshm_close(crowd.h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_crowd),
		host_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
