/* SPDX-License-Identifier: MIT */
/* hgshm-mapreduce's mapper and workers, whole, in one process. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "fake_group.h"
#include "mapper.h"
#include "texts.h"
#include "worker.h"

#define SLICE_BYTES (16u << 20)

static FILE *devnull;

struct worker_thread {
	pthread_t thread;
	struct hgshm *h;
	struct worker_options options;
	struct problem problem;
	int ret;
};

static void *run_worker(void *arg)
{
	struct worker_thread *worker = arg;

	worker->ret = worker_run(worker->h, &worker->options, &worker->problem);
	return NULL;
}

static void start_worker(struct worker_thread *worker, struct fake_group *group, uint32_t index)
{
	*worker = (struct worker_thread){
		.h = fake_group_join(group, index),
		.options = { .once = true, .deadline_ns = 60 * NS_PER_SECOND },
	};
	assert_int_equal(pthread_create(&worker->thread, NULL, run_worker, worker), 0);
}

static int join_worker(struct worker_thread *worker)
{
	pthread_join(worker->thread, NULL);
	hgshm_close(worker->h);
	return worker->ret;
}

static struct job_options quiet_options(const char *job, const char *input)
{
	struct job_options options;

	job_options_default(&options);
	options.job = job;
	options.input = input;
	options.output = texts_path("result");
	options.summary = texts_path("summary");
	options.progress = PROGRESS_NEVER;
	options.out = devnull;
	options.chunk_bytes = 65536;
	return options;
}

/* Runs one job with workers threads and compares the result with the oracle's. */
static void check_job(const struct job_options *options, unsigned int workers)
{
	struct worker_thread worker[FAKE_CLIENTS_MAX];
	struct text have, wanted;
	struct fake_group group;
	struct problem problem = { "" };
	struct hgshm *mapper;
	int ret;

	fake_group_make(&group, workers + 1, SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	for (unsigned int i = 0; i < workers; i++)
		start_worker(worker + i, &group, i + 1);
	ret = mapper_run(mapper, options, 0, &problem);
	assert_string_equal(problem.text, "");
	assert_int_equal(ret, 0);
	for (unsigned int i = 0; i < workers; i++)
		assert_int_equal(join_worker(worker + i), 0);
	hgshm_close(mapper);
	fake_group_free(&group);

	have = text_load(options->output);
	wanted = oracle(options->job, options->byte, options->input);
	assert_same_text(&have, &wanted);
	text_free(&have);
	text_free(&wanted);
}

static void test_matches_oracle(void **state)
{
	static const size_t chunk_bytes[] = { 4096, 8192, 65536, 1 << 20 };
	struct text text = text_words(1, 3000001, 20000);
	const char *input = texts_path("words");
	struct job_options options = quiet_options("wordcount", input);

	text_save(&text, input);
	for (size_t i = 0; i < sizeof(chunk_bytes) / sizeof(chunk_bytes[0]); i++) {
		options.chunk_bytes = chunk_bytes[i];
		for (unsigned int workers = 1; workers <= 4; workers++)
			check_job(&options, workers);
	}
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches_oracle),
	};
	int failed;

	devnull = fopen("/dev/null", "w");
	if (!devnull)
		return 1;
	failed = cmocka_run_group_tests_name("engine", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
