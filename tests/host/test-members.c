// SPDX-License-Identifier: MIT
/* Host only: a mapper and its clients, with either backing. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "test.h"

static const char *const backings[] = { "shm", "memfd" };

static struct hgshm *found(const struct group *g, const char *backing, const char *more)
{
	char parameters[128];

	snprintf(parameters, sizeof(parameters), "backing=%s&%s", backing, more);
	return host_found(g, parameters);
}

static void test_info(void **state)
{
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		struct hgshm *mapper = found(g, backings[i], "size=50k&clients=4");
		struct hgshm *one = host_open(g, "join:%s");
		struct hgshm *three = host_open(g, "join:%s?index=3&mapidx=none");
		struct hgshm_info info = host_info(mapper);

		assert_int_equal(info.struct_bytes, sizeof(info));
		assert_int_equal(info.version, HGSHM_VERSION);
		assert_int_equal(info.features, HGSHM_FEATURE_GUEST_MMAP | HGSHM_FEATURE_SHMID);
		assert_int_equal(info.index, 0);
		assert_int_equal(info.clients, 4);
		assert_int_equal(info.mapidx, HGSHM_INDEX_NONE);
		assert_int_equal(info.vectors, 5);
		/* memfds have no remainder */
		assert_int_equal(info.size_bytes, i ? 48 << 10 : 52 << 10);
		assert_int_equal(info.slice_bytes, 12 << 10);
		assert_int_equal(info.memory_bytes, info.size_bytes);
		assert_int_equal(info.peer_bytes, 0);
		assert_int_equal(info.irq_enabled, 1);
		assert_int_equal(info.bar_bytes[0], 0);
		assert_int_equal(info.status, 0);
		assert_int_equal(info.cache, HGSHM_CACHE_WRITE_BACK);
		assert_int_equal(info.doorbells_bytes, 0);
		assert_string_equal((char *)info.shmid, g->shmid);

		info = host_info(one);
		assert_int_equal(info.features, HGSHM_FEATURE_GUEST_MMAP | HGSHM_FEATURE_SHMID |
						HGSHM_FEATURE_PEER_SLICE);
		assert_int_equal(info.index, 1);
		assert_int_equal(info.mapidx, 0);
		assert_int_equal(info.memory_bytes, 12 << 10);
		assert_int_equal(info.peer_bytes, 12 << 10);
		assert_string_equal((char *)info.shmid, g->shmid);
		info = host_info(three);
		assert_int_equal(info.index, 3);
		assert_int_equal(info.mapidx, HGSHM_INDEX_NONE);
		assert_int_equal(info.peer_bytes, 0);
		host_wait_peers(mapper, 0xb);
		host_wait_peers(one, 0xb);
		host_wait_peers(three, 0xb);
		hgshm_close(three);
		hgshm_close(one);
		hgshm_close(mapper);
		assert_false(group_object_exists(g));
		assert_int_equal(access(g->socket, F_OK), -1);
	}
}

static void expect_no_slice(struct hgshm *h, uint32_t index, int error)
{
	void *ptr = h;
	size_t bytes = 7;

	assert_int_equal(hgshm_slice(h, index, &ptr, &bytes), error);
	assert_ptr_equal(ptr, h);
	assert_int_equal(bytes, 7);
}

static void test_slices(void **state)
{
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		struct hgshm *mapper = found(g, backings[i], "size=32k&clients=4&mapidx-any=on");
		struct hgshm *one = host_open(g, "join:%s?index=1");
		struct hgshm *two = host_open(g, "join:%s?index=2&mapidx=1&mapidx-ro=on");
		unsigned char *all = host_slice(mapper, 0);
		size_t slice_bytes = 8192;

		for (uint32_t k = 0; k < 4; k++)
			assert_ptr_equal(host_slice(mapper, k), all + k * slice_bytes);
		memset(all, 0, 4 * slice_bytes);
		host_slice(one, 1)[slice_bytes - 1] = 0x11;
		host_slice(two, 2)[0] = 0x22;
		host_slice(one, 0)[5] = 0x33;
		all[slice_bytes] = 0x44;
		assert_int_equal(all[2 * slice_bytes - 1], 0x11);
		assert_int_equal(all[2 * slice_bytes], 0x22);
		assert_int_equal(all[5], 0x33);
		assert_int_equal(host_slice(two, 1)[slice_bytes - 1], 0x11);
		assert_int_equal(host_slice(two, 1)[0], 0x44);
		assert_ptr_equal(host_slice(one, 1), host_slice(one, 1));
		assert_true(host_info(two).features & HGSHM_FEATURE_PEER_READONLY);
		expect_no_slice(one, 2, -EACCES);
		expect_no_slice(two, 0, -EACCES);
		expect_no_slice(mapper, 4, -ENXIO);
		hgshm_close(one);
		hgshm_close(two);
		hgshm_close(mapper);
	}
}

/* A read-only mapping is one by the kernel: read(2) into it fails. */
static void test_readonly_slice(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=8k");
	struct hgshm *one = host_open(g, "join:%s?mapidx-ro=on");
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(read(ends[0], host_slice(one, 0), 1), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(read(ends[0], host_slice(one, 1), 1), 1);
	close(ends[0]);
	close(ends[1]);
	hgshm_close(one);
	hgshm_close(mapper);
}

/* The place that "any" gives is the one whose slice was to be seen beside it. */
static void test_own_mapidx(void **state)
{
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		struct hgshm *mapper = found(g, backings[i], "size=16k&clients=3&mapidx-any=on");
		struct hgshm *any = host_open(g, "join:%s?mapidx=1");
		struct hgshm *named = host_open(g, "join:%s?mapidx=2&index=2");

		assert_int_equal(host_info(any).index, 1);
		assert_int_equal(host_info(any).mapidx, HGSHM_INDEX_NONE);
		assert_int_equal(host_info(named).mapidx, HGSHM_INDEX_NONE);
		host_slice(any, 1)[0] = 0x55;
		assert_int_equal(host_slice(mapper, 1)[0], 0x55);
		hgshm_close(named);
		hgshm_close(any);
		hgshm_close(mapper);
	}
}

static void test_doorbells(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=32k&clients=4");
	struct hgshm *one = host_open(g, "join:%s");
	struct hgshm *two = host_open(g, "join:%s");
	struct hgshm_events events;
	struct hgshm_stats stats;

	host_wait_peers(one, 7);
	host_wait_peers(mapper, 7);
	host_expect_rings(mapper, 0, one, 1);
	host_expect_rings(mapper, 0, two, 2);
	host_expect_rings(one, 1, two, 2);

	for (int i = 0; i < 5; i++)
		assert_int_equal(hgshm_poke(one, 2), 0);
	assert_int_equal(hgshm_wait(two, -1, &events), 0);
	assert_int_equal(events.rung, bit(1));
	assert_int_equal(events.counts[1], 5);
	assert_int_equal(events.peers_changed, 0);
	assert_int_equal(events.epoch, host_info(two).epoch);

	assert_int_equal(hgshm_poke_all(two), 0);
	host_wait_ring(mapper, 2);
	host_wait_ring(one, 2);
	host_expect_quiet(two);

	assert_int_equal(hgshm_poke(one, 1), -EINVAL);
	assert_int_equal(hgshm_poke(one, 4), -EINVAL);
	assert_int_equal(hgshm_poke(one, 3), -ENOTCONN);
	assert_string_equal(hgshm_strerror(-ENOTCONN), "member 3 is not there");
	assert_int_equal(hgshm_get_stats(two, &stats), 0);
	assert_int_equal(stats.sent[0], 2);
	assert_int_equal(stats.sent[1], 2);
	assert_int_equal(stats.received[0], 1);
	assert_int_equal(stats.received[1], 6);
	hgshm_close(two);
	hgshm_close(one);
	hgshm_close(mapper);
}

static bool readable(struct hgshm *h)
{
	struct pollfd pollfd = { .fd = hgshm_fd(h), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

static void test_fd(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=8k");
	struct hgshm *one = host_open(g, "join:%s");
	struct pollfd pollfd = { .fd = hgshm_fd(mapper), .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
	host_wait_peers(mapper, 3);
	host_take_all(mapper);
	assert_false(readable(mapper));
	assert_false(readable(one));
	assert_int_equal(hgshm_poke(one, 0), 0);
	assert_true(readable(mapper));
	assert_int_equal(hgshm_wait(mapper, 0, NULL), 0);
	assert_false(readable(mapper));
	hgshm_close(one);
	assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
	hgshm_close(mapper);
}

static void test_timeouts(void **state)
{
	static const int64_t timeouts_ns[] = { 0, 1, 999999, 1000000, 3500000 };
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=8k");
	struct hgshm_events events, before;
	struct hgshm_stats stats;

	memset(&before, 0xA5, sizeof(before));
	events = before;
	for (size_t i = 0; i < ARRAY_SIZE(timeouts_ns); i++)
		assert_int_equal(hgshm_wait(mapper, timeouts_ns[i], &events), -ETIMEDOUT);
	assert_memory_equal(&events, &before, sizeof(events));
	assert_int_equal(hgshm_get_stats(mapper, &stats), 0);
	assert_int_equal(stats.waits, ARRAY_SIZE(timeouts_ns));
	assert_true(stats.sleeps > 0);
	hgshm_close(mapper);
}

static void test_coming_and_going(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=3");
	struct hgshm *one = host_open(g, "join:%s");
	struct hgshm *two = host_open(g, "join:%s");
	struct hgshm_events events;
	uint32_t epoch;

	host_expect_quiet(two);
	host_wait_peers(mapper, 7);
	host_wait_peers(one, 7);
	host_take_all(mapper);
	host_take_all(one);
	epoch = host_info(one).epoch;

	/* what it rings before it goes is heard after that */
	assert_int_equal(hgshm_poke(two, 1), 0);
	hgshm_close(two);
	host_wait_peers(one, 3);
	assert_int_equal(host_info(one).epoch, epoch + 1);
	assert_int_equal(hgshm_poke(one, 2), -ENOTCONN);
	host_wait_peers(mapper, 3);
	host_take_all(mapper);
	host_take_all(one);

	two = host_open(g, "join:%s");
	assert_int_equal(host_info(two).index, 2);
	assert_int_equal(hgshm_wait(mapper, -1, &events), 0);
	assert_int_equal(events.came, bit(2));
	assert_int_equal(events.went, 0);
	assert_int_equal(events.peers_changed, 1);
	assert_int_equal(hgshm_wait(one, -1, &events), 0);
	assert_int_equal(events.came, bit(2));
	host_expect_rings(one, 1, two, 2);

	/* one that has gone and come again is neither new nor missed */
	epoch = host_info(one).epoch;
	hgshm_close(two);
	two = host_open(g, "join:%s");
	while (host_info(one).epoch != epoch + 2)
		assert_int_equal(poll(NULL, 0, 1), 0);
	assert_int_equal(hgshm_wait(one, -1, &events), 0);
	assert_int_equal(events.peers_changed, 1);
	assert_int_equal(events.came | events.went, 0);
	assert_int_equal(events.epoch, epoch + 2);
	host_expect_rings(one, 1, two, 2);
	hgshm_close(two);
	hgshm_close(one);
	hgshm_close(mapper);
}

static void test_last_ring_is_heard(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=3");
	struct hgshm *one = host_open(g, "join:%s?index=1");
	struct hgshm *two;
	struct hgshm_events events;
	uint64_t rings = 0;

	/* more often than eventfds are kept */
	for (int i = 0; i < 4; i++) {
		two = host_open(g, "join:%s?index=2");
		assert_int_equal(hgshm_poke(two, 1), 0);
		assert_int_equal(hgshm_poke(two, 0), 0);
		hgshm_close(two);
		host_wait_ring(mapper, 2);
		host_wait_peers(mapper, 3);
	}
	two = host_open(g, "join:%s?index=2");
	assert_int_equal(hgshm_poke(two, 1), 0);
	while (rings < 5) {
		assert_int_equal(hgshm_wait(one, WAIT_MS * INT64_C(1000000), &events), 0);
		rings += events.counts[2];
	}
	assert_int_equal(rings, 5);
	hgshm_close(two);
	hgshm_close(one);
	hgshm_close(mapper);
}

static void test_no_mesh(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=3&mesh=off");
	struct hgshm *one = host_open(g, "join:%s");
	struct hgshm *two = host_open(g, "join:%s");

	host_wait_peers(mapper, 7);
	assert_int_equal(host_info(one).peers, 3);
	assert_int_equal(host_info(two).peers, 5);
	assert_int_equal(hgshm_poke(one, 2), -ENOTCONN);
	host_expect_rings(mapper, 0, one, 1);
	host_expect_rings(mapper, 0, two, 2);
	hgshm_close(two);
	hgshm_close(one);
	hgshm_close(mapper);
}

static void test_no_dmabuf(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=8k");
	int fd = 7;

	assert_int_equal(hgshm_export_dmabuf(mapper, 0, 0, 4096, 0, &fd), -EOPNOTSUPP);
	assert_int_equal(hgshm_export_dmabuf(mapper, 0, 0, 4096, 4, &fd), -EINVAL);
	assert_int_equal(hgshm_export_dmabuf(NULL, 0, 0, 4096, 0, &fd), -EINVAL);
	assert_int_equal(fd, 7);
	hgshm_close(mapper);
}

/* Nothing is left open, by whatever way a member goes. */
static void test_no_fd_is_left(void **state)
{
	struct group *g = *state;
	unsigned int fds = host_count_fds();

	for (int round = 0; round < 3; round++) {
		struct hgshm *mapper = found(g, backings[round % 2], "size=16k&clients=3");
		struct hgshm *one = host_open(g, "join:%s");
		struct hgshm *two = host_open(g, "join:%s");

		host_expect_rings(one, 1, two, 2);
		if (round)
			hgshm_close(mapper);
		hgshm_close(one);
		hgshm_close(two);
		if (!round)
			hgshm_close(mapper);
		assert_int_equal(host_count_fds(), fds);
	}
}

#define ALL 64

static void test_all_64(void **state)
{
	struct group *g = *state;
	struct rlimit limit;
	struct hgshm *h[ALL];
	uint32_t index;

	/* 64 × 64 doorbells each way, all of them in this process */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 10000)
		skip();
	h[0] = host_found(g, "size=256k&clients=64");
	for (index = 1; index < ALL; index++) {
		h[index] = host_open(g, "join:%s");
		assert_int_equal(host_info(h[index]).index, index);
	}
	host_expect_refusal(g, "join:%s", -EADDRINUSE, "the mapper at %s refused this process: all "
			    "64 indices below clients=64 are held; stop a member or give the "
			    "mapper more clients", g->socket);
	for (index = 0; index < ALL; index++) {
		host_wait_peers(h[index], UINT64_MAX);
		host_slice(h[index], index)[0] = index;
	}
	for (index = 0; index < ALL; index++) {
		host_expect_rings(h[index], index, h[(index + 1) % ALL], (index + 1) % ALL);
		assert_int_equal(host_slice(h[0], index)[0], index);
	}
	assert_int_equal(hgshm_poke_all(h[17]), 0);
	for (index = 0; index < ALL; index++)
		if (index != 17)
			host_wait_ring(h[index], 17);
	for (index = 0; index < ALL; index++)
		hgshm_close(h[index]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_info),
		host_test(test_slices),
		host_test(test_readonly_slice),
		host_test(test_own_mapidx),
		host_test(test_doorbells),
		host_test(test_fd),
		host_test(test_timeouts),
		host_test(test_coming_and_going),
		host_test(test_last_ring_is_heard),
		host_test(test_no_mesh),
		host_test(test_no_dmabuf),
		host_test(test_no_fd_is_left),
		host_test(test_all_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
