/* SPDX-License-Identifier: MIT */
/*
 * Access to the lines and rings of <hgshm/mapreduce.h>. Each word that the other side may
 * write or read at the same time goes through here, atomically.
 */
#ifndef MAPREDUCE_RINGS_H
#define MAPREDUCE_RINGS_H

#include <stdbool.h>
#include <string.h>

#include <hgshm/mapreduce.h>

/* A worker's slice as one side sees it. */
struct rings {
	unsigned char *slice;
	struct hgshm_mr_mapper_line *mapper;
	struct hgshm_mr_worker_line *worker;
	struct hgshm_mr_task *tasks;
	struct hgshm_mr_done *dones;
};

static inline void rings_at(struct rings *rings, void *slice)
{
	rings->slice = slice;
	rings->mapper = (void *)(rings->slice + HGSHM_MR_MAPPER_LINE_OFFSET);
	rings->worker = (void *)(rings->slice + HGSHM_MR_WORKER_LINE_OFFSET);
	rings->tasks = (void *)(rings->slice + HGSHM_MR_TASK_RING_OFFSET);
	rings->dones = (void *)(rings->slice + HGSHM_MR_DONE_RING_OFFSET);
}

static inline unsigned int ring_place(__u32 index)
{
	return index % HGSHM_MR_RING_ENTRIES;
}

#define shared_load(from) __atomic_load_n(from, __ATOMIC_ACQUIRE)
#define shared_store(to, value) __atomic_store_n(to, value, __ATOMIC_RELEASE)

/*
 * The four accesses that decide who wakes whom, in one total order: a producer's tail
 * and its look at need_wakeup, a consumer's need_wakeup and its second look at the tail.
 */
#define ordered_load(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)
#define ordered_store(to, value) __atomic_store_n(to, value, __ATOMIC_SEQ_CST)

/* Mapper. Other threads may be reading the block. */
void job_block_publish(struct hgshm_mr_job *shared, const struct hgshm_mr_job *block);
void job_block_set_state(struct hgshm_mr_job *shared, __u32 state);

/* Worker. False while the mapper is writing it. */
bool job_block_read(const struct hgshm_mr_job *shared, struct hgshm_mr_job *block);

#endif /* MAPREDUCE_RINGS_H */
