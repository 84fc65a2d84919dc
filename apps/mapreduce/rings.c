/* SPDX-License-Identifier: MIT */
/* The broadcast job block: one writer, any number of readers that cannot lock. */
#include <stddef.h>

#include "rings.h"

#define BODY_OFFSET offsetof(struct hgshm_mr_job, epoch)
#define BODY_WORDS ((sizeof(struct hgshm_mr_job) - BODY_OFFSET) / sizeof(__u64))

HGSHM_STATIC_ASSERT(BODY_OFFSET % sizeof(__u64) == 0 &&
		    sizeof(struct hgshm_mr_job) % sizeof(__u64) == 0,
		    "the job block can't be copied by words");

static __u64 *body_of(struct hgshm_mr_job *block)
{
	return (__u64 *)((char *)block + BODY_OFFSET);
}

/* Odd from here on. Sequentially consistent, so that no later store is seen before it. */
static __u32 begin_write(struct hgshm_mr_job *shared)
{
	__u32 sequence = shared_load(&shared->sequence) | 1;

	__atomic_exchange_n(&shared->sequence, sequence, __ATOMIC_SEQ_CST);
	return sequence;
}

void job_block_publish(struct hgshm_mr_job *shared, const struct hgshm_mr_job *block)
{
	const __u64 *from = (const __u64 *)((const char *)block + BODY_OFFSET);
	__u32 sequence = begin_write(shared);

	for (size_t i = 0; i < BODY_WORDS; i++)
		shared_store(body_of(shared) + i, from[i]);
	shared_store(&shared->magic, block->magic);
	shared_store(&shared->version, block->version);
	shared_store(&shared->state, block->state);
	shared_store(&shared->sequence, sequence + 1);
}

void job_block_set_state(struct hgshm_mr_job *shared, __u32 state)
{
	__u32 sequence = begin_write(shared);

	shared_store(&shared->state, state);
	shared_store(&shared->sequence, sequence + 1);
}

bool job_block_read(const struct hgshm_mr_job *shared, struct hgshm_mr_job *block)
{
	const __u64 *from = (const __u64 *)((const char *)shared + BODY_OFFSET);

	block->sequence = shared_load(&shared->sequence);
	if (block->sequence & 1)
		return false;
	block->magic = shared_load(&shared->magic);
	block->version = shared_load(&shared->version);
	block->state = shared_load(&shared->state);
	for (size_t i = 0; i < BODY_WORDS; i++)
		body_of(block)[i] = shared_load(from + i);
	return shared_load(&shared->sequence) == block->sequence;
}
