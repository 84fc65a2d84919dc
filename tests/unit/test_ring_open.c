/* SPDX-License-Identifier: MIT */
/* Rings that two members of a group find by convention: who comes first, who goes. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "fake_group.h"
#include "ring_fixture.h"

#define SLICE_BYTES (1 << 20)
#define SMALL_SLICE_BYTES 16384

/* One member's side, opened by a thread of its own. */
struct party {
	struct hgshm *h;
	uint32_t peer;
	uint32_t side;
	int64_t timeout_ns;
	const struct hgshm_ring_options *options;
	struct hgshm_ring *ring;
	int ret;
	char words[200];
	pthread_t thread;
};

static void *open_thread(void *argument)
{
	struct party *party = argument;

	party->ret = hgshm_ring_open(&party->ring, party->h, party->peer, party->side,
				     party->timeout_ns, party->options);
	if (party->ret)
		snprintf(party->words, sizeof(party->words), "%s", hgshm_strerror(party->ret));
	return NULL;
}

static void start_with(struct party *party, struct hgshm *h, uint32_t peer, uint32_t side,
		       const struct hgshm_ring_options *options)
{
	*party = (struct party){ .h = h, .peer = peer, .side = side, .timeout_ns = RING_WAIT_NS,
				 .options = options };
	assert_int_equal(pthread_create(&party->thread, NULL, open_thread, party), 0);
}

static void start(struct party *party, struct hgshm *h, uint32_t peer, uint32_t side)
{
	start_with(party, h, peer, side, NULL);
}

static struct hgshm_ring *finish(struct party *party)
{
	assert_int_equal(pthread_join(party->thread, NULL), 0);
	if (party->ret)
		fail_msg("side %u: %s", party->side, party->words);
	return party->ring;
}

static void assert_error(int ret, int error, const char *words)
{
	assert_int_equal(ret, error);
	if (!strstr(hgshm_strerror(error), words))
		fail_msg("'%s' does not say '%s'", hgshm_strerror(error), words);
}

static void talk(struct hgshm_ring *from, struct hgshm_ring *to, const char *text)
{
	char heard[32];
	size_t bytes;

	assert_int_equal(hgshm_ring_send(from, text, strlen(text), RING_WAIT_NS), 0);
	assert_int_equal(hgshm_ring_recv(to, heard, sizeof(heard), &bytes, RING_WAIT_NS), 0);
	assert_int_equal(bytes, strlen(text));
	assert_memory_equal(heard, text, bytes);
}

/* Every ordered pair at once: no two rings share memory. */
static void every_pair_has_its_own(void **state)
{
	struct hgshm *h[4];
	struct hgshm_ring *from[4][4], *to[4][4];
	struct fake_group group;
	char text[32];

	fake_group_make(&group, 4, SLICE_BYTES);
	for (uint32_t i = 0; i < 4; i++)
		h[i] = fake_group_join(&group, i);
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t j = 0; j < 4; j++) {
			struct party writer, reader;

			if (i == j)
				continue;
			start(&writer, h[i], j, HGSHM_RING_PRODUCER);
			start(&reader, h[j], i, HGSHM_RING_CONSUMER);
			from[i][j] = finish(&writer);
			to[i][j] = finish(&reader);
		}
	for (int round = 0; round < 50; round++)
		for (uint32_t i = 0; i < 4; i++)
			for (uint32_t j = 0; j < 4; j++) {
				if (i == j)
					continue;
				snprintf(text, sizeof(text), "%u to %u, %d", i, j, round);
				talk(from[i][j], to[i][j], text);
			}
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t j = 0; j < 4; j++)
			if (i != j) {
				hgshm_ring_close(from[i][j]);
				hgshm_ring_close(to[i][j]);
			}
	for (uint32_t i = 0; i < 4; i++)
		hgshm_close(h[i]);
	fake_group_free(&group);
}

static void lie_in_the_last_quarter(void **state)
{
	struct fake_group group;
	struct hgshm *h[3];
	void *memory;
	size_t bytes;

	fake_group_make(&group, 3, SLICE_BYTES);
	for (uint32_t i = 0; i < 3; i++)
		h[i] = fake_group_join(&group, i);
	assert_int_equal(hgshm_ring_place(h[0], 0, 2, &memory, &bytes), 0);
	assert_int_equal(bytes, SLICE_BYTES / 8);
	assert_ptr_equal(memory, fake_group_slice(&group, 2) + SLICE_BYTES / 4 * 3);
	assert_int_equal(hgshm_ring_place(h[2], 2, 0, &memory, &bytes), 0);
	assert_ptr_equal(memory, fake_group_slice(&group, 2) + SLICE_BYTES / 4 * 3 + bytes);
	assert_int_equal(hgshm_ring_place(h[1], 2, 1, &memory, &bytes), 0);
	assert_int_equal(bytes, SLICE_BYTES / 4 / 9 / 128 * 128);
	assert_ptr_equal(memory, fake_group_slice(&group, 0) + SLICE_BYTES / 4 * 3 + 7 * bytes);
	assert_error(hgshm_ring_place(h[1], 2, 0, &memory, &bytes), -EACCES, "slice 2");
	assert_error(hgshm_ring_place(h[1], 1, 1, &memory, &bytes), -EINVAL, "to itself");
	assert_error(hgshm_ring_place(h[1], 1, 3, &memory, &bytes), -ENXIO, "clients=3");
	assert_error(hgshm_ring_place(NULL, 1, 2, &memory, &bytes), -EINVAL, "NULL");
	for (uint32_t i = 0; i < 3; i++)
		hgshm_close(h[i]);
	fake_group_free(&group);

	fake_group_make(&group, 8, 4096);
	h[1] = fake_group_join(&group, 1);
	assert_error(hgshm_ring_place(h[1], 1, 2, &memory, &bytes), -ENOSPC,
		     "a slice of 4096 bytes leaves 0 for each ring");
	hgshm_close(h[1]);
	fake_group_free(&group);
}

struct two {
	struct fake_group group;
	struct hgshm *h[2];
};

static int make_two(void **state)
{
	static struct two two;

	fake_group_make(&two.group, 2, SLICE_BYTES);
	for (uint32_t i = 0; i < 2; i++)
		two.h[i] = fake_group_join(&two.group, i);
	*state = &two;
	return 0;
}

static int free_two(void **state)
{
	struct two *two = *state;

	for (int i = 0; i < 2; i++)
		hgshm_close(two->h[i]);
	fake_group_free(&two->group);
	return 0;
}

static void open_both(struct two *two, struct hgshm_ring **from, struct hgshm_ring **to)
{
	struct party writer, reader;

	start(&reader, two->h[1], 0, HGSHM_RING_CONSUMER);
	start(&writer, two->h[0], 1, HGSHM_RING_PRODUCER);
	*from = finish(&writer);
	*to = finish(&reader);
}

/* Whoever is left alone says so, and nothing is left behind that hurts the next. */
static void waits_no_longer_than_told(void **state)
{
	struct hgshm_ring *ring, *from, *to;
	struct two *two = *state;

	assert_error(hgshm_ring_open(&ring, two->h[0], 1, HGSHM_RING_PRODUCER, 1000000, NULL),
		     -ETIMEDOUT, "member 1 has not opened the ring");
	assert_error(hgshm_ring_open(&ring, two->h[1], 0, HGSHM_RING_CONSUMER, 0, NULL),
		     -ETIMEDOUT, "member 0 has not opened the ring");
	open_both(two, &from, &to);
	talk(from, to, "now");
	hgshm_ring_close(from);
	hgshm_ring_close(to);
}

static void ignores_what_an_earlier_writer_left(void **state)
{
	struct hgshm_ring *from, *to, *old;
	struct two *two = *state;
	struct party reader, writer;
	size_t bytes;
	char heard[8];

	open_both(two, &old, &to);
	assert_int_equal(hgshm_ring_send(old, "stale", 5, 0), 0);
	hgshm_ring_close(to);
	/* The writer is gone without a word; only its ring is there. */
	start(&reader, two->h[1], 0, HGSHM_RING_CONSUMER);
	start(&writer, two->h[0], 1, HGSHM_RING_PRODUCER);
	from = finish(&writer);
	to = finish(&reader);
	talk(from, to, "fresh");
	assert_error(hgshm_ring_send(old, "late", 4, 0), -ESTALE, "formatted anew");
	hgshm_ring_close(old);
	hgshm_ring_close(from);
	assert_int_equal(hgshm_ring_recv(to, heard, sizeof(heard), &bytes, -1), -EPIPE);
	hgshm_ring_close(to);
}

static void replaces_garbage(void **state)
{
	struct two *two = *state;
	struct hgshm_ring *from, *to;

	memset(fake_group_slice(&two->group, 1), 0xA5, SLICE_BYTES);
	open_both(two, &from, &to);
	talk(from, to, "clean");
	hgshm_ring_close(from);
	hgshm_ring_close(to);
}

struct waiter {
	struct hgshm_ring *ring;
	int ret;
	char words[200];
};

static void *recv_thread(void *argument)
{
	struct waiter *waiter = argument;
	size_t bytes;

	waiter->ret = hgshm_ring_recv(waiter->ring, NULL, 0, &bytes, RING_WAIT_NS);
	snprintf(waiter->words, sizeof(waiter->words), "%s", hgshm_strerror(waiter->ret));
	return NULL;
}

static void *fill_thread(void *argument)
{
	struct waiter *waiter = argument;

	do
		waiter->ret = hgshm_ring_send(waiter->ring, waiter->words, sizeof(waiter->words),
					      RING_WAIT_NS);
	while (!waiter->ret);
	snprintf(waiter->words, sizeof(waiter->words), "%s", hgshm_strerror(waiter->ret));
	return NULL;
}

static void tells_of_a_member_that_left(void **state)
{
	struct two *two = *state;
	struct hgshm_ring *from;
	struct waiter waiter = { 0 };
	pthread_t thread;

	open_both(two, &from, &waiter.ring);
	assert_int_equal(pthread_create(&thread, NULL, recv_thread, &waiter), 0);
	fake_group_kill(&two->group, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(waiter.ret, -ECONNRESET);
	assert_non_null(strstr(waiter.words, "member 0 has left"));
	hgshm_ring_close(from);
	hgshm_ring_close(waiter.ring);
}

/* The handle's owner has taken the news itself, before the ring waits. */
static void tells_of_it_though_another_was_told(void **state)
{
	struct hgshm_ring *from, *to;
	struct two *two = *state;
	size_t bytes;

	open_both(two, &from, &to);
	fake_group_kill(&two->group, 0);
	assert_int_equal(hgshm_wait(two->h[1], RING_WAIT_NS, NULL), 0);
	while (hgshm_wait(two->h[1], 0, NULL) == 0)
		;
	assert_error(hgshm_ring_recv(to, NULL, 0, &bytes, RING_WAIT_NS), -ECONNRESET,
		     "member 0 has left");
	hgshm_ring_close(from);
	hgshm_ring_close(to);
}

/* The writer sleeps for room, its reader's process has died, and a new one comes. */
static void tells_a_writer_of_a_new_reader(void **state)
{
	struct hgshm_ring *gone, *from;
	struct two *two = *state;
	struct waiter waiter = { 0 };
	struct party reader, writer;
	pthread_t thread;

	open_both(two, &waiter.ring, &gone);
	assert_int_equal(pthread_create(&thread, NULL, fill_thread, &waiter), 0);
	start(&reader, two->h[1], 0, HGSHM_RING_CONSUMER);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(waiter.ret, -ESTALE);
	assert_non_null(strstr(waiter.words, "replaced by another process"));
	hgshm_ring_close(waiter.ring);
	start(&writer, two->h[0], 1, HGSHM_RING_PRODUCER);
	from = finish(&writer);
	talk(from, finish(&reader), "again");
	hgshm_ring_close(from);
	hgshm_ring_close(reader.ring);
	hgshm_ring_close(gone);
}

static void tells_a_reader_of_a_new_writer(void **state)
{
	struct hgshm_ring *gone, *from;
	struct two *two = *state;
	struct waiter waiter = { 0 };
	struct party writer, reader;
	pthread_t thread;

	open_both(two, &gone, &waiter.ring);
	assert_int_equal(pthread_create(&thread, NULL, recv_thread, &waiter), 0);
	start(&writer, two->h[0], 1, HGSHM_RING_PRODUCER);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(waiter.ret, -ESTALE);
	hgshm_ring_close(waiter.ring);
	start(&reader, two->h[1], 0, HGSHM_RING_CONSUMER);
	from = finish(&writer);
	talk(from, finish(&reader), "anew");
	hgshm_ring_close(from);
	hgshm_ring_close(reader.ring);
	hgshm_ring_close(gone);
}

/* A thread that moves messages through one of a handle's rings. */
struct mover {
	struct hgshm_ring *ring;
	uint64_t messages;
	pthread_t thread;
	int ret;
	char words[200];
};

static void *send_thread(void *argument)
{
	struct mover *mover = argument;
	unsigned char message[400];

	for (uint64_t i = 0; i < mover->messages && !mover->ret; i++) {
		size_t bytes = ring_message_length(i, sizeof(message));

		ring_message_fill(message, i, bytes);
		mover->ret = hgshm_ring_send(mover->ring, message, bytes, RING_WAIT_NS);
	}
	snprintf(mover->words, sizeof(mover->words), "%s", hgshm_strerror(mover->ret));
	return NULL;
}

static void *receive_thread(void *argument)
{
	struct mover *mover = argument;
	unsigned char message[400];

	for (uint64_t i = 0; i < mover->messages && !mover->ret; i++) {
		size_t bytes;

		mover->ret = hgshm_ring_recv(mover->ring, message, sizeof(message), &bytes,
					     RING_WAIT_NS);
		if (!mover->ret && (bytes != ring_message_length(i, sizeof(message)) ||
				    !ring_message_is(message, i, bytes)))
			mover->ret = -EBADMSG;
	}
	snprintf(mover->words, sizeof(mover->words), "%s", hgshm_strerror(mover->ret));
	return NULL;
}

/* The least of rings: all sleep most of the time, at the two handles. */
static void waits_in_several_threads(void **state)
{
	struct hgshm_options options = { .struct_bytes = sizeof(options) };
	struct hgshm_ring_options ring_options = { .struct_bytes = sizeof(ring_options) };
	struct mover movers[8] = { 0 };
	struct fake_group group;
	struct hgshm *h[3];

	fake_group_make(&group, 3, SMALL_SLICE_BYTES);
	for (uint32_t i = 0; i < 3; i++)
		h[i] = fake_group_join_with(&group, i, &options);
	for (int i = 0; i < 4; i++) {
		uint32_t from = i % 2 ? 1 + i / 2 : 0, to = i % 2 ? 0 : 1 + i / 2;
		struct party writer, reader;

		start_with(&writer, h[from], to, HGSHM_RING_PRODUCER, &ring_options);
		start_with(&reader, h[to], from, HGSHM_RING_CONSUMER, &ring_options);
		movers[2 * i].ring = finish(&writer);
		movers[2 * i + 1].ring = finish(&reader);
	}
	for (int i = 0; i < 8; i++) {
		movers[i].messages = 10000;
		assert_int_equal(pthread_create(&movers[i].thread, NULL,
						i % 2 ? receive_thread : send_thread, &movers[i]),
				 0);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_join(movers[i].thread, NULL), 0);
	for (int i = 0; i < 8; i++) {
		if (movers[i].ret)
			fail_msg("thread %d: %s", i, movers[i].words);
		hgshm_ring_close(movers[i].ring);
	}
	for (int i = 0; i < 3; i++)
		hgshm_close(h[i]);
	fake_group_free(&group);
}

static int no_wake(void *context)
{
	return 0;
}

static int no_wait(void *context, int64_t timeout_ns)
{
	return 0;
}

static void refuses_wrong_arguments(void **state)
{
	struct hgshm_ring_options options = { .struct_bytes = sizeof(options) };
	struct hgshm_ring *ring = NULL;
	struct two *two = *state;

	assert_error(hgshm_ring_open(&ring, NULL, 1, 0, 0, NULL), -EINVAL, "NULL");
	assert_error(hgshm_ring_open(NULL, two->h[0], 1, 0, 0, NULL), -EINVAL, "NULL");
	assert_error(hgshm_ring_open(&ring, two->h[0], 1, 2, 0, NULL), -EINVAL, "side 2");
	assert_error(hgshm_ring_open(&ring, two->h[0], 0, 0, 0, NULL), -EINVAL, "to itself");
	assert_error(hgshm_ring_open(&ring, two->h[0], 2, 0, 0, NULL), -ENXIO, "clients=2");
	options.wake = no_wake;
	options.wait = no_wait;
	assert_error(hgshm_ring_open(&ring, two->h[0], 1, 0, 0, &options), -EINVAL, "must be NULL");
	assert_null(ring);
}

#define two_test(f) cmocka_unit_test_setup_teardown(f, make_two, free_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_has_its_own),
		cmocka_unit_test(lie_in_the_last_quarter),
		two_test(waits_no_longer_than_told),
		two_test(ignores_what_an_earlier_writer_left),
		two_test(replaces_garbage),
		two_test(tells_of_a_member_that_left),
		two_test(tells_of_it_though_another_was_told),
		two_test(tells_a_writer_of_a_new_reader),
		two_test(tells_a_reader_of_a_new_writer),
		cmocka_unit_test(waits_in_several_threads),
		two_test(refuses_wrong_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
