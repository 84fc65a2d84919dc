/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "vms.h"

static void *run_worker(void *arg)
{
	struct worker_thread *worker = arg;

	worker->ret = worker_run(worker->h, &worker->options, &worker->problem);
	return NULL;
}

static void start(struct worker_thread *worker, struct fake_group *group, uint32_t index)
{
	worker->h = fake_group_join(group, index);
	worker->options.deadline_ns = 60 * NS_PER_SECOND;
	assert_int_equal(pthread_create(&worker->thread, NULL, run_worker, worker), 0);
}

void vms_start_worker(struct worker_thread *worker, struct fake_group *group, uint32_t index)
{
	*worker = (struct worker_thread){ .options = { .once = true } };
	start(worker, group, index);
}

void vms_start_staying_worker(struct worker_thread *worker, struct fake_group *group,
			      uint32_t index, const atomic_int *stop)
{
	*worker = (struct worker_thread){ .options = { .interrupted = stop } };
	start(worker, group, index);
}

int vms_join_worker(struct worker_thread *worker)
{
	pthread_join(worker->thread, NULL);
	hgshm_close(worker->h);
	return worker->ret;
}

struct job_options vms_options(const char *job, const char *input)
{
	static FILE *nowhere;
	struct job_options options;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	assert_non_null(nowhere);
	job_options_default(&options);
	options.job = job;
	options.input = input;
	options.output = texts_path("result");
	options.progress = PROGRESS_NEVER;
	options.out = nowhere;
	options.chunk_bytes = 65536;
	return options;
}

struct text vms_wanted(const struct job_options *options, const struct text *text)
{
	text_save(text, options->input);
	return oracle(options->job, options->byte, options->input);
}
