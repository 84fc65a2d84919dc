/* SPDX-License-Identifier: MIT */
/* The producer's side of a ring. */
#include <errno.h>
#include <string.h>

#include "ring_internal.h"

static uint64_t record_word(uint64_t kind, uint64_t bytes)
{
	return kind << 32 | bytes;
}

static void put_word(struct hgshm_ring *ring, uint64_t offset, uint64_t word)
{
	__atomic_store_n((uint64_t *)(ring->data + offset), word, __ATOMIC_RELAXED);
}

static int too_long(const struct hgshm_ring *ring, size_t bytes)
{
	return hgshm_fail(-EMSGSIZE, "a message of %zu bytes, the ring takes %llu at most", bytes,
			  (unsigned long long)ring->message_max);
}

/* What is left up to the end of the data, if a record of that length has to go past it. */
static uint64_t skip_before(const struct hgshm_ring *ring, uint64_t record_bytes)
{
	uint64_t to_end = ring->capacity - ring->next_offset;

	return record_bytes > to_end ? to_end : 0;
}

/* True if there is room as far as is known without looking at the other's index. */
static bool has_room(const struct hgshm_ring *ring, size_t bytes)
{
	uint64_t record_bytes = hgshm_ring_record_bytes(bytes);

	return bytes <= ring->message_max && !hgshm_ring_other_closed(ring) &&
	       ring->next + skip_before(ring, record_bytes) + record_bytes - ring->seen <=
	       ring->capacity;
}

int hgshm_ring_room_ready(struct hgshm_ring *ring, size_t bytes, uint64_t *wanted)
{
	uint64_t record_bytes, end;
	int ret;

	if (bytes > ring->message_max)
		return too_long(ring, bytes);
	if (hgshm_ring_other_closed(ring))
		return hgshm_fail(-EPIPE, "the consumer has closed the ring");
	record_bytes = hgshm_ring_record_bytes(bytes);
	end = ring->next + skip_before(ring, record_bytes) + record_bytes;
	if (end - ring->seen <= ring->capacity)
		return 1;
	ret = hgshm_ring_look(ring);
	if (ret < 0)
		return ret;
	*wanted = end - ring->capacity;
	return end - ring->seen <= ring->capacity;
}

static int give_room(struct hgshm_ring *ring, size_t bytes, void **data)
{
	uint64_t record_bytes = hgshm_ring_record_bytes(bytes);
	uint64_t skip = skip_before(ring, record_bytes);
	int ret = hgshm_ring_check_own_place(ring);

	if (ret)
		return ret;
	ring->reserved = record_bytes;
	ring->reserved_skip = skip;
	*data = ring->data + (skip ? 0 : ring->next_offset) + HGSHM_RING_RECORD_WORD_BYTES;
	return 0;
}

int hgshm_ring_reserve(struct hgshm_ring *ring, size_t bytes, void **data)
{
	uint64_t wanted;
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_PRODUCER, "hgshm_ring_reserve");
	if (ret)
		return ret;
	if (!data)
		return hgshm_fail(-EINVAL, "hgshm_ring_reserve: data is NULL");
	if (!likely(has_room(ring, bytes))) {
		ret = hgshm_ring_room_ready(ring, bytes, &wanted);
		if (ret <= 0)
			return ret ? ret : hgshm_fail_plain(-EAGAIN);
	}
	return give_room(ring, bytes, data);
}

static void end_message(struct hgshm_ring *ring, size_t bytes)
{
	if (ring->reserved_skip) {
		put_word(ring, ring->next_offset,
			 record_word(HGSHM_RING_RECORD_SKIP,
				     ring->reserved_skip - HGSHM_RING_RECORD_WORD_BYTES));
		hgshm_ring_advance(ring, ring->reserved_skip);
	}
	put_word(ring, ring->next_offset, record_word(HGSHM_RING_RECORD_MESSAGE, bytes));
	hgshm_ring_advance(ring, hgshm_ring_record_bytes(bytes));
	ring->reserved = 0;
	ring->next_messages++;
}

int hgshm_ring_commit(struct hgshm_ring *ring, size_t bytes)
{
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_PRODUCER, "hgshm_ring_commit");
	if (ret)
		return ret;
	if (!ring->reserved)
		return hgshm_fail(-EINVAL, "hgshm_ring_commit: no room is reserved");
	if (bytes > ring->message_max || hgshm_ring_record_bytes(bytes) > ring->reserved)
		return hgshm_fail(-EINVAL, "hgshm_ring_commit: %zu bytes, room for %llu is reserved",
				  bytes, (unsigned long long)ring->reserved -
				  HGSHM_RING_RECORD_WORD_BYTES);
	ret = hgshm_ring_check_own_place(ring);
	if (ret)
		return ret;
	end_message(ring, bytes);
	return 0;
}

int hgshm_ring_publish(struct hgshm_ring *ring)
{
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_PRODUCER, "hgshm_ring_publish");
	return ret ? ret : hgshm_ring_show(ring);
}

int hgshm_ring_send(struct hgshm_ring *ring, const void *data, size_t bytes, int64_t timeout_ns)
{
	void *room;
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_PRODUCER, "hgshm_ring_send");
	if (ret)
		return ret;
	if (!data && bytes)
		return hgshm_fail(-EINVAL, "hgshm_ring_send: data is NULL");
	if (!likely(has_room(ring, bytes))) {
		ret = hgshm_ring_wait(ring, bytes, timeout_ns);
		if (ret)
			return ret;
	}
	ret = give_room(ring, bytes, &room);
	if (ret)
		return ret;
	if (bytes)
		memcpy(room, data, bytes);
	end_message(ring, bytes);
	return hgshm_ring_show(ring);
}
