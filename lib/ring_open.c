/* SPDX-License-Identifier: MIT */
/* Rings between two members of a group: where they lie, and how the two meet. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "ring_internal.h"

/* Which of how many places, in which slice. */
struct place {
	uint32_t slice;
	uint32_t number;
	uint32_t count;
};

static int check_members(const struct hgshm_info *info, uint32_t writer, uint32_t reader)
{
	if (writer == reader)
		return hgshm_fail(-EINVAL, "a ring from member %u to itself", writer);
	if (writer >= info->clients || reader >= info->clients)
		return hgshm_fail(-ENXIO, "a ring from member %u to %u: the group has clients=%u",
				  writer, reader, info->clients);
	return 0;
}

static struct place place_between(const struct hgshm_info *info, uint32_t writer, uint32_t reader)
{
	struct place place = { .slice = writer ? writer : reader, .number = !!writer, .count = 2 };

	if (writer && reader) {
		place.slice = 0;
		place.number = writer * info->clients + reader;
		place.count = info->clients * info->clients;
	}
	return place;
}

int hgshm_ring_place(struct hgshm *h, uint32_t writer, uint32_t reader, void **memory,
		     size_t *bytes)
{
	size_t slice_bytes, place_bytes;
	struct hgshm_info info;
	struct place place;
	void *start;
	int ret;

	if (!h || !memory || !bytes)
		return hgshm_fail(-EINVAL, "hgshm_ring_place: an argument is NULL");
	ret = hgshm_get_info(h, &info);
	if (!ret)
		ret = check_members(&info, writer, reader);
	if (ret)
		return ret;
	place = place_between(&info, writer, reader);
	if (place.slice != info.index && place.slice == info.mapidx &&
	    info.features & HGSHM_FEATURE_PEER_READONLY)
		return hgshm_fail(-EACCES, "a ring from member %u to %u lies in slice %u, which "
				  "member %u may only read", writer, reader, place.slice, info.index);
	ret = hgshm_slice(h, place.slice, &start, &slice_bytes);
	if (ret)
		return ret;
	place_bytes = HGSHM_RING_PLACE_BYTES(slice_bytes, place.count);
	if (place_bytes < HGSHM_RING_BYTES_MIN)
		return hgshm_fail(-ENOSPC, "a ring from member %u to %u: a slice of %zu bytes "
				  "leaves %zu for each ring, must be at least %d; "
				  "give the group a larger size", writer, reader, slice_bytes, place_bytes,
				  HGSHM_RING_BYTES_MIN);
	*memory = (unsigned char *)start + HGSHM_RING_AREA_OFFSET(slice_bytes) +
		  place.number * place_bytes;
	*bytes = place_bytes;
	return 0;
}

static int line_wake(void *context)
{
	struct hgshm_ring_line *line = context;

	return hgshm_poke(line->h, line->peer);
}

/* The news that it left may have gone to another that waits with this handle. */
static int check_peer(struct hgshm_ring_line *line)
{
	uint32_t peer_changes = line->h->peer_changes;
	struct hgshm_info info;
	int ret;

	if (peer_changes == line->peer_changes)
		return 0;
	ret = hgshm_get_info(line->h, &info);
	if (ret)
		return ret;
	if (!(info.peers >> line->peer & 1))
		return hgshm_fail(-ECONNRESET, "member %u has left the group", line->peer);
	line->peer_changes = peer_changes;
	return 0;
}

static int line_wait(void *context, int64_t timeout_ns)
{
	struct hgshm_ring_line *line = context;
	int ret;

	ret = check_peer(line);
	if (!ret)
		ret = hgshm_wait_together(line->h, timeout_ns, &line->wait_round);
	return ret ? ret : check_peer(line);
}

struct meeting {
	struct hgshm_ring_line line;
	int64_t end_ns;	/* negative: none */
	void *memory;
	size_t bytes;
	struct hgshm_ring_options options;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int wake_other(struct meeting *meeting)
{
	int ret = line_wake(&meeting->line);

	return ret == -ENOTCONN ? 0 : ret;
}

/* Until something may have changed; the other may come to the group only now. */
static int wait_for_other(struct meeting *meeting)
{
	int64_t left_ns = meeting->end_ns < 0 ? -1 : meeting->end_ns - now_ns();
	int ret;

	if (meeting->end_ns >= 0 && left_ns < 0)
		left_ns = 0;
	ret = hgshm_wait_together(meeting->line.h, left_ns, &meeting->line.wait_round);
	if (ret == -ETIMEDOUT)
		return hgshm_fail(-ETIMEDOUT, "member %u has not opened the ring in time",
				  meeting->line.peer);
	return ret;
}

static bool is_ours(const struct hgshm_ring *ring)
{
	return shared_load(&ring->own->owner) == ring->owner &&
	       shared_load(&ring->header->generation) == ring->generation;
}

static int meet_reader(struct meeting *meeting, struct hgshm_ring *ring)
{
	int ret = wake_other(meeting);

	while (!ret) {
		if (!is_ours(ring))
			return hgshm_fail(-ESTALE, "another process sends to member %u now",
					  meeting->line.peer);
		if (shared_load(&ring->other->generation) == ring->generation) {
			ring->met = shared_load(&ring->other->owner);
			shared_store(&ring->own->met, ring->met);
			return wake_other(meeting);
		}
		ret = wait_for_other(meeting);
	}
	return ret;
}

/* 1 once the writer has answered, 0 if the ring was formatted anew. */
static int meet_writer(struct meeting *meeting, struct hgshm_ring *ring)
{
	int ret = wake_other(meeting);

	while (!ret) {
		if (shared_load(&ring->header->generation) != ring->generation)
			return 0;
		if (shared_load(&ring->own->owner) != ring->owner)
			return hgshm_fail(-ESTALE, "another process receives from member %u now",
					  meeting->line.peer);
		if (shared_load(&ring->other->generation) == ring->generation &&
		    shared_load(&ring->other->met) == ring->owner) {
			ring->met = shared_load(&ring->other->owner);
			return 1;
		}
		ret = wait_for_other(meeting);
	}
	return ret;
}

static int open_producer(struct hgshm_ring **out, struct meeting *meeting)
{
	struct hgshm_ring *ring;
	int ret;

	ret = hgshm_ring_create(&ring, meeting->memory, meeting->bytes, HGSHM_RING_PRODUCER,
				&meeting->options);
	if (ret)
		return ret;
	ret = meet_reader(meeting, ring);
	if (ret) {
		hgshm_ring_close(ring);
		return ret;
	}
	*out = ring;
	return 0;
}

/* Memory that holds no ring, or another's data, holds one once the writer comes. */
static int open_consumer(struct hgshm_ring **out, struct meeting *meeting)
{
	struct hgshm_ring *ring;
	int ret;

	for (;;) {
		ret = hgshm_ring_attach(&ring, meeting->memory, meeting->bytes,
					HGSHM_RING_CONSUMER, &meeting->options);
		if (!ret) {
			ret = meet_writer(meeting, ring);
			if (ret == 1)
				break;
			free(ring);
		} else if (ret == -EAGAIN || ret == -EPROTO || ret == -EMSGSIZE) {
			ret = wait_for_other(meeting);
		}
		if (ret)
			return ret;
	}
	*out = ring;
	return 0;
}

int hgshm_ring_open(struct hgshm_ring **out, struct hgshm *h, uint32_t peer, uint32_t side,
		    int64_t timeout_ns, const struct hgshm_ring_options *given)
{
	struct meeting meeting = { .line = { .h = h, .peer = peer }, .end_ns = -1 };
	bool producer = side == HGSHM_RING_PRODUCER;
	struct hgshm_ring *ring;
	int64_t start_ns;
	int ret;

	if (!out || !h)
		return hgshm_fail(-EINVAL, "hgshm_ring_open: an argument is NULL");
	if (!producer && side != HGSHM_RING_CONSUMER)
		return hgshm_fail(-EINVAL, "ring: side %u is neither producer nor consumer", side);
	ret = hgshm_ring_read_options(&meeting.options, given);
	if (ret)
		return ret;
	if (meeting.options.wake)
		return hgshm_fail(-EINVAL, "hgshm_ring_open: options with wake and wait, must be "
				  "NULL");
	ret = hgshm_ring_place(h, producer ? h->index : peer, producer ? peer : h->index,
			       &meeting.memory, &meeting.bytes);
	if (ret)
		return ret;
	meeting.line.peer_changes = h->peer_changes;
	meeting.line.wait_round = hgshm_wait_round(h);
	start_ns = now_ns();
	if (timeout_ns >= 0 && timeout_ns <= INT64_MAX - start_ns)
		meeting.end_ns = start_ns + timeout_ns;
	ret = producer ? open_producer(&ring, &meeting) : open_consumer(&ring, &meeting);
	if (ret)
		return ret;
	ring->line = meeting.line;
	ring->options.wake = line_wake;
	ring->options.wait = line_wait;
	ring->options.context = &ring->line;
	*out = ring;
	return 0;
}
