/* SPDX-License-Identifier: MIT */
/* Message rings whose other side writes what it likes: each lie is seen, and ends it. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "ring_fixture.h"

#define CAPACITY 1024
#define MESSAGE_BYTES 56	/* a record of 64 */

static struct ring_pair pair;

static uint64_t *word_at(size_t offset)
{
	return (uint64_t *)(pair.memory + offset);
}

static uint64_t *data_word(size_t offset)
{
	return word_at(HGSHM_RING_DATA_OFFSET + offset);
}

static uint64_t record(uint64_t kind, uint64_t bytes)
{
	return kind << 32 | bytes;
}

static int open_pair(void **state)
{
	ring_pair_make(&pair, CAPACITY);
	ring_pair_open(&pair, false);
	return 0;
}

static int close_pair(void **state)
{
	ring_pair_free(&pair);
	return 0;
}

static void reopen_pair(void)
{
	hgshm_ring_close(pair.producer);
	hgshm_ring_close(pair.consumer);
	ring_pair_open(&pair, false);
}

static void send_some(unsigned int count)
{
	unsigned char message[MESSAGE_BYTES] = { 0 };

	for (unsigned int i = 0; i < count; i++)
		assert_true(hgshm_ring_send(pair.producer, message, sizeof(message), 0) >= 0);
}

static void recv_some(unsigned int count)
{
	unsigned char message[MESSAGE_BYTES];
	size_t bytes;

	for (unsigned int i = 0; i < count; i++)
		assert_true(hgshm_ring_recv(pair.consumer, message, sizeof(message), &bytes, 0) >= 0);
}

static void said(const char *words)
{
	if (!strstr(hgshm_strerror(-EPROTO), words))
		fail_msg("'%s' does not say '%s'", hgshm_strerror(-EPROTO), words);
}

/* Whatever is called from now on, and however right the memory looks again. */
static void consumer_has_failed(const char *words)
{
	const void *seen = &pair;
	size_t bytes = 12345;

	assert_int_equal(hgshm_ring_peek(pair.consumer, &seen, &bytes), -EPROTO);
	said(words);
	assert_ptr_equal(seen, &pair);
	assert_int_equal(bytes, 12345);
	*word_at(HGSHM_RING_TAIL_OFFSET) = 0;
	assert_int_equal(hgshm_ring_recv(pair.consumer, NULL, 0, &bytes, -1), -EPROTO);
	said(words);
	assert_int_equal(hgshm_ring_release(pair.consumer), -EPROTO);
	assert_int_equal(hgshm_ring_arm(pair.consumer, 0), -EPROTO);
	assert_int_equal(hgshm_ring_wait(pair.consumer, 0, 0), -EPROTO);
	assert_int_equal(ring_info(pair.consumer).error, -EPROTO);
}

static void producer_has_failed(const char *words)
{
	void *room;

	assert_int_equal(hgshm_ring_reserve(pair.producer, 500, &room), -EPROTO);
	said(words);
	*word_at(HGSHM_RING_HEAD_OFFSET) = 0;
	assert_int_equal(hgshm_ring_send(pair.producer, &room, 1, -1), -EPROTO);
	said(words);
	assert_int_equal(hgshm_ring_commit(pair.producer, 0), -EPROTO);
	assert_int_equal(hgshm_ring_publish(pair.producer), -EPROTO);
	assert_int_equal(hgshm_ring_arm(pair.producer, 1), -EPROTO);
	assert_int_equal(ring_info(pair.producer).error, -EPROTO);
}

static void sees_a_tail_too_far(void **state)
{
	*word_at(HGSHM_RING_TAIL_OFFSET) = CAPACITY + 8;
	consumer_has_failed("went from 0 to 1032");
}

static void sees_a_tail_go_back(void **state)
{
	send_some(2);
	recv_some(2);
	*word_at(HGSHM_RING_TAIL_OFFSET) = 64;
	consumer_has_failed("went from 128 to 64");
}

static void sees_a_tail_between_records(void **state)
{
	*word_at(HGSHM_RING_TAIL_OFFSET) = 12;
	consumer_has_failed("went from 0 to 12");
}

static void sees_a_head_past_the_tail(void **state)
{
	send_some(15);
	*word_at(HGSHM_RING_HEAD_OFFSET) = 16 * 64;
	producer_has_failed("went from 0 to 1024, may go on by 960");
}

static void sees_a_head_go_back(void **state)
{
	send_some(16);
	recv_some(2);
	send_some(2);
	*word_at(HGSHM_RING_HEAD_OFFSET) = 0;
	producer_has_failed("went from 128 to 0");
}

static void sees_a_head_between_records(void **state)
{
	send_some(16);
	*word_at(HGSHM_RING_HEAD_OFFSET) = 63;
	producer_has_failed("went from 0 to 63");
}

static void sees_bad_records(void **state)
{
	const uint64_t bad[] = {
		0, UINT64_MAX,
		record(HGSHM_RING_RECORD_MESSAGE, 57),			/* past the tail */
		record(HGSHM_RING_RECORD_MESSAGE, CAPACITY / 2 - 7),	/* too long */
		record(HGSHM_RING_RECORD_MESSAGE, UINT32_MAX),
		record(HGSHM_RING_RECORD_SKIP, CAPACITY - 8),		/* a skip at the start */
		record(HGSHM_RING_RECORD_SKIP, 0),
		record(HGSHM_RING_RECORD_SKIP + 1, 56),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reopen_pair();
		send_some(1);
		*data_word(0) = bad[i];
		consumer_has_failed("bad record");
	}
}

/* The consumer is 64 bytes before the end, and the tail past it. */
static void sees_bad_skips(void **state)
{
	const struct { uint64_t first, second, tail; } bad[] = {
		{ record(HGSHM_RING_RECORD_SKIP, 48), 0, 1024 + 64 },	/* not to the end */
		{ record(HGSHM_RING_RECORD_SKIP, 64), 0, 1024 + 64 },	/* past it */
		{ record(HGSHM_RING_RECORD_SKIP, 56), 0, 1024 },	/* nothing behind it */
		{ record(HGSHM_RING_RECORD_SKIP, 56), 0, 1024 + 64 },
		{ record(HGSHM_RING_RECORD_SKIP, 56),			/* two of them */
		  record(HGSHM_RING_RECORD_SKIP, CAPACITY - 8), 2 * 1024 - 64 },
		{ record(HGSHM_RING_RECORD_SKIP, 56),
		  record(HGSHM_RING_RECORD_MESSAGE, 57), 1024 + 64 },
		{ record(HGSHM_RING_RECORD_MESSAGE, 57), 0, 1024 + 64 }, /* a message that wraps */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reopen_pair();
		send_some(15);
		recv_some(15);
		*data_word(960) = bad[i].first;
		*data_word(0) = bad[i].second;
		*word_at(HGSHM_RING_TAIL_OFFSET) = bad[i].tail;
		consumer_has_failed("bad record");
	}
}

/* What a side needs to know it keeps for itself. */
static void believes_nothing_of_its_own(void **state)
{
	struct hgshm_ring_header *header = (void *)pair.memory;

	send_some(2);
	recv_some(1);
	*word_at(HGSHM_RING_TAIL_OFFSET) = UINT64_MAX;
	*word_at(HGSHM_RING_HEAD_OFFSET) = UINT64_MAX;
	header->capacity_bytes = UINT64_MAX;
	header->magic = 0;
	header->version = 77;
	recv_some(1);
	send_some(13);
	recv_some(13);
	send_some(16);
	recv_some(16);
}

/* Lies about sleeping cost rings that nobody needs, or that side its own rings. */
static void survives_lies_about_sleeping(void **state)
{
	struct hgshm_ring_side *consumer = (void *)(pair.memory + HGSHM_RING_CONSUMER_OFFSET);
	char byte;

	assert_int_equal(hgshm_ring_arm(pair.consumer, 0), 0);
	consumer->wanted = UINT64_MAX / 2;
	assert_int_equal(hgshm_ring_send(pair.producer, &byte, 1, 0), 0);
	for (uint64_t i = 0; i < 6; i++) {
		consumer->sleeping = 2 * i + 101;
		consumer->wanted = i;
		assert_int_equal(hgshm_ring_send(pair.producer, &byte, 1, 0), 1);
		assert_int_equal(hgshm_ring_send(pair.producer, &byte, 1, 0), 0);
	}
	hgshm_ring_disarm(pair.consumer);
	send_some(1);
	for (int i = 0; i < 14; i++)
		recv_some(1);
}

#define hostile_test(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		hostile_test(sees_a_tail_too_far),
		hostile_test(sees_a_tail_go_back),
		hostile_test(sees_a_tail_between_records),
		hostile_test(sees_a_head_past_the_tail),
		hostile_test(sees_a_head_go_back),
		hostile_test(sees_a_head_between_records),
		hostile_test(sees_bad_records),
		hostile_test(sees_bad_skips),
		hostile_test(believes_nothing_of_its_own),
		hostile_test(survives_lies_about_sleeping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
