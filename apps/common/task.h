/* SPDX-License-Identifier: MIT */
/*
 * Job blocks, tasks and completions of <hgshm/mapreduce.h>: sealing one's own, and
 * checking those of the other side. What is checked must be a private copy.
 */
#ifndef COMMON_TASK_H
#define COMMON_TASK_H

#include <stdbool.h>
#include <stddef.h>

#include <hgshm/mapreduce.h>

#include "job.h"
#include "problem.h"

/* What the person who starts a job chose. */
struct job_request {
	const struct job_ops *job;
	char params[JOB_PARAMS_BYTES];
	size_t chunk_bytes;
	size_t table_bytes;
};

/* Fills all of block but the sequence, with a fresh random id. */
int job_block_fill(struct hgshm_mr_job *block, const struct job_request *request, __u64 epoch);

/* Whether the block is one that this program understands, and whole. */
int job_block_check(const struct hgshm_mr_job *block, struct problem *problem);

/* A random number that is not 0. */
int random_id(__u64 *id);

void task_seal(struct hgshm_mr_task *task);
void done_seal(struct hgshm_mr_done *done);

/* Worker: -EPROTO for a task that breaks the contract, but for where its offsets point. */
int task_check(const struct hgshm_mr_task *task, __u32 epoch);

static inline bool range_inside(__u64 offset, __u64 bytes, __u64 first, __u64 end)
{
	return offset >= first && offset <= end && bytes <= end - offset;
}

/*
 * Mapper: whether done completes task, and with success. worker names the other side
 * in the problem's text.
 */
int done_check(const struct hgshm_mr_done *done, const struct hgshm_mr_task *task,
	       const char *worker, struct problem *problem);

/* Mapper: whether these bytes, a private copy, are the result that done speaks of. */
int result_check(const struct hgshm_mr_done *done, const void *result, const char *worker,
		 struct problem *problem);

/**
 * struct task_queue - tasks a worker has not completed, oldest first
 * @tasks: entry i at i modulo the length
 * @head: oldest
 * @tail: past the newest
 *
 * A worker completes its tasks in the order it got them.
 */
struct task_queue {
	struct hgshm_mr_task tasks[HGSHM_MR_RING_ENTRIES];
	unsigned int head;
	unsigned int tail;
};

static inline unsigned int task_queue_length(const struct task_queue *queue)
{
	return queue->tail - queue->head;
}

static inline const struct hgshm_mr_task *task_queue_oldest(const struct task_queue *queue)
{
	return task_queue_length(queue) ? &queue->tasks[queue->head % HGSHM_MR_RING_ENTRIES] :
					  NULL;
}

/* -EAGAIN if it is full. */
int task_queue_push(struct task_queue *queue, const struct hgshm_mr_task *task);

#endif /* COMMON_TASK_H */
