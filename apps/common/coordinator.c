/* SPDX-License-Identifier: MIT */
/* Hands chunks to a crew and merges what comes back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "coordinator.h"

#define WAIT_NS (250 * NS_PER_MS)
#define BUFFERS HGSHM_MR_INPUT_BUFFERS

enum phase {
	MAPPING,	/* takes chunks */
	FLUSHING,	/* takes no chunks until its last portion is here */
	FLUSHED,	/* no more input, all its results are here */
	ENDED,
};

struct worker {
	enum phase phase;
	unsigned int outstanding;	/* tasks of any kind */
	unsigned int flushes;		/* of them */
	uint64_t buffer_task[BUFFERS];	/* whose input it holds, 0: free */
	uint64_t buffer_bytes[BUFFERS];
	unsigned int next_arena;
	bool dirty;			/* has mapped since its last flush began */
	uint64_t unmerged;		/* records mapped less records merged */
	int64_t waiting_since_ns;	/* oldest sign of life that counts for the deadline */
};

struct coordinator {
	struct crew *crew;
	struct input *input;
	const struct coordinator_options *options;
	const struct job_ops *job;
	void *ctx;
	struct job_report *report;
	struct problem *problem;
	uint64_t next_task;
	bool input_ended;
	struct worker worker[CREW_WORKERS_MAX];
};

static int post(struct coordinator *c, unsigned int w, struct crew_task *task)
{
	struct worker *worker = c->worker + w;
	int ret;

	task->id = c->next_task++;
	if (!worker->outstanding)
		worker->waiting_since_ns = clock_ns();
	ret = c->crew->ops->post(c->crew, w, task, c->problem);
	if (!ret)
		worker->outstanding++;
	return ret;
}

static int post_flush(struct coordinator *c, unsigned int w)
{
	struct worker *worker = c->worker + w;
	struct crew_task task = { .op = HGSHM_MR_OP_FLUSH, .arena = worker->next_arena };

	worker->next_arena = (worker->next_arena + 1) % HGSHM_MR_RESULT_ARENAS;
	worker->flushes++;
	return post(c, w, &task);
}

static int begin_flush(struct coordinator *c, unsigned int w)
{
	c->worker[w].phase = FLUSHING;
	c->worker[w].dirty = false;
	return post_flush(c, w);
}

static int finish_flush(struct coordinator *c, unsigned int w)
{
	struct worker *worker = c->worker + w;

	if (worker->unmerged)
		return problem_set(c->problem, -EPROTO, "%s counted %s that its results do not "
				   "add up to", c->report->worker[w].name, c->job->records);
	worker->phase = MAPPING;
	return 0;
}

static int take_map(struct coordinator *c, unsigned int w, const struct hgshm_mr_done *done)
{
	struct worker_report *report = c->report->worker + w;
	struct worker *worker = c->worker + w;

	for (unsigned int i = 0; i < BUFFERS; i++) {
		if (worker->buffer_task[i] != done->task_id)
			continue;
		worker->buffer_task[i] = 0;
		report->bytes += worker->buffer_bytes[i];
		report->chunks++;
	}
	report->records += done->records;
	worker->unmerged += done->records;
	if (done->flags & HGSHM_MR_DONE_PRESSURE && worker->phase == MAPPING)
		return begin_flush(c, w);
	return 0;
}

static int take_flush(struct coordinator *c, unsigned int w, const struct crew_done *taken)
{
	const struct hgshm_mr_done *done = &taken->done;
	struct worker *worker = c->worker + w;
	uint64_t before = c->job->total(c->ctx), merged;
	int ret;

	worker->flushes--;
	ret = c->job->merge(c->ctx, taken->result, done->result_bytes, done->records);
	if (ret == -EPROTO)
		return problem_set(c->problem, ret, "%s sent results that are no %s",
				   c->report->worker[w].name, c->job->records);
	if (ret)
		return problem_set(c->problem, ret, "merging results: %s", strerror(-ret));
	merged = c->job->total(c->ctx) - before;
	if (merged > worker->unmerged)
		return problem_set(c->problem, -EPROTO, "%s sent more results than it counted %s",
				   c->report->worker[w].name, c->job->records);
	worker->unmerged -= merged;

	/* One portion lies in an arena while the worker writes the next to the other. */
	while (done->flags & HGSHM_MR_DONE_MORE && worker->flushes < HGSHM_MR_RESULT_ARENAS) {
		ret = post_flush(c, w);
		if (ret)
			return ret;
	}
	return worker->flushes ? 0 : finish_flush(c, w);
}

/* Returns how many completions it took. */
static int take_all(struct coordinator *c, unsigned int w)
{
	struct worker *worker = c->worker + w;
	struct crew_done taken;
	int count = 0, ret;

	while (worker->outstanding) {
		ret = c->crew->ops->take(c->crew, w, &taken, c->problem);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		count++;
		worker->outstanding--;
		worker->waiting_since_ns = clock_ns();
		c->report->worker[w].busy_ns += taken.done.ns;
		ret = 0;
		if (taken.done.op == HGSHM_MR_OP_MAP)
			ret = take_map(c, w, &taken.done);
		else if (taken.done.op == HGSHM_MR_OP_FLUSH)
			ret = take_flush(c, w, &taken);
		else
			worker->phase = ENDED;
		if (ret)
			return ret;
	}
	return count;
}

static int free_buffer(const struct worker *worker)
{
	for (unsigned int i = 0; i < BUFFERS; i++)
		if (!worker->buffer_task[i])
			return i;
	return -1;
}

/* The worker with the fewest tasks that can take a chunk, or -1. */
static int hungriest(const struct coordinator *c)
{
	int best = -1;

	for (unsigned int w = 0; w < c->crew->workers; w++) {
		const struct worker *worker = c->worker + w;

		if (worker->phase == MAPPING && free_buffer(worker) >= 0 &&
		    (best < 0 || worker->outstanding < c->worker[best].outstanding))
			best = w;
	}
	return best;
}

/* Reads a chunk for whoever has least to do. Returns 1, or 0 if none can take one. */
static int feed(struct coordinator *c)
{
	struct crew_task task = { .op = HGSHM_MR_OP_MAP };
	struct worker *worker;
	struct chunk chunk;
	int w, ret;

	if (c->input_ended)
		return 0;
	w = hungriest(c);
	if (w < 0)
		return 0;
	worker = c->worker + w;
	task.buffer = free_buffer(worker);
	ret = input_next(c->input, c->crew->ops->buffer(c->crew, w, task.buffer), &chunk,
			 c->problem);
	if (ret < 0)
		return ret;
	if (!ret) {
		c->input_ended = true;
		return 1;
	}
	task.offset = chunk.offset;
	task.bytes = chunk.bytes;
	task.stream_offset = chunk.stream_offset;
	c->report->bytes += chunk.bytes;
	c->report->chunks++;
	ret = post(c, w, &task);
	if (ret)
		return ret;
	worker->buffer_task[task.buffer] = task.id;
	worker->buffer_bytes[task.buffer] = chunk.bytes;
	worker->dirty = true;
	return 1;
}

/* After the last chunk: the final flush, which the worker does after its chunks. */
static int wind_up(struct coordinator *c, unsigned int w)
{
	struct worker *worker = c->worker + w;

	if (!c->input_ended || worker->phase != MAPPING)
		return 0;
	if (worker->dirty)
		return begin_flush(c, w);
	worker->phase = FLUSHED;
	return 0;
}

static bool all_in(const struct coordinator *c, enum phase phase)
{
	for (unsigned int w = 0; w < c->crew->workers; w++)
		if (c->worker[w].phase != phase)
			return false;
	return true;
}

static void show_progress(const struct coordinator *c)
{
	const struct progress_sink *progress = c->options->progress;
	uint64_t bytes = 0;

	if (!progress)
		return;
	for (unsigned int w = 0; w < c->crew->workers; w++)
		bytes += c->report->worker[w].bytes;
	progress->show(progress->arg, bytes, c->input->total_bytes);
}

static int check_deadlines(const struct coordinator *c)
{
	int64_t now_ns = clock_ns();

	for (unsigned int w = 0; w < c->crew->workers; w++) {
		const struct worker *worker = c->worker + w;

		if (worker->outstanding &&
		    now_ns - worker->waiting_since_ns > c->options->deadline_ns)
			return problem_set(c->problem, -ETIMEDOUT, "%s has done nothing for %lld "
					   "s with %u tasks to do (--deadline)",
					   c->report->worker[w].name,
					   (long long)(c->options->deadline_ns / NS_PER_SECOND),
					   worker->outstanding);
	}
	return 0;
}

static int wait_for_crew(struct coordinator *c)
{
	int64_t timeout_ns = WAIT_NS;
	int ret;

	if (timeout_ns > c->options->deadline_ns)
		timeout_ns = c->options->deadline_ns;
	ret = c->crew->ops->wait(c->crew, timeout_ns, c->problem);
	return ret ? ret : check_deadlines(c);
}

static int run_until(struct coordinator *c, enum phase phase)
{
	bool busy;
	int ret;

	while (!all_in(c, phase)) {
		busy = false;
		for (unsigned int w = 0; w < c->crew->workers; w++) {
			ret = take_all(c, w);
			if (ret < 0)
				return ret;
			busy |= ret > 0;
			ret = wind_up(c, w);
			if (ret)
				return ret;
		}
		if (c->options->interrupted && *c->options->interrupted)
			return problem_set(c->problem, -EINTR, "interrupted");
		show_progress(c);
		ret = feed(c);
		if (ret < 0)
			return ret;
		busy |= ret > 0;
		if (!busy && !all_in(c, phase)) {
			ret = wait_for_crew(c);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int end_workers(struct coordinator *c)
{
	struct crew_task task = { .op = HGSHM_MR_OP_END };
	int ret;

	for (unsigned int w = 0; w < c->crew->workers; w++) {
		ret = post(c, w, &task);
		if (ret)
			return ret;
	}
	return run_until(c, ENDED);
}

/* Notes when the first result comes out, which is when all of them are in order. */
struct timed_sink {
	const struct job_sink *sink;
	int64_t first_ns;
};

static int timed_result(void *arg, uint64_t count, const void *key, size_t key_bytes)
{
	struct timed_sink *timed = arg;

	if (!timed->first_ns)
		timed->first_ns = clock_ns();
	return timed->sink->result(timed->sink->arg, count, key, key_bytes);
}

static int finish(struct coordinator *c, const struct job_sink *sink, int64_t start_ns)
{
	struct timed_sink timed = { .sink = sink };
	struct job_sink outer = { .result = timed_result, .arg = &timed };
	int ret;

	ret = c->job->finish(c->ctx, &outer, &c->report->distinct);
	if (ret)
		return problem_set(c->problem, ret, "writing results: %s", strerror(-ret));
	c->report->ns = (timed.first_ns ? timed.first_ns : clock_ns()) - start_ns;
	return 0;
}

int coordinate(struct crew *crew, struct input *input, const struct coordinator_options *options,
	       const struct job_sink *sink, struct job_report *report, struct problem *problem)
{
	struct job_config config = {
		.table_bytes = SIZE_MAX,
		.hash_seed = options->hash_seed,
	};
	int64_t start_ns = clock_ns();
	struct coordinator *c;
	int ret;

	memset(report, 0, sizeof(*report));
	report->workers = crew->workers;
	for (unsigned int w = 0; w < crew->workers; w++)
		crew->ops->name(crew, w, report->worker[w].name);
	c = calloc(1, sizeof(*c));
	if (!c)
		return problem_set(problem, -ENOMEM, "no memory to coordinate");
	c->crew = crew;
	c->input = input;
	c->options = options;
	c->job = options->request->job;
	c->report = report;
	c->problem = problem;
	c->next_task = 1;
	memcpy(config.params, options->request->params, sizeof(config.params));
	ret = c->job->init(&c->ctx, &config);
	if (ret) {
		problem_set(problem, ret, "job %s: %s", c->job->name, strerror(-ret));
		goto free_coordinator;
	}
	ret = run_until(c, FLUSHED);
	if (!ret)
		ret = end_workers(c);
	for (unsigned int w = 0; w < crew->workers; w++)
		report->records += report->worker[w].records;
	if (!ret)
		ret = finish(c, sink, start_ns);
	c->job->free(c->ctx);
free_coordinator:
	free(c);
	return ret;
}
