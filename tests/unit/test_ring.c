/* SPDX-License-Identifier: MIT */
/* Message rings: order and content, limits, coming and going, who is rung. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "ring_fixture.h"

#define CAPACITY 1024

static void send_number(struct hgshm_ring *ring, uint64_t number, size_t bytes)
{
	unsigned char message[CAPACITY];

	ring_message_fill(message, number, bytes);
	assert_int_equal(hgshm_ring_send(ring, message, bytes, 0), 0);
}

static void recv_number(struct hgshm_ring *ring, uint64_t number, size_t bytes)
{
	unsigned char message[CAPACITY];
	size_t got;

	assert_int_equal(hgshm_ring_recv(ring, message, sizeof(message), &got, 0), 0);
	assert_int_equal(got, bytes);
	assert_true(ring_message_is(message, number, bytes));
}

static void assert_error(int ret, int error, const char *words)
{
	assert_int_equal(ret, error);
	if (!strstr(hgshm_strerror(error), words))
		fail_msg("'%s' does not say '%s'", hgshm_strerror(error), words);
}

/* Every position and every length meet, since neither divides the other. */
static void keeps_order_and_content(void **state)
{
	struct ring_pair pair;
	uint64_t sent = 0, received = 0;
	size_t limit;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	limit = ring_info(pair.producer).message_bytes_max + 1;
	assert_int_equal(limit, CAPACITY / 2 - 8 + 1);
	while (received < 20000) {
		unsigned char message[CAPACITY];
		size_t bytes = ring_message_length(sent, limit);
		int ret;

		ring_message_fill(message, sent, bytes);
		ret = hgshm_ring_send(pair.producer, message, bytes, 0);
		if (ret == 0) {
			sent++;
			continue;
		}
		assert_error(ret, -ETIMEDOUT, "no room in time");
		recv_number(pair.consumer, received, ring_message_length(received, limit));
		received++;
	}
	assert_int_equal(ring_info(pair.producer).messages, sent);
	assert_int_equal(ring_info(pair.consumer).messages, received);
	ring_pair_free(&pair);
}

static void moves_batches_without_copies(void **state)
{
	struct ring_pair pair;
	const void *seen;
	size_t bytes;
	void *room;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(hgshm_ring_reserve(pair.producer, 100, &room), 0);
		assert_int_equal((uintptr_t)room % 8, 0);
		ring_message_fill(room, i, 10 * i);
		assert_int_equal(hgshm_ring_commit(pair.producer, 10 * i), 0);
		assert_int_equal(hgshm_ring_peek(pair.consumer, &seen, &bytes), -EAGAIN);
	}
	assert_int_equal(hgshm_ring_publish(pair.producer), 0);
	assert_int_equal(ring_info(pair.producer).publications, 1);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(hgshm_ring_peek(pair.consumer, &seen, &bytes), 0);
		assert_int_equal(bytes, 10 * i);
		assert_true(ring_message_is(seen, i, bytes));
	}
	assert_int_equal(hgshm_ring_peek(pair.consumer, &seen, &bytes), -EAGAIN);
	assert_true(ring_info(pair.consumer).used_bytes > 0);
	assert_int_equal(hgshm_ring_release(pair.consumer), 0);
	assert_int_equal(ring_info(pair.consumer).used_bytes, 0);
	assert_int_equal(ring_info(pair.consumer).publications, 1);
	ring_pair_free(&pair);
}

/* The longest message fits at any position, though it can't wrap. */
static void takes_the_longest_anywhere(void **state)
{
	struct ring_pair pair;
	size_t longest;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	longest = ring_info(pair.producer).message_bytes_max;
	for (uint64_t i = 0; i < 3 * CAPACITY / 8; i++) {
		send_number(pair.producer, i, longest);
		recv_number(pair.consumer, i, longest);
		send_number(pair.producer, i, 0);
		recv_number(pair.consumer, i, 0);
	}
	ring_pair_free(&pair);
}

static void refuses_wrong_arguments(void **state)
{
	struct hgshm_ring_options odd = { .struct_bytes = sizeof(odd) };
	struct hgshm_ring_info info = { .struct_bytes = 8 };
	struct { struct hgshm_ring_options known; char more; } newer;
	unsigned char *out_of_line;
	struct hgshm_ring *ring = NULL;
	struct ring_pair pair;
	const void *seen;
	size_t bytes;
	void *room;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	out_of_line = pair.memory + 64;

	assert_error(hgshm_ring_create(&ring, out_of_line, 1024, 0, NULL), -EINVAL, "aligned to 128");
	assert_error(hgshm_ring_create(&ring, NULL, pair.bytes, 0, NULL), -EINVAL, "NULL");
	assert_error(hgshm_ring_create(&ring, pair.memory, HGSHM_RING_BYTES_MIN - 1, 0, NULL),
		     -EINVAL, "767 bytes of memory, must be at least 768");
	assert_error(hgshm_ring_create(&ring, pair.memory, pair.bytes, 2, NULL), -EINVAL, "side 2");
	odd.flags = 4;
	assert_error(hgshm_ring_create(&ring, pair.memory, pair.bytes, 0, &odd), -EINVAL, "0x4");
	odd.flags = 0;
	odd.spin_us = 1000001;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 0, &odd), -EINVAL, "1000001");
	odd = ring_bell_options(&pair, 0);
	odd.wait = NULL;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 0, &odd), -EINVAL,
		     "both or neither");
	odd.struct_bytes = 4;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 0, &odd), -EINVAL, "is 4");
	memset(&newer, 0, sizeof(newer));
	newer.known.struct_bytes = sizeof(newer);
	newer.more = 1;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 0, &newer.known), -E2BIG,
		     "this library knows");
	newer.known.struct_bytes = SIZE_MAX;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 0, &newer.known), -E2BIG,
		     "can be at most");
	assert_null(ring);

	assert_error(hgshm_ring_reserve(NULL, 1, &room), -EINVAL, "NULL");
	assert_error(hgshm_ring_reserve(pair.consumer, 1, &room), -EINVAL, "consumer's side");
	assert_error(hgshm_ring_peek(pair.producer, &seen, &bytes), -EINVAL, "producer's side");
	assert_error(hgshm_ring_commit(pair.producer, 0), -EINVAL, "no room is reserved");
	assert_int_equal(hgshm_ring_reserve(pair.producer, 16, &room), 0);
	assert_error(hgshm_ring_commit(pair.producer, 17), -EINVAL, "room for 16");
	assert_int_equal(hgshm_ring_commit(pair.producer, 16), 0);
	assert_error(hgshm_ring_commit(pair.producer, 16), -EINVAL, "no room is reserved");
	assert_error(hgshm_ring_send(pair.producer, room, 505, 0), -EMSGSIZE, "504 at most");
	assert_error(hgshm_ring_reserve(pair.producer, SIZE_MAX, &room), -EMSGSIZE, "504 at most");
	assert_error(hgshm_ring_arm(pair.consumer, 1), -EINVAL, "must be 0");
	assert_error(hgshm_ring_get_info(pair.consumer, &info), -EINVAL, "struct_bytes is 8");
	assert_error(hgshm_ring_recv(pair.consumer, NULL, 0, &bytes, RING_WAIT_NS), -EOPNOTSUPP,
		     "no way to wait");
	hgshm_ring_close(NULL);
	hgshm_ring_disarm(NULL);
	ring_pair_free(&pair);
}

static void keeps_what_the_buffer_is_too_short_for(void **state)
{
	unsigned char little[8];
	struct ring_pair pair;
	size_t bytes = 0;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	send_number(pair.producer, 7, 100);
	assert_error(hgshm_ring_recv(pair.consumer, little, sizeof(little), &bytes, 0), -EMSGSIZE,
		     "100 bytes, the buffer has 8");
	assert_int_equal(bytes, 100);
	recv_number(pair.consumer, 7, 100);
	ring_pair_free(&pair);
}

static void goes_on_where_one_before_was(void **state)
{
	struct hgshm_ring *second;
	struct ring_pair pair;
	const void *seen;
	size_t bytes;
	void *room;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	for (uint64_t i = 0; i < 3; i++)
		send_number(pair.producer, i, 40);
	recv_number(pair.consumer, 0, 40);
	assert_int_equal(hgshm_ring_peek(pair.consumer, &seen, &bytes), 0);

	assert_int_equal(hgshm_ring_attach(&second, pair.memory, pair.bytes, HGSHM_RING_CONSUMER,
					   NULL), 0);
	assert_error(hgshm_ring_release(pair.consumer), -ESTALE, "another consumer");
	assert_error(hgshm_ring_peek(pair.consumer, &seen, &bytes), -ESTALE, "another consumer");
	hgshm_ring_close(pair.consumer);
	pair.consumer = second;
	recv_number(pair.consumer, 1, 40);
	assert_false(ring_info(pair.producer).other_closed);

	assert_int_equal(hgshm_ring_reserve(pair.producer, 8, &room), 0);
	assert_int_equal(hgshm_ring_commit(pair.producer, 8), 0);
	assert_int_equal(hgshm_ring_attach(&second, pair.memory, pair.bytes, HGSHM_RING_PRODUCER,
					   NULL), 0);
	assert_error(hgshm_ring_publish(pair.producer), -ESTALE, "another producer");
	hgshm_ring_close(pair.producer);
	pair.producer = second;
	send_number(pair.producer, 3, 40);
	recv_number(pair.consumer, 2, 40);
	recv_number(pair.consumer, 3, 40);
	ring_pair_free(&pair);
}

static void tells_both_when_formatted_anew(void **state)
{
	struct ring_pair old, pair;
	const void *seen;
	size_t bytes;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	old = pair;
	send_number(old.producer, 0, 40);
	recv_number(old.consumer, 0, 40);
	ring_pair_open(&pair, false);
	assert_true(ring_info(old.producer).generation != ring_info(pair.producer).generation);
	assert_error(hgshm_ring_peek(old.consumer, &seen, &bytes), -ESTALE, "formatted anew");
	assert_error(hgshm_ring_send(old.producer, "x", 1, 0), -ESTALE, "formatted anew");
	assert_error(hgshm_ring_send(old.producer, "x", 1, 0), -ESTALE, "formatted anew");
	assert_int_equal(ring_info(old.producer).error, -ESTALE);
	hgshm_ring_close(old.producer);
	hgshm_ring_close(old.consumer);
	assert_false(ring_info(pair.producer).other_closed);
	send_number(pair.producer, 1, 40);
	recv_number(pair.consumer, 1, 40);
	ring_pair_free(&pair);
}

/* The new ring has gone on before those of the old one look: it is not theirs. */
static void keeps_the_old_out_of_the_new(void **state)
{
	unsigned char data[CAPACITY];
	struct ring_pair old, pair;
	const void *seen;
	size_t bytes;
	void *room;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	old = pair;
	assert_int_equal(hgshm_ring_reserve(old.producer, 40, &room), 0);
	ring_pair_open(&pair, false);
	for (uint64_t i = 0; i < 16; i++)
		send_number(pair.producer, i, 56);
	memcpy(data, pair.memory + HGSHM_RING_DATA_OFFSET, sizeof(data));
	assert_error(hgshm_ring_peek(old.consumer, &seen, &bytes), -ESTALE, "formatted anew");
	assert_error(hgshm_ring_commit(old.producer, 40), -ESTALE, "formatted anew");
	hgshm_ring_close(old.producer);
	hgshm_ring_close(old.consumer);
	assert_memory_equal(data, pair.memory + HGSHM_RING_DATA_OFFSET, sizeof(data));
	for (uint64_t i = 0; i < 16; i++)
		recv_number(pair.consumer, i, 56);

	old = pair;
	ring_pair_open(&pair, false);
	memcpy(data, pair.memory + HGSHM_RING_DATA_OFFSET, sizeof(data));
	assert_error(hgshm_ring_send(old.producer, "x", 1, 0), -ESTALE, "formatted anew");
	assert_memory_equal(data, pair.memory + HGSHM_RING_DATA_OFFSET, sizeof(data));
	hgshm_ring_close(old.producer);
	hgshm_ring_close(old.consumer);
	ring_pair_free(&pair);
}

/* What the old consumer was shown is written over: no fault of the producer. */
static void blames_nobody_for_another_generation(void **state)
{
	struct ring_pair old, pair;
	const void *seen;
	size_t bytes;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	old = pair;
	send_number(old.producer, 0, 56);
	send_number(old.producer, 1, 56);
	assert_int_equal(hgshm_ring_peek(old.consumer, &seen, &bytes), 0);
	ring_pair_open(&pair, false);
	send_number(pair.producer, 2, 200);
	assert_error(hgshm_ring_peek(old.consumer, &seen, &bytes), -ESTALE, "formatted anew");
	hgshm_ring_close(old.producer);
	hgshm_ring_close(old.consumer);
	ring_pair_free(&pair);
}

/* Until the consumer attaches, what is in its place is not its own. */
static void ignores_indices_of_another_generation(void **state)
{
	struct ring_pair pair;
	uint64_t *head;

	ring_pair_make(&pair, CAPACITY);
	head = (uint64_t *)(pair.memory + HGSHM_RING_HEAD_OFFSET);
	assert_int_equal(hgshm_ring_create(&pair.producer, pair.memory, pair.bytes,
					   HGSHM_RING_PRODUCER, NULL), 0);
	*head = 8080;
	hgshm_ring_close(pair.producer);
	assert_int_equal(hgshm_ring_attach(&pair.producer, pair.memory, pair.bytes,
					   HGSHM_RING_PRODUCER, NULL), 0);
	for (uint64_t i = 0; i < 16; i++)
		send_number(pair.producer, i, 56);
	assert_error(hgshm_ring_send(pair.producer, head, 1, 0), -ETIMEDOUT, "no room");
	assert_int_equal(hgshm_ring_attach(&pair.consumer, pair.memory, pair.bytes,
					   HGSHM_RING_CONSUMER, NULL), 0);
	for (uint64_t i = 0; i < 16; i++)
		recv_number(pair.consumer, i, 56);
	send_number(pair.producer, 0, 56);
	ring_pair_free(&pair);
}

static void ends_in_good_order(void **state)
{
	struct ring_pair pair;
	const void *seen;
	size_t bytes;
	void *room;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	assert_int_equal(hgshm_ring_reserve(pair.producer, 8, &room), 0);
	ring_message_fill(room, 1, 8);
	assert_int_equal(hgshm_ring_commit(pair.producer, 8), 0);
	hgshm_ring_close(pair.producer);
	pair.producer = NULL;
	recv_number(pair.consumer, 1, 8);
	assert_error(hgshm_ring_peek(pair.consumer, &seen, &bytes), -EPIPE, "all was read");
	assert_error(hgshm_ring_recv(pair.consumer, NULL, 0, &bytes, -1), -EPIPE, "all was read");
	assert_error(hgshm_ring_arm(pair.consumer, 0), -EPIPE, "all was read");
	ring_pair_free(&pair);

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	hgshm_ring_close(pair.consumer);
	pair.consumer = NULL;
	assert_error(hgshm_ring_reserve(pair.producer, 8, &room), -EPIPE, "closed");
	assert_error(hgshm_ring_send(pair.producer, NULL, 0, -1), -EPIPE, "closed");
	assert_error(hgshm_ring_arm(pair.producer, 8), -EPIPE, "closed");
	ring_pair_free(&pair);
}

static void recv_any(struct hgshm_ring *ring, int expected)
{
	unsigned char message[CAPACITY];
	size_t bytes;

	assert_int_equal(hgshm_ring_recv(ring, message, sizeof(message), &bytes, 0), expected);
}

static void rings_only_a_sleeper_and_once(void **state)
{
	struct ring_pair pair;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	assert_int_equal(hgshm_ring_send(pair.producer, "a", 1, 0), 0);
	assert_int_equal(hgshm_ring_arm(pair.consumer, 0), 1);
	recv_any(pair.consumer, 0);
	assert_int_equal(hgshm_ring_send(pair.producer, "b", 1, 0), 0);
	recv_any(pair.consumer, 0);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(hgshm_ring_arm(pair.consumer, 0), 0);
		assert_int_equal(hgshm_ring_send(pair.producer, "c", 1, 0), 1);
		assert_int_equal(hgshm_ring_send(pair.producer, "d", 1, 0), 0);
		hgshm_ring_disarm(pair.consumer);
		assert_int_equal(hgshm_ring_send(pair.producer, "e", 1, 0), 0);
		for (int message = 0; message < 3; message++)
			recv_any(pair.consumer, 0);
	}
	assert_int_equal(ring_info(pair.producer).wakes, 2);
	assert_int_equal(ring_info(pair.consumer).sleeps, 2);
	ring_pair_free(&pair);
}

static void rings_a_sleeping_producer_for_its_room(void **state)
{
	struct ring_pair pair;

	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	for (uint64_t i = 0; i < 16; i++)
		send_number(pair.producer, i, 56);
	recv_any(pair.consumer, 0);
	assert_int_equal(hgshm_ring_arm(pair.producer, 56), 1);
	assert_int_equal(hgshm_ring_arm(pair.producer, 200), 0);
	recv_any(pair.consumer, 0);
	recv_any(pair.consumer, 0);
	recv_any(pair.consumer, 1);
	recv_any(pair.consumer, 0);
	hgshm_ring_disarm(pair.producer);
	send_number(pair.producer, 0, 200);
	ring_pair_free(&pair);
}

/* Who could not ring tries again with what it publishes next. */
static int broken_wake(void *context)
{
	int *tries = context;

	return ++*tries < 3 ? -EIO : 0;
}

static int no_wait(void *context, int64_t timeout_ns)
{
	return -ETIMEDOUT;
}

static void rings_again_after_a_failure(void **state)
{
	int tries = 0;
	struct hgshm_ring_options options = {
		.struct_bytes = sizeof(options), .wake = broken_wake, .wait = no_wait,
		.context = &tries,
	};
	struct ring_pair pair;

	ring_pair_make(&pair, CAPACITY);
	assert_int_equal(hgshm_ring_create(&pair.producer, pair.memory, pair.bytes,
					   HGSHM_RING_PRODUCER, &options), 0);
	assert_int_equal(hgshm_ring_attach(&pair.consumer, pair.memory, pair.bytes,
					   HGSHM_RING_CONSUMER, NULL), 0);
	assert_int_equal(hgshm_ring_arm(pair.consumer, 0), 0);
	assert_int_equal(hgshm_ring_send(pair.producer, "a", 1, 0), -EIO);
	assert_int_equal(hgshm_ring_publish(pair.producer), -EIO);
	assert_int_equal(hgshm_ring_publish(pair.producer), 0);
	assert_int_equal(hgshm_ring_publish(pair.producer), 0);
	assert_int_equal(tries, 3);
	recv_any(pair.consumer, 0);
	assert_int_equal(ring_info(pair.producer).messages, 1);
	ring_pair_free(&pair);
}

static void attaches_to_rings_only(void **state)
{
	struct hgshm_ring *ring = NULL;
	struct hgshm_ring_header *header;
	struct ring_pair pair;
	uint64_t *tail;

	ring_pair_make(&pair, CAPACITY);
	header = (void *)pair.memory;
	tail = (uint64_t *)(pair.memory + HGSHM_RING_TAIL_OFFSET);
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EAGAIN, "no ring");
	memset(pair.memory, 0x5A, pair.bytes);
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EPROTO,
		     "magic is 0x5a5a5a5a");
	ring_pair_open(&pair, false);
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes - 128, 1, NULL), -EMSGSIZE,
		     "takes 1664 bytes");
	header->version = 2;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EPROTO,
		     "version 2");
	header->version = 1;
	for (int i = 0; i < 4; i++) {
		const uint64_t bad[] = { 0, 64, 1024 + 8, UINT64_MAX };

		header->capacity_bytes = bad[i];
		assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EPROTO,
			     "capacity");
	}
	header->capacity_bytes = CAPACITY;
	*tail = CAPACITY + 8;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EPROTO,
		     "contradict");
	*tail = 12;
	assert_error(hgshm_ring_attach(&ring, pair.memory, pair.bytes, 1, NULL), -EPROTO,
		     "contradict");
	assert_null(ring);
	ring_pair_free(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_and_content),
		cmocka_unit_test(moves_batches_without_copies),
		cmocka_unit_test(takes_the_longest_anywhere),
		cmocka_unit_test(refuses_wrong_arguments),
		cmocka_unit_test(keeps_what_the_buffer_is_too_short_for),
		cmocka_unit_test(goes_on_where_one_before_was),
		cmocka_unit_test(tells_both_when_formatted_anew),
		cmocka_unit_test(keeps_the_old_out_of_the_new),
		cmocka_unit_test(blames_nobody_for_another_generation),
		cmocka_unit_test(ignores_indices_of_another_generation),
		cmocka_unit_test(ends_in_good_order),
		cmocka_unit_test(rings_only_a_sleeper_and_once),
		cmocka_unit_test(rings_a_sleeping_producer_for_its_room),
		cmocka_unit_test(rings_again_after_a_failure),
		cmocka_unit_test(attaches_to_rings_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
