/* SPDX-License-Identifier: MIT */
/* Job blocks, tasks and completions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "crc32c.h"
#include "input.h"
#include "task.h"

#define ERRNO_MAX 4095

HGSHM_STATIC_ASSERT(JOB_PARAMS_BYTES == HGSHM_MR_JOB_PARAMS_BYTES,
		    "a job's parameters do not fit the job block");

int random_id(__u64 *id)
{
	do {
		if (getrandom(id, sizeof(*id), 0) != sizeof(*id))
			return -EIO;
	} while (!*id);
	return 0;
}

static __u32 job_block_crc(const struct hgshm_mr_job *block)
{
	const size_t from = offsetof(struct hgshm_mr_job, epoch);

	return crc32c(0, (const char *)block + from,
		      offsetof(struct hgshm_mr_job, crc32c) - from);
}

int job_block_fill(struct hgshm_mr_job *block, const struct job_request *request, __u64 epoch)
{
	memset(block, 0, sizeof(*block));
	block->magic = HGSHM_MR_MAGIC;
	block->version = HGSHM_MR_VERSION;
	block->state = HGSHM_MR_JOB_OPEN;
	block->epoch = epoch;
	block->chunk_bytes = request->chunk_bytes;
	block->table_bytes = request->table_bytes;
	if (random_id(&block->job_id) || random_id(&block->hash_seed))
		return -EIO;
	snprintf((char *)block->name, sizeof(block->name), "%s", request->job->name);
	snprintf((char *)block->params, sizeof(block->params), "%s", request->params);
	block->crc32c = job_block_crc(block);
	return 0;
}

int job_block_check(const struct hgshm_mr_job *block, struct problem *problem)
{
	if (block->magic != HGSHM_MR_MAGIC)
		return problem_set(problem, -EPROTO, "this is no job: it begins with 0x%08x, "
				   "must be 0x%08x", block->magic, HGSHM_MR_MAGIC);
	if (block->version != HGSHM_MR_VERSION)
		return problem_set(problem, -EPROTO, "the job has version %u, this program knows "
				   "%u", block->version, HGSHM_MR_VERSION);
	if (block->crc32c != job_block_crc(block) || !block->job_id ||
	    block->name[sizeof(block->name) - 1] || block->params[sizeof(block->params) - 1] ||
	    !block->chunk_bytes || block->chunk_bytes % INPUT_ALIGN_BYTES ||
	    block->chunk_bytes > SIZE_MAX / 8)
		return problem_set(problem, -EPROTO, "the job is damaged");
	return 0;
}

static __u32 task_crc(const struct hgshm_mr_task *task)
{
	return crc32c(0, task, offsetof(struct hgshm_mr_task, crc32c));
}

static __u32 done_crc(const struct hgshm_mr_done *done)
{
	return crc32c(0, done, offsetof(struct hgshm_mr_done, crc32c));
}

void task_seal(struct hgshm_mr_task *task)
{
	task->crc32c = task_crc(task);
}

void done_seal(struct hgshm_mr_done *done)
{
	done->crc32c = done_crc(done);
}

int task_check(const struct hgshm_mr_task *task, __u32 epoch)
{
	bool map = task->op == HGSHM_MR_OP_MAP, flush = task->op == HGSHM_MR_OP_FLUSH;

	if (task->crc32c != task_crc(task) || task->epoch != epoch || task->flags ||
	    task->reserved || (!map && !flush && task->op != HGSHM_MR_OP_END))
		return -EPROTO;
	if (!map && (task->input_offset || task->input_bytes || task->stream_offset))
		return -EPROTO;
	if (!flush && (task->arena_offset || task->arena_bytes))
		return -EPROTO;
	return 0;
}

int done_check(const struct hgshm_mr_done *done, const struct hgshm_mr_task *task,
	       const char *worker, struct problem *problem)
{
	const char *what = NULL;

	if (done->crc32c != done_crc(done))
		what = "a damaged completion";
	else if (!task || done->task_id != task->task_id)
		what = "a completion of a task that it was not given";
	else if (done->epoch != task->epoch)
		what = "a completion of another epoch";
	else if (done->op != task->op || done->flags & ~HGSHM_MR_DONE_FLAGS || done->reserved)
		what = "a completion that contradicts its task";
	else if (done->status > 0 || done->status < -ERRNO_MAX)
		what = "a completion with an impossible status";
	else if (done->result_bytes > task->arena_bytes ||
		 done->result_offset != task->arena_offset)
		what = "a result outside its arena";
	else if (task->op == HGSHM_MR_OP_MAP && done->records > task->input_bytes)
		what = "more records than input";
	else if (task->op == HGSHM_MR_OP_FLUSH && !done->result_bytes &&
		 done->flags & HGSHM_MR_DONE_MORE && !done->status)
		what = "an empty portion of results that is not the last";
	if (what)
		return problem_set(problem, -EPROTO, "%s sent %s (task %llu)", worker, what,
				   (unsigned long long)done->task_id);
	if (done->status)
		return problem_set(problem, done->status, "%s failed at the %s from input byte "
				   "%llu: %s", worker,
				   task->op == HGSHM_MR_OP_MAP ? "chunk" : "results",
				   (unsigned long long)task->stream_offset,
				   strerror(-done->status));
	return 0;
}

int result_check(const struct hgshm_mr_done *done, const void *result, const char *worker,
		 struct problem *problem)
{
	if (done->result_crc32c != crc32c(0, result, done->result_bytes))
		return problem_set(problem, -EPROTO, "%s sent a damaged result (task %llu)", worker,
				   (unsigned long long)done->task_id);
	return 0;
}

int task_queue_push(struct task_queue *queue, const struct hgshm_mr_task *task)
{
	if (task_queue_length(queue) == HGSHM_MR_RING_ENTRIES)
		return -EAGAIN;
	queue->tasks[queue->tail++ % HGSHM_MR_RING_ENTRIES] = *task;
	return 0;
}
