/* SPDX-License-Identifier: MIT */
/* Both sides of a ring at once: nothing is lost, torn or forgotten asleep. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "ring_fixture.h"

/* cmocka's assertions belong to the thread that runs the test; others end the program. */
#define must(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, \
			hgshm_strerror(-EPROTO));				\
		abort();							\
	}									\
} while (0)

struct stream {
	struct ring_pair pair;
	uint64_t messages;
	uint64_t batch;
	size_t limit;
};

static void produce(struct stream *stream)
{
	struct hgshm_ring *ring = stream->pair.producer;
	unsigned char message[512];

	for (uint64_t i = 0; i < stream->messages; i++) {
		size_t bytes = ring_message_length(i, stream->limit);
		void *room;

		if (stream->batch == 1) {
			ring_message_fill(message, i, bytes);
			must(hgshm_ring_send(ring, message, bytes, RING_WAIT_NS) == 0);
			continue;
		}
		must(hgshm_ring_wait(ring, bytes, RING_WAIT_NS) == 0);
		must(hgshm_ring_reserve(ring, bytes, &room) == 0);
		ring_message_fill(room, i, bytes);
		must(hgshm_ring_commit(ring, bytes) == 0);
		if (i % stream->batch == 0)
			must(hgshm_ring_publish(ring) == 0);
	}
}

static void consume(struct stream *stream)
{
	struct hgshm_ring *ring = stream->pair.consumer;
	unsigned char message[512];

	for (uint64_t i = 0; i < stream->messages; i++) {
		const void *seen = message;
		size_t bytes;

		if (stream->batch == 1) {
			must(hgshm_ring_recv(ring, message, sizeof(message), &bytes,
					     RING_WAIT_NS) == 0);
		} else {
			/* What is held while it waits, the producer can't have. */
			if (hgshm_ring_wait(ring, 0, 0)) {
				must(hgshm_ring_release(ring) == 0);
				must(hgshm_ring_wait(ring, 0, RING_WAIT_NS) == 0);
			}
			must(hgshm_ring_peek(ring, &seen, &bytes) == 0);
		}
		must(bytes == ring_message_length(i, stream->limit));
		must(ring_message_is(seen, i, bytes));
		if (i % stream->batch == 0)
			must(hgshm_ring_release(ring) == 0);
	}
	must(hgshm_ring_release(ring) == 0);
}

static void *produce_thread(void *argument)
{
	produce(argument);
	hgshm_ring_close(((struct stream *)argument)->pair.producer);
	return NULL;
}

static void open_spinning(struct ring_pair *pair, uint32_t spin_us)
{
	struct hgshm_ring_options producer = ring_bell_options(pair, HGSHM_RING_PRODUCER);
	struct hgshm_ring_options consumer = ring_bell_options(pair, HGSHM_RING_CONSUMER);

	producer.spin_us = consumer.spin_us = spin_us;
	assert_int_equal(hgshm_ring_create(&pair->producer, pair->memory, pair->bytes,
					   HGSHM_RING_PRODUCER, &producer), 0);
	assert_int_equal(hgshm_ring_attach(&pair->consumer, pair->memory, pair->bytes,
					   HGSHM_RING_CONSUMER, &consumer), 0);
}

static void run_threads(uint64_t messages, size_t capacity, uint64_t batch, uint32_t spin_us)
{
	struct stream stream = { .messages = messages, .batch = batch };
	pthread_t thread;
	size_t bytes;

	ring_pair_make(&stream.pair, capacity);
	open_spinning(&stream.pair, spin_us);
	stream.limit = ring_info(stream.pair.consumer).message_bytes_max + 1;
	assert_int_equal(pthread_create(&thread, NULL, produce_thread, &stream), 0);
	consume(&stream);
	assert_int_equal(hgshm_ring_recv(stream.pair.consumer, NULL, 0, &bytes, RING_WAIT_NS),
			 -EPIPE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	stream.pair.producer = NULL;
	assert_int_equal(ring_info(stream.pair.consumer).messages, messages);
	ring_pair_free(&stream.pair);
}

/* The least of rings holds one or two messages: both sides sleep most of the time. */
static void loses_no_wakeup_in_the_least_ring(void **state)
{
	run_threads(20000, HGSHM_RING_CAPACITY_MIN, 1, 0);
}

static void loses_no_wakeup_after_polling(void **state)
{
	run_threads(20000, 256, 1, 5);
}

static void streams_batches(void **state)
{
	run_threads(50000, 1024, 7, 0);
}

/* Processes; the memory is shared, the sides' own is not. */
static void streams_between_processes(void **state)
{
	struct stream stream = { .messages = 20000, .batch = 1, .limit = 120 };
	int status;
	pid_t pid;

	ring_pair_make(&stream.pair, 1024);
	open_spinning(&stream.pair, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		produce(&stream);
		hgshm_ring_close(stream.pair.producer);
		_exit(0);
	}
	consume(&stream);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ring_pair_free(&stream.pair);
}

static void produce_until_killed(struct ring_pair *pair, uint64_t number)
{
	struct hgshm_ring_options options = ring_bell_options(pair, HGSHM_RING_PRODUCER);
	unsigned char message[512];
	struct hgshm_ring *ring;

	must(!hgshm_ring_attach(&ring, pair->memory, pair->bytes, HGSHM_RING_PRODUCER, &options));
	for (;; number++) {
		size_t bytes = 8 + ring_message_length(number, 300);

		ring_message_fill(message, number, bytes);
		memcpy(message, &number, sizeof(number));
		must(!hgshm_ring_send(ring, message, bytes, RING_WAIT_NS));
	}
}

/* False if there is none within the time. */
static bool consume_next(struct hgshm_ring *ring, uint64_t *last, int64_t timeout_ns)
{
	unsigned char message[512], expected[512];
	uint64_t number = *last + 1;
	size_t bytes;
	int ret;

	ret = hgshm_ring_recv(ring, message, sizeof(message), &bytes, timeout_ns);
	if (ret == -ETIMEDOUT)
		return false;
	assert_int_equal(ret, 0);
	assert_int_equal(bytes, 8 + ring_message_length(number, 300));
	ring_message_fill(expected, number, bytes);
	memcpy(expected, &number, sizeof(number));
	assert_memory_equal(message, expected, bytes);
	*last = number;
	return true;
}

/* Killed wherever they are; the next one attaches, and each message that shows is whole. */
static void survives_the_death_of_producers(void **state)
{
	struct ring_pair pair;
	uint64_t last = 0;

	ring_pair_make(&pair, 1024);
	open_spinning(&pair, 0);
	for (int life = 0; life < 20; life++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid)
			produce_until_killed(&pair, last + 1);
		for (int i = 0; i < 500; i++)
			assert_true(consume_next(pair.consumer, &last, RING_WAIT_NS));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		while (consume_next(pair.consumer, &last, 0))
			;
	}
	assert_true(last >= 20 * 500);
	ring_pair_free(&pair);
}

struct sleeper {
	struct ring_pair pair;
	struct timespec cpu;
};

static void *sleep_thread(void *argument)
{
	struct sleeper *sleeper = argument;
	unsigned char byte;
	size_t bytes;

	must(hgshm_ring_recv(sleeper->pair.consumer, &byte, 1, &bytes, RING_WAIT_NS) == 0);
	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &sleeper->cpu) == 0);
	return NULL;
}

/*
 * The consumer waits while this thread spends 200 ms of processor time; it must use next to
 * nothing of its own.
 */
static void waits_without_using_the_processor(void **state)
{
	struct timespec begin, now;
	struct sleeper sleeper;
	pthread_t thread;

	ring_pair_make(&sleeper.pair, 1024);
	ring_pair_open(&sleeper.pair, true);
	assert_int_equal(pthread_create(&thread, NULL, sleep_thread, &sleeper), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 200000000);
	assert_int_equal(hgshm_ring_send(sleeper.pair.producer, "x", 1, 0), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sleeper.cpu.tv_sec, 0);
	assert_true(sleeper.cpu.tv_nsec < 20000000);
	ring_pair_free(&sleeper.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loses_no_wakeup_in_the_least_ring),
		cmocka_unit_test(loses_no_wakeup_after_polling),
		cmocka_unit_test(streams_batches),
		cmocka_unit_test(streams_between_processes),
		cmocka_unit_test(survives_the_death_of_producers),
		cmocka_unit_test(waits_without_using_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
