/* SPDX-License-Identifier: MIT */
/* The consumer's side of a ring. */
#include <errno.h>
#include <string.h>

#include "ring_internal.h"

static int bad_record(struct hgshm_ring *ring, uint64_t word, uint64_t there)
{
	/* In a ring that was formatted anew there may be anything. */
	int ret = hgshm_ring_check_not_stale(ring);

	if (ret)
		return ret;
	return hgshm_ring_fail(ring, -EPROTO, "the producer wrote a bad record: kind 0x%x of %u "
			       "bytes, where %llu are published", (unsigned int)(word >> 32),
			       (unsigned int)word, (unsigned long long)there);
}

static uint64_t get_word(const struct hgshm_ring *ring)
{
	return __atomic_load_n((uint64_t *)(ring->data + ring->next_offset), __ATOMIC_RELAXED);
}

/* Only its copy of the word is believed; what lies in the ring may change meanwhile. */
static int next_message(struct hgshm_ring *ring, const void **data, size_t *bytes)
{
	uint64_t there = ring->seen - ring->next;
	uint64_t word = get_word(ring);
	uint64_t length = word & UINT32_MAX;

	if (word >> 32 == HGSHM_RING_RECORD_SKIP) {
		uint64_t to_end = ring->capacity - ring->next_offset;

		if (to_end >= there ||
		    length != to_end - HGSHM_RING_RECORD_WORD_BYTES)
			return bad_record(ring, word, there);
		hgshm_ring_advance(ring, to_end);
		there -= to_end;
		word = get_word(ring);
		length = word & UINT32_MAX;
	}
	if (word >> 32 != HGSHM_RING_RECORD_MESSAGE || length > ring->message_max ||
	    hgshm_ring_record_bytes(length) > there ||
	    hgshm_ring_record_bytes(length) > ring->capacity - ring->next_offset)
		return bad_record(ring, word, there);
	*data = ring->data + ring->next_offset + HGSHM_RING_RECORD_WORD_BYTES;
	*bytes = length;
	return 0;
}

int hgshm_ring_data_ready(struct hgshm_ring *ring, uint64_t *wanted)
{
	bool closed;
	int ret;

	if (ring->seen != ring->next)
		return 1;
	/* Before the index: what was published before it was closed counts. */
	closed = hgshm_ring_other_closed(ring);
	ret = hgshm_ring_look(ring);
	if (ret)
		return ret;
	if (closed)
		return hgshm_fail(-EPIPE, "the producer has closed the ring, all was read");
	*wanted = ring->next + 1;
	return 0;
}

int hgshm_ring_peek(struct hgshm_ring *ring, const void **data, size_t *bytes)
{
	const void *message;
	uint64_t wanted;
	size_t length;
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_CONSUMER, "hgshm_ring_peek");
	if (ret)
		return ret;
	if (!data || !bytes)
		return hgshm_fail(-EINVAL, "hgshm_ring_peek: an argument is NULL");
	if (!likely(ring->seen != ring->next)) {
		ret = hgshm_ring_data_ready(ring, &wanted);
		if (ret <= 0)
			return ret ? ret : hgshm_fail_plain(-EAGAIN);
	}
	ret = next_message(ring, &message, &length);
	if (ret)
		return ret;
	hgshm_ring_advance(ring, hgshm_ring_record_bytes(length));
	ring->next_messages++;
	*data = message;
	*bytes = length;
	return 0;
}

int hgshm_ring_release(struct hgshm_ring *ring)
{
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_CONSUMER, "hgshm_ring_release");
	return ret ? ret : hgshm_ring_show(ring);
}

int hgshm_ring_recv(struct hgshm_ring *ring, void *buffer, size_t size, size_t *bytes,
		    int64_t timeout_ns)
{
	const void *message;
	size_t length;
	int ret;

	ret = hgshm_ring_check(ring, HGSHM_RING_CONSUMER, "hgshm_ring_recv");
	if (ret)
		return ret;
	if (!bytes || (!buffer && size))
		return hgshm_fail(-EINVAL, "hgshm_ring_recv: an argument is NULL");
	if (!likely(ring->seen != ring->next)) {
		ret = hgshm_ring_wait(ring, 0, timeout_ns);
		if (ret)
			return ret;
	}
	ret = next_message(ring, &message, &length);
	if (ret)
		return ret;
	*bytes = length;
	if (length > size)
		return hgshm_fail(-EMSGSIZE, "a message of %zu bytes, the buffer has %zu", length,
				  size);
	if (length)
		memcpy(buffer, message, length);
	hgshm_ring_advance(ring, hgshm_ring_record_bytes(length));
	ring->next_messages++;
	return hgshm_ring_show(ring);
}
