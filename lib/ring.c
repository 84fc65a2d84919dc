/* SPDX-License-Identifier: MIT */
/* What both sides of a ring do: see the other, show themselves, fail. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ring_internal.h"

int hgshm_ring_failed(const struct hgshm_ring *ring)
{
	return hgshm_fail(ring->error, "%s", ring->detail);
}

int hgshm_ring_fail(struct hgshm_ring *ring, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ring->detail, sizeof(ring->detail), format, args);
	va_end(args);
	ring->error = error;
	return hgshm_ring_failed(ring);
}

int hgshm_ring_refuse(const struct hgshm_ring *ring, uint32_t side, const char *function)
{
	if (!ring)
		return hgshm_fail(-EINVAL, "%s: the ring is NULL", function);
	if (ring->side != side)
		return hgshm_fail(-EINVAL, "%s: this is the %s's side", function,
				  ring->side == HGSHM_RING_PRODUCER ? "producer" : "consumer");
	return hgshm_ring_failed(ring);
}

int hgshm_ring_replaced(struct hgshm_ring *ring)
{
	return hgshm_ring_fail(ring, -ESTALE, "the ring was formatted anew, or another %s "
			       "has taken this one's place",
			       ring->side == HGSHM_RING_PRODUCER ? "producer" : "consumer");
}

static int check_generation(struct hgshm_ring *ring)
{
	if (likely(shared_load(&ring->header->generation) == ring->generation))
		return 0;
	return hgshm_ring_fail(ring, -ESTALE, "the ring was formatted anew");
}

int hgshm_ring_check_not_stale(struct hgshm_ring *ring)
{
	int ret = check_generation(ring);

	if (ret)
		return ret;
	if (ring->met && shared_load(&ring->other->owner) != ring->met)
		return hgshm_ring_fail(ring, -ESTALE,
				       "the other side was replaced by another process");
	return hgshm_ring_check_own_place(ring);
}

/* How far the other's index may be at most, from where it was seen last. */
static uint64_t other_may_move(const struct hgshm_ring *ring)
{
	if (ring->side == HGSHM_RING_PRODUCER)
		return ring->shown - ring->seen;
	return ring->capacity - (ring->seen - ring->shown);
}

int hgshm_ring_look(struct hgshm_ring *ring)
{
	uint64_t index, moved;
	int ret;

	if (!ring->other_attached) {
		if (ordered_load(&ring->other->generation) != ring->generation)
			return hgshm_ring_check_not_stale(ring);
		ring->other_attached = true;
	}
	index = ordered_load(&ring->other_index->index);
	moved = index - ring->seen;
	if (!moved)
		return hgshm_ring_check_not_stale(ring);
	if (moved > other_may_move(ring) || moved % HGSHM_RING_RECORD_ALIGN_BYTES) {
		/* A ring that was formatted anew is no fault of the other side. */
		ret = hgshm_ring_check_not_stale(ring);
		return ret ? ret : hgshm_ring_fail(ring, -EPROTO, "the other side's index went "
						   "from %" PRIu64 " to %" PRIu64
						   ", may go on by %" PRIu64 " at most",
						   ring->seen, index, other_may_move(ring));
	}
	/* An index of another generation may be possible in this one. */
	ret = check_generation(ring);
	if (ret)
		return ret;
	ring->seen = index;
	return 1;
}

int hgshm_ring_wake(struct hgshm_ring *ring, bool regardless)
{
	uint64_t sleeping = ordered_load(&ring->other->sleeping);
	int ret;

	if (likely(!(sleeping & 1) || sleeping == ring->rung))
		return 0;
	if (!regardless && (int64_t)(ring->shown - shared_load(&ring->other->wanted)) < 0)
		return 0;
	if (ring->options.wake) {
		ret = ring->options.wake(ring->options.context);
		if (ret == -ENOTCONN)
			return 0;
		if (ret)
			return ret;
	}
	ring->wakes++;
	ring->rung = sleeping;
	return !ring->options.wake;
}

int hgshm_ring_show(struct hgshm_ring *ring)
{
	int ret;

	if (ring->shown != ring->next) {
		ret = hgshm_ring_check_own_place(ring);
		if (ret)
			return ret;
		ordered_store(&ring->own_index->index, ring->next);
		ring->shown = ring->next;
		ring->messages += ring->next_messages;
		ring->next_messages = 0;
		ring->publications++;
	}
	return hgshm_ring_wake(ring, false);
}

int hgshm_ring_get_info(const struct hgshm_ring *ring, struct hgshm_ring_info *info)
{
	struct hgshm_ring_info fresh = { .struct_bytes = sizeof(fresh) };

	if (!ring || !info)
		return hgshm_fail(-EINVAL, "hgshm_ring_get_info: an argument is NULL");
	if (info->struct_bytes < sizeof(fresh))
		return hgshm_fail(-EINVAL, "hgshm_ring_get_info: struct_bytes is %u, must be at "
				  "least %zu", info->struct_bytes, sizeof(fresh));
	fresh.side = ring->side;
	fresh.error = ring->error;
	fresh.other_attached = shared_load(&ring->other->generation) == ring->generation;
	fresh.other_closed = hgshm_ring_other_closed(ring);
	fresh.generation = ring->generation;
	fresh.capacity_bytes = ring->capacity;
	fresh.message_bytes_max = ring->message_max;
	fresh.used_bytes = ring->side == HGSHM_RING_PRODUCER ?
		ring->next - ring->seen : ring->seen - ring->shown;
	fresh.messages = ring->messages;
	fresh.publications = ring->publications;
	fresh.wakes = ring->wakes;
	fresh.sleeps = ring->sleeps;
	memcpy(info, &fresh, sizeof(fresh));
	return 0;
}
