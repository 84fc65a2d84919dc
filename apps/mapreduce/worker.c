/* SPDX-License-Identifier: MIT */
/* Takes up jobs and does their tasks. */
#include <errno.h>
#include <inttypes.h>

#include "clock.h"
#include "rings.h"
#include "session.h"
#include "task.h"
#include "worker.h"

#define WAIT_NS (250 * NS_PER_MS)
#define SPIN_NS 20000

struct worker {
	struct hgshm *h;
	const struct worker_options *options;
	struct problem *problem;
	const struct hgshm_mr_job *shared_job;
	struct rings rings;
	size_t slice_bytes;
	bool device_failed;
	__u64 served_id;		/* the job done or refused last */
	struct session session;
	__u64 nonce;
	__u32 task_head;
	__u32 done_tail;
	__u32 mapper_heartbeat;
	int64_t heard_ns;		/* when it last changed */
	uint64_t chunks;
	uint64_t bytes;
};

/* What the mapper's line and job block say about the job being served. */
enum standing {
	WAITING,	/* not acknowledged yet */
	ATTACHED,
	OVER,		/* given up, or replaced by another job */
};

static bool stop_wanted(const struct worker *w)
{
	return w->options->interrupted && *w->options->interrupted;
}

static int lib_problem(struct worker *w, int error)
{
	w->device_failed = true;
	return problem_set(w->problem, error, "%s", hgshm_strerror(error));
}

static int ring_mapper(struct worker *w)
{
	int ret = hgshm_poke(w->h, 0);

	return ret && ret != -ENOTCONN ? lib_problem(w, ret) : 0;
}

/* Returns 1 if it is time to look who is still there. */
static int sleep_some(struct worker *w)
{
	struct hgshm_events events = { 0 };
	int ret = hgshm_wait(w->h, WAIT_NS, &events);

	if (ret && ret != -ETIMEDOUT && ret != -EINTR)
		return lib_problem(w, ret);
	return ret || events.peers_changed;
}

static int open_slices(struct worker *w)
{
	struct hgshm_info info;
	size_t bytes;
	void *slice;
	int ret;

	ret = hgshm_get_info(w->h, &info);
	if (ret)
		return lib_problem(w, ret);
	ret = hgshm_slice(w->h, info.index, &slice, &w->slice_bytes);
	if (ret)
		return lib_problem(w, ret);
	if (w->slice_bytes < HGSHM_MR_DATA_OFFSET)
		return problem_set(w->problem, -EINVAL, "a slice of %zu bytes is too small, must be "
				   "at least %d", w->slice_bytes, HGSHM_MR_DATA_OFFSET);
	rings_at(&w->rings, slice);
	ret = hgshm_slice(w->h, 0, &slice, &bytes);
	if (ret)
		return lib_problem(w, ret);
	w->shared_job = (const void *)((char *)slice + HGSHM_MR_JOB_OFFSET);
	return 0;
}

/* Waits for a job that is open and was not served yet. */
static int wait_for_job(struct worker *w, struct hgshm_mr_job *block)
{
	int64_t start_ns = clock_ns();
	int ret;

	for (;;) {
		if (job_block_read(w->shared_job, block) && block->magic == HGSHM_MR_MAGIC &&
		    block->state == HGSHM_MR_JOB_OPEN && block->job_id &&
		    block->job_id != w->served_id)
			return 0;
		if (stop_wanted(w))
			return problem_set(w->problem, -EINTR, "interrupted");
		if (w->options->wait_ns && clock_ns() - start_ns > w->options->wait_ns)
			return problem_set(w->problem, -ETIMEDOUT, "no job came within %.0f s "
					   "(--wait)", (double)w->options->wait_ns / NS_PER_SECOND);
		ret = sleep_some(w);
		if (ret < 0)
			return ret;
	}
}

/* Takes the job up, or says why not; the mapper sees a line that is whole. */
static int attach(struct worker *w, int status)
{
	struct hgshm_mr_worker_line *line = w->rings.worker;

	if (random_id(&w->nonce))
		return problem_set(w->problem, -EIO, "no random numbers from the kernel");
	w->task_head = 0;
	w->done_tail = 0;
	shared_store(&line->job_id, 0);
	shared_store(&line->task_head, 0);
	shared_store(&line->done_tail, 0);
	shared_store(&line->need_wakeup, 0);
	shared_store(&line->status, status);
	shared_store(&line->nonce, w->nonce);
	shared_store(&line->job_id, w->session.block.job_id);
	return ring_mapper(w);
}

static enum standing look_up(const struct worker *w)
{
	const __u64 job_id = w->session.block.job_id;
	struct hgshm_mr_job block;

	if (shared_load(&w->rings.mapper->job_id) != job_id)
		return OVER;
	if (shared_load(&w->rings.mapper->attached) == w->nonce)
		return ATTACHED;
	if (job_block_read(w->shared_job, &block) &&
	    (block.job_id != job_id || block.state != HGSHM_MR_JOB_OPEN))
		return OVER;
	return WAITING;
}

/* Whether the mapper is still there, for a worker that has nothing to do. */
static int check_mapper(struct worker *w)
{
	__u32 heartbeat = shared_load(&w->rings.mapper->heartbeat);
	struct hgshm_info info;
	int ret;

	if (heartbeat != w->mapper_heartbeat) {
		w->mapper_heartbeat = heartbeat;
		w->heard_ns = clock_ns();
	}
	ret = hgshm_get_info(w->h, &info);
	if (ret)
		return lib_problem(w, ret);
	if (!(info.peers & 1))
		return problem_set(w->problem, -EPIPE, "VM 0 went away in the middle of the job");
	if (clock_ns() - w->heard_ns > w->options->deadline_ns)
		return problem_set(w->problem, -ETIMEDOUT, "VM 0 has shown no life for %lld s "
				   "(--deadline)",
				   (long long)(w->options->deadline_ns / NS_PER_SECOND));
	return 0;
}

static bool has_task(const struct worker *w)
{
	return ordered_load(&w->rings.mapper->task_tail) != w->task_head;
}

/* Returns once there may be a task, or something has changed, or it is time to look. */
static int wait_for_task(struct worker *w)
{
	int64_t spin_end_ns = clock_ns() + SPIN_NS;
	int ret = 0;

	do {
		if (has_task(w) && look_up(w) == ATTACHED)
			return 0;
	} while (clock_ns() < spin_end_ns);

	ordered_store(&w->rings.worker->need_wakeup, 1);
	if (!has_task(w) || look_up(w) == WAITING)
		ret = sleep_some(w);
	ordered_store(&w->rings.worker->need_wakeup, 0);
	return ret > 0 ? check_mapper(w) : ret;
}

static void run_task(struct worker *w, const struct hgshm_mr_task *task,
		     struct hgshm_mr_done *done)
{
	unsigned char *slice = w->rings.slice;
	bool inside = true;

	if (task_check(task, (__u32)w->session.block.epoch))
		inside = false;
	else if (task->op == HGSHM_MR_OP_MAP)
		inside = range_inside(task->input_offset, task->input_bytes,
				      HGSHM_MR_DATA_OFFSET, w->slice_bytes);
	else if (task->op == HGSHM_MR_OP_FLUSH)
		inside = range_inside(task->arena_offset, task->arena_bytes,
				      HGSHM_MR_DATA_OFFSET, w->slice_bytes);
	if (!inside) {
		session_refuse(task, -EPROTO, done);
		return;
	}
	shared_store(&w->rings.worker->heartbeat, w->task_head);
	session_run(&w->session, task, slice + task->input_offset, slice + task->arena_offset,
		    done);
	if (task->op == HGSHM_MR_OP_MAP) {
		w->chunks++;
		w->bytes += task->input_bytes;
	}
}

/* Returns 1 after the job's last task. */
static int do_task(struct worker *w)
{
	struct hgshm_mr_task task;
	struct hgshm_mr_done done;

	if (shared_load(&w->rings.mapper->task_tail) - w->task_head > HGSHM_MR_RING_ENTRIES)
		return problem_set(w->problem, -EPROTO, "VM 0's ring says that it holds more tasks "
				   "than fit");
	memcpy(&task, w->rings.tasks + ring_place(w->task_head), sizeof(task));
	shared_store(&w->rings.worker->task_head, ++w->task_head);
	run_task(w, &task, &done);
	w->rings.dones[ring_place(w->done_tail)] = done;
	ordered_store(&w->rings.worker->done_tail, ++w->done_tail);
	if (ordered_load(&w->rings.mapper->need_wakeup) && ring_mapper(w))
		return -EIO; /* ring_mapper has said why */
	return task.op == HGSHM_MR_OP_END && !done.status;
}

/* Works for a job until it ends, and tells whether its mapper ever acknowledged this worker. */
static int serve_tasks(struct worker *w, bool *attached)
{
	int ret;

	w->heard_ns = clock_ns();
	for (;;) {
		enum standing standing = look_up(w);

		if (standing == OVER)
			return problem_set(w->problem, -ECANCELED, "VM 0 gave the job up");
		*attached |= standing == ATTACHED;
		if (standing == WAITING && *attached)
			return problem_set(w->problem, -ECANCELED, "VM 0 gave the job up");
		if (stop_wanted(w))
			return problem_set(w->problem, -EINTR, "interrupted");
		if (standing == ATTACHED && has_task(w))
			ret = do_task(w);
		else
			ret = wait_for_task(w);
		if (ret)
			return ret > 0 ? 0 : ret;
	}
}

static void report(struct worker *w, int result)
{
	if (!w->options->log)
		return;
	if (result)
		fprintf(w->options->log, "job ended: %s\n", w->problem->text);
	else
		fprintf(w->options->log, "job %s done: %" PRIu64 " chunks, %.1f MB\n",
			w->session.job->name, w->chunks, w->bytes / 1e6);
	fflush(w->options->log);
}

/*
 * Returns what ended the job. *counts tells whether it was one at all: memory may hold a
 * job whose mapper died long ago, and nobody needs to hear of that.
 */
static int serve(struct worker *w, const struct hgshm_mr_job *block, bool *counts)
{
	int status, ret;

	w->chunks = 0;
	w->bytes = 0;
	status = session_begin(&w->session, block, w->problem);
	ret = attach(w, status);
	if (!ret && status) {
		*counts = true;
		ret = status;
	} else if (!ret) {
		ret = serve_tasks(w, counts);
	}
	w->served_id = block->job_id;
	if (ret && !status) {
		/* to the mapper, a worker that left */
		shared_store(&w->rings.worker->job_id, 0);
		hgshm_poke(w->h, 0);
	}
	if (*counts)
		report(w, ret);
	session_end(&w->session);
	return ret;
}

int worker_run(struct hgshm *h, const struct worker_options *options, struct problem *problem)
{
	struct worker w = { .h = h, .options = options, .problem = problem };
	struct hgshm_mr_job block;
	bool counts;
	int ret;

	ret = open_slices(&w);
	if (ret)
		return ret;
	for (;;) {
		ret = wait_for_job(&w, &block);
		if (ret)
			return ret;
		counts = false;
		ret = serve(&w, &block, &counts);
		if (ret == -EINTR || w.device_failed || (counts && options->once))
			return ret;
	}
}
