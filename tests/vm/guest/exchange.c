// SPDX-License-Identifier: MIT
/*
 * Two members of a group, 0 and 1, exchange data and doorbells, in a guest or on the host:
 *
 *   exchange leave URI    says "in" when it has its place, exchanges, goes
 *   exchange stay URI     exchanges, and sees the other go
 *
 * Each round 0 fills its half of slice 1, says so in its line and rings; 1 checks that and
 * does the same with the other half. A guest's device is there before its driver is, and
 * what was rung by then is told to nobody: so a line counts, not a ring. A URI that leads
 * nowhere yet is tried again.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <hgshm/hgshm.h>

#include "check.h"

#define ROUNDS		500
#define LINES_BYTES	4096
#define HALF_BYTES	65536
#define PATIENCE_NS	(60 * INT64_C(1000000000))
#define OPEN_TRIES	6000
#define OPEN_STEP_MS	20

struct member {
	struct hgshm *h;
	uint32_t index;
	_Atomic uint32_t *lines; /* of 0 and 1: rounds that it has filled, and one */
	unsigned char *halves;
};

static struct hgshm *open_place(const char *uri)
{
	struct hgshm *h = NULL;
	int ret = -ENOENT;

	for (int i = 0; i < OPEN_TRIES && (ret == -ENOENT || ret == -ECONNREFUSED); i++) {
		if (i)
			poll(NULL, 0, OPEN_STEP_MS);
		ret = hgshm_open(&h, uri, NULL);
	}
	if (ret)
		check_abort("%s: %s", uri, hgshm_strerror(ret));
	return h;
}

static void wait_event(struct hgshm *h, struct hgshm_events *events)
{
	int ret = hgshm_wait(h, PATIENCE_NS, events);

	if (ret)
		check_abort("waiting: %s", hgshm_strerror(ret));
}

static void wait_peers(struct hgshm *h, uint64_t peers)
{
	struct hgshm_events events;
	struct hgshm_info info;

	for (;;) {
		CHECK_EQUAL(hgshm_get_info(h, &info), 0);
		if (info.peers == peers)
			return;
		wait_event(h, &events);
	}
}

static void say(struct member *m, uint32_t line)
{
	atomic_store_explicit(&m->lines[m->index], line, memory_order_release);
	CHECK_EQUAL(hgshm_poke(m->h, !m->index), 0);
}

static void wait_said(struct member *m, uint32_t line)
{
	struct hgshm_events events;

	while (atomic_load_explicit(&m->lines[!m->index], memory_order_acquire) < line) {
		wait_event(m->h, &events);
		CHECK_EQUAL(events.rung & ~(UINT64_C(1) << !m->index), 0);
	}
}

static unsigned char value(int half, int round, size_t at)
{
	return at * 31 + round * 7 + half * 113;
}

static void fill(struct member *m, int half, int round)
{
	unsigned char *to = m->halves + half * HALF_BYTES;

	for (size_t i = 0; i < HALF_BYTES; i++)
		to[i] = value(half, round, i);
	say(m, round + 2);
}

static void check(struct member *m, int half, int round)
{
	const unsigned char *from = m->halves + half * HALF_BYTES;

	wait_said(m, round + 2);
	for (size_t i = 0; i < HALF_BYTES; i++) {
		if (from[i] != value(half, round, i))
			check_abort("round %d: byte %zu of half %d is 0x%02x", round, i, half,
				    from[i]);
	}
}

static void exchange(struct member *m)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (m->index == 0) {
			fill(m, 0, round);
			check(m, 1, round);
		} else {
			check(m, 0, round);
			fill(m, 1, round);
		}
	}
}

static void check_info(struct member *m)
{
	struct hgshm_info info;

	CHECK_EQUAL(hgshm_get_info(m->h, &info), 0);
	m->index = info.index;
	CHECK(m->index < 2);
	CHECK_EQUAL(info.clients, 2);
	CHECK(info.shmid[0] != 0);
	CHECK_EQUAL(info.status, 0);
}

int main(int argc, char **argv)
{
	struct member m;
	size_t bytes;
	void *slice;
	int stays;

	if (argc != 3)
		check_abort("usage: exchange leave|stay URI");
	stays = !strcmp(argv[1], "stay");
	m.h = open_place(argv[2]);
	puts("in");
	fflush(stdout);
	check_info(&m);
	CHECK_EQUAL(hgshm_slice(m.h, 1, &slice, &bytes), 0);
	m.lines = slice;
	m.halves = (unsigned char *)slice + LINES_BYTES;
	CHECK(bytes >= LINES_BYTES + 2 * HALF_BYTES);
	wait_peers(m.h, 3);
	say(&m, 1);
	wait_said(&m, 1);
	exchange(&m);
	printf("member %u exchanged %d times %zu bytes\n", m.index, ROUNDS, (size_t)HALF_BYTES);
	if (stays)
		wait_peers(m.h, UINT64_C(1) << m.index);
	hgshm_close(m.h);
	return check_status();
}
