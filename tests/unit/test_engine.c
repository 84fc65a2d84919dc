/* SPDX-License-Identifier: MIT */
/* hgshm-mapreduce's mapper and workers, whole, in one process. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "mapper.h"
#include "results.h"
#include "texts.h"
#include "vms.h"

/* Runs one job with that many workers and compares the result. */
static void check_job(const struct job_options *options, unsigned int workers,
		      const struct text *wanted)
{
	struct worker_thread worker[FAKE_CLIENTS_MAX];
	struct problem problem = { "" };
	struct fake_group group;
	struct hgshm *mapper;
	struct text have;
	int ret;

	fake_group_make(&group, workers + 1, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	for (unsigned int i = 0; i < workers; i++)
		vms_start_worker(worker + i, &group, i + 1);
	ret = mapper_run(mapper, options, 0, &problem);
	assert_string_equal(problem.text, "");
	assert_int_equal(ret, 0);
	for (unsigned int i = 0; i < workers; i++)
		assert_int_equal(vms_join_worker(worker + i), 0);
	hgshm_close(mapper);
	fake_group_free(&group);
	have = text_load(options->output);
	assert_same_text(&have, wanted);
	text_free(&have);
}

static void check_text(const struct text *text, struct job_options *options,
		       unsigned int workers)
{
	struct text wanted = vms_wanted(options, text);

	check_job(options, workers, &wanted);
	text_free(&wanted);
}

static void test_chunks_and_workers(void **state)
{
	static const size_t chunk_bytes[] = { 4096, 12288, 65536, 1 << 20 };
	struct text text = text_words(1, 2000001, 20000), wanted;
	struct job_options options = vms_options("wordcount", texts_path("words"));

	wanted = vms_wanted(&options, &text);
	for (size_t i = 0; i < sizeof(chunk_bytes) / sizeof(chunk_bytes[0]); i++) {
		options.chunk_bytes = chunk_bytes[i];
		for (unsigned int workers = 1; workers <= 4; workers++)
			check_job(&options, workers, &wanted);
	}
	/* flushes after every chunk, and results in many portions */
	options.table_bytes = 1;
	options.chunk_bytes = 4096;
	check_job(&options, 2, &wanted);
	options.chunk_bytes = 65536;
	options.table_bytes = 300000;
	check_job(&options, 3, &wanted);
	text_free(&text);
	text_free(&wanted);
}

static void test_count(void **state)
{
	struct text text = text_noise(5, 700001);
	struct job_options options = vms_options("count", texts_path("noise"));

	check_text(&text, &options, 3);
	options.byte = "0x00";
	check_text(&text, &options, 2);
	options.byte = "x";
	check_text(&text, &options, 1);
	text_free(&text);
}

static void test_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 4095, 4096, 4097, 8192, 65536, 65537 };
	struct job_options options = vms_options("wordcount", texts_path("some"));

	options.chunk_bytes = 4096;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct text text = text_words(i, lengths[i], 300);

		check_text(&text, &options, 2);
		text_free(&text);
	}
}

static void test_input_bytes(void **state)
{
	static const size_t lengths[] = { 1, 511, 4096, 100000, 131072, 200000 };
	struct text text = text_words(9, 200000, 5000), part = text, wanted;
	struct job_options options = vms_options("wordcount", texts_path("whole"));

	text_save(&text, options.input);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		options.input_bytes = lengths[i];
		part.length = lengths[i];
		text_save(&part, texts_path("part"));
		wanted = oracle("wordcount", NULL, texts_path("part"));
		check_job(&options, 2, &wanted);
		text_free(&wanted);
	}
	text_free(&text);
}

struct feeder {
	const char *path;
	const struct text *text;
};

static void *feed(void *arg)
{
	const struct feeder *feeder = arg;
	int fd = open(feeder->path, O_WRONLY);

	/* in odd pieces, so that reads come back short */
	for (size_t at = 0; at < feeder->text->length;) {
		size_t left = feeder->text->length - at;
		ssize_t wrote = write(fd, feeder->text->bytes + at, left < 777 ? left : 777);

		if (wrote < 0)
			break;
		at += wrote;
	}
	close(fd);
	return NULL;
}

static void test_pipes(void **state)
{
	struct text text = text_words(13, 300000, 5000), wanted;
	struct job_options options = vms_options("wordcount", texts_path("fifo"));
	struct feeder feeder = { options.input, &text };
	pthread_t thread;

	text_save(&text, texts_path("copy"));
	wanted = oracle("wordcount", NULL, texts_path("copy"));
	assert_int_equal(mkfifo(options.input, 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
	check_job(&options, 2, &wanted);
	pthread_join(thread, NULL);
	text_free(&text);
	text_free(&wanted);
}

struct drain {
	int fd;
	struct text text;
};

static void *drain(void *arg)
{
	struct drain *drain = arg;
	ssize_t got;

	while ((got = read(drain->fd, drain->text.bytes + drain->text.length, 1000)) > 0)
		drain->text.length += got;
	return NULL;
}

/* Into a pipe that takes less than it is given and never waits. */
static void test_short_writes(void **state)
{
	struct text text = text_noise(23, 1000000);
	struct drain reader = { .text.bytes = malloc(text.length + 1000) };
	pthread_t thread;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	reader.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, drain, &reader), 0);
	assert_int_equal(write_fully(fds[1], text.bytes, text.length), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	assert_same_text(&reader.text, &text);
	assert_int_equal(write_fully(-1, "x", 1), -EBADF);
	text_free(&reader.text);
	text_free(&text);
}

static void test_summary(void **state)
{
	struct text text = text_of("b a a\n", 6), summary;
	struct job_options options = vms_options("wordcount", texts_path("small"));

	options.summary = texts_path("summary");
	check_text(&text, &options, 2);
	text_free(&text);
	summary = text_load(options.summary);
	summary.bytes[summary.length] = '\0';
	assert_non_null(strstr((char *)summary.bytes, "transport=hgshm\njob=wordcount\n"));
	assert_non_null(strstr((char *)summary.bytes, "\nbytes=6\n"));
	assert_non_null(strstr((char *)summary.bytes, "\nrecords=3\ndistinct=2\nworkers=2\nchunks=1\n"));
	assert_non_null(strstr((char *)summary.bytes, "\ndoorbells_sent="));
	/* CRC-32C of "2\ta\n1\tb\n", found bit by bit */
	assert_non_null(strstr((char *)summary.bytes, "\nresult_crc32c=0xd2a299a1\n"));
	text_free(&summary);
}

static void check_refused(const struct job_options *options, uint32_t clients,
			  unsigned int workers, int error, const char *words)
{
	struct problem problem = { "" };
	struct fake_group group;
	struct hgshm *mapper;

	fake_group_make(&group, clients, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	assert_int_equal(mapper_run(mapper, options, workers, &problem), error);
	if (!strstr(problem.text, words))
		fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
	assert_int_equal(access(options->output, F_OK), -1);
	hgshm_close(mapper);
	fake_group_free(&group);
}

static void test_refusals(void **state)
{
	struct text text = text_of("words", 5);
	struct job_options good = vms_options("wordcount", texts_path("small")), options = good;

	text_save(&text, good.input);
	good.output = texts_path("refused");
	good.wait_ns = NS_PER_SECOND / 20;
	options = good;
	options.wait_ns = NS_PER_SECOND / 20;
	check_refused(&options, 1, 0, -EINVAL, "clients=1");
	check_refused(&options, 3, 3, -EINVAL, "--workers 3");
	check_refused(&options, 3, 0, -ETIMEDOUT, "0 of 2 workers");
	options.chunk_bytes = 4 << 20;
	check_refused(&options, 2, 0, -EINVAL, "--chunk-bytes 4194304");
	options = good;
	options.input = NULL;
	check_refused(&options, 2, 0, -EINVAL, "--input");
	options.input = "/nonexistent/file";
	check_refused(&options, 2, 0, -ENOENT, "/nonexistent/file");
	options.input = "/";
	check_refused(&options, 2, 0, -EISDIR, "directory");
	options = good;
	options.input_bytes = 6;
	check_refused(&options, 2, 0, -ENODATA, "--input-bytes 6");
	options = good;
	options.job = "sort";
	check_refused(&options, 2, 0, -EINVAL, "--job sort");
	options.job = "count";
	options.byte = "ab";
	check_refused(&options, 2, 0, -EINVAL, "--byte ab");
	options.job = "wordcount";
	options.byte = "a";
	check_refused(&options, 2, 0, -EINVAL, "--byte a");
	options = good;
	options.output = "/nonexistent/result";
	check_refused(&options, 2, 0, -ENOENT, "--output /nonexistent/result");
	text_free(&text);
}

static void test_long_record(void **state)
{
	struct text text = text_words(1, 40000, 100);
	struct job_options options = vms_options("wordcount", texts_path("long"));
	struct problem problem = { "" };
	struct worker_thread worker;
	struct fake_group group;
	struct hgshm *mapper;

	text.bytes[9999] = ' ';
	memset(text.bytes + 10000, 'a', 20000);
	text_save(&text, options.input);
	options.output = texts_path("none");
	options.chunk_bytes = 4096;
	fake_group_make(&group, 2, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	vms_start_worker(&worker, &group, 1);
	assert_int_equal(mapper_run(mapper, &options, 0, &problem), -EMSGSIZE);
	assert_non_null(strstr(problem.text, "the record at byte 10000"));
	assert_int_equal(vms_join_worker(&worker), -ECANCELED);
	assert_int_equal(access(options.output, F_OK), -1);
	hgshm_close(mapper);
	fake_group_free(&group);
	text_free(&text);
}

/* Job after job in the same memory: workers that stay, and one that is new each time. */
static void test_many_jobs(void **state)
{
	struct text text = text_words(21, 300000, 3000), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("again"));
	struct worker_thread stays, new;
	struct problem problem = { "" };
	struct fake_group group;
	struct hgshm *mapper;
	atomic_int stop = 0;

	wanted = vms_wanted(&options, &text);
	fake_group_make(&group, 3, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	vms_start_staying_worker(&stays, &group, 1, &stop);
	for (int job = 0; job < 5; job++) {
		vms_start_worker(&new, &group, 2);
		assert_int_equal(mapper_run(mapper, &options, 0, &problem), 0);
		assert_int_equal(vms_join_worker(&new), 0);
		have = text_load(options.output);
		assert_same_text(&have, &wanted);
		text_free(&have);
	}
	stop = 1;
	hgshm_poke(mapper, 1);
	assert_int_equal(vms_join_worker(&stays), -EINTR);
	hgshm_close(mapper);
	fake_group_free(&group);
	text_free(&text);
	text_free(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_and_workers),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_input_bytes),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_short_writes),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_long_record),
		cmocka_unit_test(test_many_jobs),
	};
	int failed;

	failed = cmocka_run_group_tests_name("engine", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
