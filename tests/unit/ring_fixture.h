/* SPDX-License-Identifier: MIT */
/*
 * Both sides of a ring in one process, with eventfds to wake each other, and messages
 * whose content tells which they are.
 */
#ifndef UNIT_RING_FIXTURE_H
#define UNIT_RING_FIXTURE_H

#include <stdbool.h>

#include <hgshm/ring.h>

/* Long enough for any machine; a test that gets there has failed. */
#define RING_WAIT_NS (60 * INT64_C(1000000000))

/* How one side wakes the other. */
struct ring_bell {
	int rings_fd;
	int own_fd;
	_Atomic unsigned int rung;
};

struct ring_pair {
	unsigned char *memory;
	size_t bytes;
	struct ring_bell bell[2];	/* by side */
	struct hgshm_ring *producer;
	struct hgshm_ring *consumer;
};

/* Memory for a ring of that capacity, guarded by pages that can't be touched; no sides. */
void ring_pair_make(struct ring_pair *pair, size_t capacity);
void ring_pair_free(struct ring_pair *pair);

/* The producer formats, the consumer attaches; with eventfds to wake, or without. */
void ring_pair_open(struct ring_pair *pair, bool with_bells);

struct hgshm_ring_options ring_bell_options(struct ring_pair *pair, uint32_t side);

struct hgshm_ring_info ring_info(const struct hgshm_ring *ring);

/* Message number has a length below limit and bytes that only it has. */
size_t ring_message_length(uint64_t number, size_t limit);
void ring_message_fill(void *message, uint64_t number, size_t bytes);
bool ring_message_is(const void *message, uint64_t number, size_t bytes);

#endif /* UNIT_RING_FIXTURE_H */
