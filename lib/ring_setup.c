/* SPDX-License-Identifier: MIT */
/* Formatting a ring, attaching to one, ending a side. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ring_internal.h"

#define SPIN_MAX_US 1000000

int hgshm_ring_read_options(struct hgshm_ring_options *options,
			    const struct hgshm_ring_options *given)
{
	const unsigned char *bytes = (const unsigned char *)given;

	*options = (struct hgshm_ring_options){
		.struct_bytes = sizeof(*options),
		.spin_us = HGSHM_SPIN_DEFAULT_US,
	};
	if (!given)
		return 0;
	if (given->struct_bytes < sizeof(*options))
		return hgshm_fail(-EINVAL, "ring options: struct_bytes is %zu, must be at least %zu",
				  given->struct_bytes, sizeof(*options));
	if (given->struct_bytes > HGSHM_OPTIONS_BYTES_MAX)
		return hgshm_fail(-E2BIG, "ring options: struct_bytes is %zu, can be at most %d",
				  given->struct_bytes, HGSHM_OPTIONS_BYTES_MAX);
	for (size_t i = sizeof(*options); i < given->struct_bytes; i++)
		if (bytes[i])
			return hgshm_fail(-E2BIG, "ring options: byte %zu is set, this library "
					  "knows %zu bytes", i, sizeof(*options));
	if (given->flags)
		return hgshm_fail(-EINVAL, "ring options: unknown flags 0x%x", given->flags);
	if (given->spin_us > SPIN_MAX_US)
		return hgshm_fail(-EINVAL, "ring options: spin_us is %u, must be at most %d",
				  given->spin_us, SPIN_MAX_US);
	if (!given->wake != !given->wait)
		return hgshm_fail(-EINVAL, "ring options: wake without wait, or the other way "
				  "round; give both or neither");
	*options = *given;
	return 0;
}

static int make_random(uint64_t *word)
{
	do {
		if (getrandom(word, sizeof(*word), 0) != sizeof(*word))
			return hgshm_fail(-errno, "no random number: %s", strerror(errno));
	} while (!*word);
	return 0;
}

static void point_into(struct hgshm_ring *ring, unsigned char *memory, uint32_t side)
{
	bool producer = side == HGSHM_RING_PRODUCER;
	void *tail = memory + HGSHM_RING_TAIL_OFFSET;
	void *head = memory + HGSHM_RING_HEAD_OFFSET;
	void *of_producer = memory + HGSHM_RING_PRODUCER_OFFSET;
	void *of_consumer = memory + HGSHM_RING_CONSUMER_OFFSET;

	ring->side = side;
	ring->header = (void *)(memory + HGSHM_RING_HEADER_OFFSET);
	ring->own_index = producer ? tail : head;
	ring->other_index = producer ? head : tail;
	ring->own = producer ? of_producer : of_consumer;
	ring->other = producer ? of_consumer : of_producer;
	ring->data = memory + HGSHM_RING_DATA_OFFSET;
}

static int new_side(struct hgshm_ring **out, void *memory, size_t bytes, uint32_t side,
		    const struct hgshm_ring_options *given)
{
	struct hgshm_ring_options options;
	struct hgshm_ring *ring;
	int ret;

	if (!out || !memory)
		return hgshm_fail(-EINVAL, "ring: an argument is NULL");
	if (side != HGSHM_RING_PRODUCER && side != HGSHM_RING_CONSUMER)
		return hgshm_fail(-EINVAL, "ring: side %u is neither producer nor consumer", side);
	if ((uintptr_t)memory % HGSHM_RING_ALIGN_BYTES)
		return hgshm_fail(-EINVAL, "ring: memory at %p is not aligned to %d bytes", memory,
				  HGSHM_RING_ALIGN_BYTES);
	if (bytes < HGSHM_RING_BYTES_MIN)
		return hgshm_fail(-EINVAL, "ring: %zu bytes of memory, must be at least %d", bytes,
				  HGSHM_RING_BYTES_MIN);
	ret = hgshm_ring_read_options(&options, given);
	if (ret)
		return ret;
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return hgshm_fail(-ENOMEM, "no memory for a ring");
	ret = make_random(&ring->owner);
	if (ret) {
		free(ring);
		return ret;
	}
	ring->options = options;
	point_into(ring, memory, side);
	*out = ring;
	return 0;
}

/* The owner comes before the generation, by which the other side takes index for set. */
static void take_place(struct hgshm_ring *ring)
{
	ring->sleeping = (shared_load(&ring->own->sleeping) + 2) & ~UINT64_C(1);
	shared_store(&ring->own->owner, ring->owner);
	shared_store(&ring->own->met, 0);
	shared_store(&ring->own->closed, 0);
	shared_store(&ring->own->sleeping, ring->sleeping);
	shared_store(&ring->own_index->index, ring->next);
	ordered_store(&ring->own->generation, ring->generation);
}

/* A side that is still there finds no owner, and if it sleeps, the first message wakes it. */
static void clear_side(struct hgshm_ring_side *side, struct hgshm_ring_index *index)
{
	shared_store(&side->generation, 0);
	shared_store(&side->owner, 0);
	shared_store(&side->met, 0);
	shared_store(&side->closed, 0);
	shared_store(&side->wanted, 0);
	for (size_t i = 0; i < sizeof(side->reserved) / sizeof(side->reserved[0]); i++)
		shared_store(&side->reserved[i], 0);
	shared_store(&index->index, 0);
	for (size_t i = 0; i < sizeof(index->reserved) / sizeof(index->reserved[0]); i++)
		shared_store(&index->reserved[i], 0);
}

static void set_capacity(struct hgshm_ring *ring, uint64_t capacity)
{
	ring->capacity = capacity;
	ring->message_max = HGSHM_RING_MESSAGE_MAX(capacity);
}

int hgshm_ring_create(struct hgshm_ring **out, void *memory, size_t bytes, uint32_t side,
		      const struct hgshm_ring_options *options)
{
	struct hgshm_ring_header *header;
	struct hgshm_ring *ring;
	uint64_t capacity;
	int ret;

	ret = new_side(&ring, memory, bytes, side, options);
	if (ret)
		return ret;
	ret = make_random(&ring->generation);
	if (ret) {
		free(ring);
		return ret;
	}
	capacity = (bytes - HGSHM_RING_DATA_OFFSET) / HGSHM_RING_ALIGN_BYTES *
		   HGSHM_RING_ALIGN_BYTES;
	set_capacity(ring, capacity < HGSHM_RING_CAPACITY_MAX ? capacity : HGSHM_RING_CAPACITY_MAX);
	header = ring->header;
	ordered_store(&header->generation, 0);
	clear_side(ring->own, ring->own_index);
	clear_side(ring->other, ring->other_index);
	__atomic_store_n(&header->magic, HGSHM_RING_MAGIC, __ATOMIC_RELAXED);
	__atomic_store_n(&header->version, HGSHM_RING_VERSION, __ATOMIC_RELAXED);
	__atomic_store_n(&header->capacity_bytes, ring->capacity, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(header->reserved) / sizeof(header->reserved[0]); i++)
		__atomic_store_n(&header->reserved[i], 0, __ATOMIC_RELAXED);
	take_place(ring);
	ordered_store(&header->generation, ring->generation);
	*out = ring;
	return 0;
}

static int read_header(struct hgshm_ring *ring, size_t bytes)
{
	struct hgshm_ring_header *header = ring->header;
	uint32_t magic = shared_load(&header->magic);
	uint32_t version = shared_load(&header->version);
	uint64_t capacity;

	ring->generation = shared_load(&header->generation);
	capacity = shared_load(&header->capacity_bytes);
	if (!ring->generation)
		return hgshm_fail(-EAGAIN, "there is no ring yet");
	if (magic != HGSHM_RING_MAGIC)
		return hgshm_fail(-EPROTO, "there is no ring here: magic is 0x%x", magic);
	if (version != HGSHM_RING_VERSION)
		return hgshm_fail(-EPROTO, "the ring has version %u, this library knows %u",
				  version, HGSHM_RING_VERSION);
	if (capacity < HGSHM_RING_CAPACITY_MIN || capacity > HGSHM_RING_CAPACITY_MAX ||
	    capacity % HGSHM_RING_ALIGN_BYTES)
		return hgshm_fail(-EPROTO, "the ring says that it has a capacity of %" PRIu64
				  " bytes", capacity);
	if (capacity > bytes - HGSHM_RING_DATA_OFFSET)
		return hgshm_fail(-EMSGSIZE, "the ring takes %" PRIu64 " bytes, the memory has %zu",
				  capacity + HGSHM_RING_DATA_OFFSET, bytes);
	set_capacity(ring, capacity);
	return 0;
}

/* Where one of this side that went before was, or 0; and where the other side is. */
static int read_indices(struct hgshm_ring *ring)
{
	uint64_t own = 0, other = 0, used;

	if (shared_load(&ring->own->generation) == ring->generation)
		own = shared_load(&ring->own_index->index);
	if (shared_load(&ring->other->generation) == ring->generation) {
		ring->other_attached = true;
		other = shared_load(&ring->other_index->index);
	}
	used = ring->side == HGSHM_RING_PRODUCER ? own - other : other - own;
	if (used > ring->capacity || (own | other) % HGSHM_RING_RECORD_ALIGN_BYTES)
		return hgshm_fail(-EPROTO, "the ring's indices contradict each other: %" PRIu64
				  " and %" PRIu64 " with %" PRIu64 " bytes", own, other,
				  ring->capacity);
	ring->next = ring->shown = own;
	ring->next_offset = own % ring->capacity;
	ring->seen = other;
	return 0;
}

int hgshm_ring_attach(struct hgshm_ring **out, void *memory, size_t bytes, uint32_t side,
		      const struct hgshm_ring_options *options)
{
	struct hgshm_ring *ring;
	int ret;

	ret = new_side(&ring, memory, bytes, side, options);
	if (ret)
		return ret;
	ret = read_header(ring, bytes);
	if (!ret)
		ret = read_indices(ring);
	if (ret) {
		free(ring);
		return ret;
	}
	/* One that had this side before stops at the sight of it, and may have gone on. */
	ordered_store(&ring->own->owner, ring->owner);
	ret = read_indices(ring);
	if (ret) {
		free(ring);
		return ret;
	}
	take_place(ring);
	*out = ring;
	return 0;
}

void hgshm_ring_close(struct hgshm_ring *ring)
{
	if (!ring)
		return;
	hgshm_ring_disarm(ring);
	if (!ring->error)
		hgshm_ring_show(ring);
	if (shared_load(&ring->own->owner) == ring->owner &&
	    shared_load(&ring->header->generation) == ring->generation) {
		ordered_store(&ring->own->closed, ring->generation);
		ring->rung = 0;
		hgshm_ring_wake(ring, true);
	}
	free(ring);
}
