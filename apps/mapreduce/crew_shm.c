/* SPDX-License-Identifier: MIT */
/* Tasks and completions through the workers' slices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crew_shm.h"
#include "input.h"
#include "layout.h"

#define SPIN_NS 20000

static struct shm_crew *to_shm(struct crew *crew)
{
	return (struct shm_crew *)crew;
}

static void shm_name(struct crew *crew, unsigned int w, char name[CREW_NAME_BYTES])
{
	snprintf(name, CREW_NAME_BYTES, "VM %u", to_shm(crew)->worker[w].index);
}

static unsigned char *shm_buffer(struct crew *crew, unsigned int w, unsigned int buffer)
{
	struct shm_crew *shm = to_shm(crew);

	return shm->worker[w].rings.slice + layout_buffer_offset(shm->chunk_bytes, buffer);
}

static int lost(struct shm_crew *shm, const struct shm_worker *worker, const char *how,
		struct problem *problem)
{
	return problem_set(problem, -EPIPE, "VM %u %s in the middle of the job", worker->index, how);
}

static int check_worker(struct shm_crew *shm, const struct shm_worker *worker,
			struct problem *problem)
{
	if (shared_load(&worker->rings.worker->job_id) != shm->job.job_id ||
	    shared_load(&worker->rings.worker->nonce) != worker->nonce)
		return lost(shm, worker, "left or restarted its worker", problem);
	return 0;
}

/* A worker that is gone is found by check_peers; not reaching it is no error here. */
static int ring(struct shm_crew *shm, uint32_t index, struct problem *problem)
{
	int ret = hgshm_poke(shm->h, index);

	if (ret && ret != -ENOTCONN)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	return 0;
}

static int shm_post(struct crew *crew, unsigned int w, const struct crew_task *given,
		    struct problem *problem)
{
	struct shm_crew *shm = to_shm(crew);
	struct shm_worker *worker = shm->worker + w;
	struct hgshm_mr_task task = {
		.task_id = given->id,
		.epoch = (__u32)shm->job.epoch,
		.op = given->op,
	};

	if (given->op == HGSHM_MR_OP_MAP) {
		task.input_offset = layout_buffer_offset(shm->chunk_bytes, given->buffer) +
				    given->offset;
		task.input_bytes = given->bytes;
		task.stream_offset = given->stream_offset;
	} else if (given->op == HGSHM_MR_OP_FLUSH) {
		task.arena_offset = layout_arena_offset(shm->chunk_bytes, given->arena);
		task.arena_bytes = crew_arena_bytes(shm->chunk_bytes);
	}
	task_seal(&task);
	if (task_queue_push(&worker->queue, &task))
		return problem_set(problem, -EAGAIN, "VM %u has too many tasks", worker->index);
	worker->rings.tasks[ring_place(worker->task_tail)] = task;
	ordered_store(&worker->rings.mapper->task_tail, ++worker->task_tail);
	if (ordered_load(&worker->rings.worker->need_wakeup))
		return ring(shm, worker->index, problem);
	return 0;
}

static int shm_take(struct crew *crew, unsigned int w, struct crew_done *taken,
		    struct problem *problem)
{
	struct shm_crew *shm = to_shm(crew);
	struct shm_worker *worker = shm->worker + w;
	__u32 tail = ordered_load(&worker->rings.worker->done_tail);
	const struct hgshm_mr_done *done = &taken->done;
	char name[CREW_NAME_BYTES];
	int ret;

	if (tail == worker->done_head)
		return 0;
	ret = check_worker(shm, worker, problem);
	if (ret)
		return ret;
	shm_name(crew, w, name);
	if (tail - worker->done_head > task_queue_length(&worker->queue))
		return problem_set(problem, -EPROTO, "%s says that it completed more tasks than "
				   "it was given", name);
	memcpy(&taken->done, worker->rings.dones + ring_place(worker->done_head),
	       sizeof(taken->done));
	shared_store(&worker->rings.mapper->done_head, ++worker->done_head);
	ret = done_check(done, task_queue_oldest(&worker->queue), name, problem);
	if (ret)
		return ret;
	worker->queue.head++;
	if (done->result_bytes) {
		memcpy(worker->result, worker->rings.slice + done->result_offset,
		       done->result_bytes);
		ret = result_check(done, worker->result, name, problem);
		if (ret)
			return ret;
	}
	taken->result = worker->result;
	worker->ended = done->op == HGSHM_MR_OP_END;
	return 1;
}

static bool has_done(const struct shm_worker *worker)
{
	return ordered_load(&worker->rings.worker->done_tail) != worker->done_head;
}

static bool any_done(const struct shm_crew *shm)
{
	for (unsigned int w = 0; w < shm->crew.workers; w++)
		if (has_done(shm->worker + w))
			return true;
	return false;
}

static void set_need_wakeup(struct shm_crew *shm, __u32 value)
{
	for (unsigned int w = 0; w < shm->crew.workers; w++)
		ordered_store(&shm->worker[w].rings.mapper->need_wakeup, value);
}

static int check_peers(struct shm_crew *shm, struct problem *problem)
{
	struct hgshm_info info;
	int ret = hgshm_get_info(shm->h, &info);

	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	for (unsigned int w = 0; w < shm->crew.workers; w++) {
		const struct shm_worker *worker = shm->worker + w;

		/* it may go as soon as it has completed its last task */
		if (worker->ended || has_done(worker))
			continue;
		if (!(info.peers >> worker->index & 1))
			return lost(shm, worker, "went away", problem);
		ret = check_worker(shm, worker, problem);
		if (ret)
			return ret;
	}
	return 0;
}

static void beat(struct shm_crew *shm)
{
	shm->heartbeat++;
	for (unsigned int w = 0; w < shm->crew.workers; w++)
		shared_store(&shm->worker[w].rings.mapper->heartbeat, shm->heartbeat);
}

static int shm_wait(struct crew *crew, int64_t timeout_ns, struct problem *problem)
{
	struct shm_crew *shm = to_shm(crew);
	int64_t spin_end_ns = clock_ns() + SPIN_NS;
	struct hgshm_events events = { 0 };
	int ret = 0;

	beat(shm);
	do {
		if (any_done(shm))
			return 0;
	} while (clock_ns() < spin_end_ns);

	set_need_wakeup(shm, 1);
	if (!any_done(shm))
		ret = hgshm_wait(shm->h, timeout_ns, &events);
	set_need_wakeup(shm, 0);
	if (ret == -EINTR)
		return 0;
	if (ret && ret != -ETIMEDOUT)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	return ret || events.peers_changed ? check_peers(shm, problem) : 0;
}

const struct crew_ops shm_crew_ops = {
	.buffer = shm_buffer,
	.post = shm_post,
	.take = shm_take,
	.wait = shm_wait,
	.name = shm_name,
};

int shm_crew_doorbells(struct shm_crew *shm, struct doorbells *doorbells)
{
	struct hgshm_stats now;
	int ret = hgshm_get_stats(shm->h, &now);

	if (ret)
		return ret;
	for (unsigned int w = 0; w < shm->crew.workers; w++) {
		uint32_t index = shm->worker[w].index;

		doorbells->sent[w] = now.sent[index] - shm->at_start.sent[index];
		doorbells->received[w] = now.received[index] - shm->at_start.received[index];
	}
	return 0;
}
