/* SPDX-License-Identifier: MIT */
/*
 * Inside the message rings: one side, as its owner keeps it in private memory.
 */
#ifndef HGSHM_LIB_RING_INTERNAL_H
#define HGSHM_LIB_RING_INTERNAL_H

#include <stdbool.h>

#include <hgshm/ring.h>

#include "internal.h"

/* The way of hgshm_ring_open() to ring and to sleep. */
struct hgshm_ring_line {
	struct hgshm *h;
	uint32_t peer;
	uint32_t peer_changes;	/* of h, when the peer was there */
	uint32_t wait_round;	/* of h, when this ring last waited */
};

struct hgshm_ring {
	/* what each call needs comes first; fixed but for error */
	unsigned char *data;
	uint64_t capacity;
	uint64_t message_max;
	uint64_t generation;
	struct hgshm_ring_side *other;
	uint32_t side;
	int error;		/* 0, or why it has failed for good; the words are in detail */

	/* own position: committed or peeked at up to next, shown to the other up to shown */
	uint64_t next;
	uint64_t next_offset;	/* next modulo capacity */
	uint64_t next_messages;	/* not shown yet */
	uint64_t shown;
	uint64_t seen;		/* the other side's index, as last seen and found right */
	uint64_t reserved;	/* bytes of room given by reserve, its word included; 0: none */
	uint64_t reserved_skip;

	struct hgshm_ring_side *own;
	struct hgshm_ring_index *own_index;
	struct hgshm_ring_index *other_index;
	struct hgshm_ring_header *header;
	uint64_t owner;
	uint64_t met;		/* the other's owner, where hgshm_ring_open() met it; or 0 */
	bool other_attached;
	uint64_t sleeping;	/* own, as stored */
	uint64_t rung;		/* the other's sleeping for which it was rung */
	struct hgshm_ring_options options;
	struct hgshm_ring_line line;
	char detail[160];

	uint64_t messages;
	uint64_t publications;
	uint64_t wakes;
	uint64_t sleeps;
};

#define likely(condition) __builtin_expect(!!(condition), 1)

#define shared_load(from) __atomic_load_n(from, __ATOMIC_ACQUIRE)
#define shared_store(to, value) __atomic_store_n(to, value, __ATOMIC_RELEASE)

/* Those that decide who wakes whom, in one total order; shm.h says why. */
#define ordered_load(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)
#define ordered_store(to, value) __atomic_store_n(to, value, __ATOMIC_SEQ_CST)

static inline uint64_t hgshm_ring_record_bytes(uint64_t message_bytes)
{
	uint64_t align = HGSHM_RING_RECORD_ALIGN_BYTES;

	return HGSHM_RING_RECORD_WORD_BYTES + (message_bytes + align - 1) / align * align;
}

static inline void hgshm_ring_advance(struct hgshm_ring *ring, uint64_t bytes)
{
	ring->next += bytes;
	ring->next_offset += bytes;
	if (ring->next_offset == ring->capacity)
		ring->next_offset = 0;
}

/* Ends the ring for this side: error now and for good, with its words. */
int hgshm_ring_fail(struct hgshm_ring *ring, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The words of an earlier hgshm_ring_fail() once more. */
int hgshm_ring_failed(const struct hgshm_ring *ring);

/* The defaults, or what is given, checked. */
int hgshm_ring_read_options(struct hgshm_ring_options *options,
			    const struct hgshm_ring_options *given);

/* Why ring is not fit for function, which is of that side, in words. */
int hgshm_ring_refuse(const struct hgshm_ring *ring, uint32_t side, const char *function);

/* 0, or -EINVAL unless ring is that side, or its failure. */
static inline int hgshm_ring_check(const struct hgshm_ring *ring, uint32_t side,
				   const char *function)
{
	if (likely(ring && ring->side == side && !ring->error))
		return 0;
	return hgshm_ring_refuse(ring, side, function);
}

/* The failure of a side that finds another owner in its place. */
int hgshm_ring_replaced(struct hgshm_ring *ring);

/* A side that was replaced must not write any more, neither indices nor messages. */
static inline int hgshm_ring_check_own_place(struct hgshm_ring *ring)
{
	if (likely(shared_load(&ring->own->owner) == ring->owner))
		return 0;
	return hgshm_ring_replaced(ring);
}

/* 0, or the failure if the ring was formatted anew, or a side of it replaced. */
int hgshm_ring_check_not_stale(struct hgshm_ring *ring);

static inline bool hgshm_ring_other_closed(const struct hgshm_ring *ring)
{
	return ordered_load(&ring->other->closed) == ring->generation;
}

/* Looks for a new index of the other side; 1 if there is one, 0 if not, or a failure. */
int hgshm_ring_look(struct hgshm_ring *ring);

/* Shows next to the other side; returns as hgshm_ring_publish(). */
int hgshm_ring_show(struct hgshm_ring *ring);

/* Rings the other side if it sleeps; for what index, or whatever it waits for. */
int hgshm_ring_wake(struct hgshm_ring *ring, bool regardless);

/*
 * 1 if there is a message, or room for one of bytes; 0 if not, with the index that the
 * other must reach in wanted; -EPIPE and failures as the calls return them.
 */
int hgshm_ring_data_ready(struct hgshm_ring *ring, uint64_t *wanted);
int hgshm_ring_room_ready(struct hgshm_ring *ring, size_t bytes, uint64_t *wanted);

#endif /* HGSHM_LIB_RING_INTERNAL_H */
