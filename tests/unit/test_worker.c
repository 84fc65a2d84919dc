/* SPDX-License-Identifier: MIT */
/* A worker whose mapper is hostile, dead, silent, or long gone but left things in memory. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "layout.h"
#include "mapper.h"
#include "rings.h"
#include "task.h"
#include "texts.h"
#include "vms.h"

#define CHUNK_BYTES 65536

/* A mapper played by hand. */
struct played {
	struct fake_group group;
	struct hgshm *h;
	struct hgshm_mr_job *shared_job;
	struct hgshm_mr_job job;
	struct rings rings;
	uint32_t tail;
	uint32_t head;
};

static void play_open(struct played *p, uint32_t clients)
{
	size_t bytes;
	void *slice;

	memset(p, 0, sizeof(*p));
	fake_group_make(&p->group, clients, VMS_SLICE_BYTES);
	p->h = fake_group_join(&p->group, 0);
	assert_int_equal(hgshm_slice(p->h, 1, &slice, &bytes), 0);
	rings_at(&p->rings, slice);
	assert_int_equal(hgshm_slice(p->h, 0, &slice, &bytes), 0);
	p->shared_job = slice;
}

static void play_close(struct played *p)
{
	hgshm_close(p->h);
	fake_group_free(&p->group);
}

static void play_publish(struct played *p)
{
	struct job_request request = {
		.job = &job_wordcount,
		.chunk_bytes = CHUNK_BYTES,
		.table_bytes = 1 << 20,
	};

	assert_int_equal(job_block_fill(&p->job, &request, 77), 0);
	shared_store(&p->rings.mapper->job_id, p->job.job_id);
	job_block_publish(p->shared_job, &p->job);
	hgshm_poke_all(p->h);
}

/* Waits for the worker, then acknowledges it. */
static void play_attach(struct played *p)
{
	while (shared_load(&p->rings.worker->job_id) != p->job.job_id)
		hgshm_wait(p->h, NS_PER_SECOND / 50, NULL);
	assert_int_equal(shared_load(&p->rings.worker->status), 0);
	shared_store(&p->rings.mapper->attached, shared_load(&p->rings.worker->nonce));
	hgshm_poke(p->h, 1);
}

static struct hgshm_mr_task play_task(struct played *p, uint16_t op)
{
	struct hgshm_mr_task task = { .task_id = p->tail + 1, .epoch = 77, .op = op };

	if (op == HGSHM_MR_OP_MAP) {
		task.input_offset = layout_buffer_offset(CHUNK_BYTES, 0);
		task.input_bytes = 16;
	} else if (op == HGSHM_MR_OP_FLUSH) {
		task.arena_offset = layout_arena_offset(CHUNK_BYTES, 0);
		task.arena_bytes = 1000;
	}
	return task;
}

static struct hgshm_mr_done play_post(struct played *p, const struct hgshm_mr_task *task)
{
	p->rings.tasks[ring_place(p->tail)] = *task;
	shared_store(&p->rings.mapper->task_tail, ++p->tail);
	hgshm_poke(p->h, 1);
	while (shared_load(&p->rings.worker->done_tail) == p->head)
		hgshm_wait(p->h, NS_PER_SECOND / 50, NULL);
	return p->rings.dones[ring_place(p->head++)];
}

static void check_refused(struct played *p, struct hgshm_mr_task task)
{
	struct hgshm_mr_done done;

	task_seal(&task);
	done = play_post(p, &task);
	assert_int_equal(done.status, -EPROTO);
	assert_int_equal(done.task_id, task.task_id);
}

static void test_bad_tasks(void **state)
{
	struct worker_thread worker;
	struct hgshm_mr_task task;
	struct hgshm_mr_done done;
	struct played p;

	play_open(&p, 2);
	play_publish(&p);
	vms_start_worker(&worker, &p.group, 1);
	play_attach(&p);
	memcpy(p.rings.slice + layout_buffer_offset(CHUNK_BYTES, 0), "two words, three", 16);

	task = play_task(&p, HGSHM_MR_OP_MAP);
	task_seal(&task);
	task.crc32c++;
	assert_int_equal(play_post(&p, &task).status, -EPROTO);

	task = play_task(&p, HGSHM_MR_OP_MAP);
	task.input_offset = HGSHM_MR_DATA_OFFSET - 1;
	check_refused(&p, task);
	task.input_offset = VMS_SLICE_BYTES - 15;
	check_refused(&p, task);
	task.input_offset = UINT64_MAX - 7;
	check_refused(&p, task);
	task.input_offset = HGSHM_MR_DATA_OFFSET;
	task.input_bytes = UINT64_MAX - HGSHM_MR_DATA_OFFSET + 1;
	check_refused(&p, task);
	task = play_task(&p, HGSHM_MR_OP_FLUSH);
	task.arena_offset = VMS_SLICE_BYTES;
	check_refused(&p, task);
	task.arena_offset = 0;
	check_refused(&p, task);
	task = play_task(&p, HGSHM_MR_OP_END);
	task.arena_bytes = 1;
	check_refused(&p, task);
	task = play_task(&p, 0);
	check_refused(&p, task);
	task = play_task(&p, 99);
	check_refused(&p, task);
	task = play_task(&p, HGSHM_MR_OP_MAP);
	task.epoch = 78;
	check_refused(&p, task);
	task = play_task(&p, HGSHM_MR_OP_MAP);
	task.flags = 1;
	check_refused(&p, task);

	/* and it still works */
	task = play_task(&p, HGSHM_MR_OP_MAP);
	task_seal(&task);
	done = play_post(&p, &task);
	assert_int_equal(done.status, 0);
	assert_int_equal(done.records, 3);
	task = play_task(&p, HGSHM_MR_OP_END);
	task_seal(&task);
	assert_int_equal(play_post(&p, &task).status, 0);
	assert_int_equal(vms_join_worker(&worker), 0);
	play_close(&p);
}

static int run_and_end(struct played *p, void (*end)(struct played *p), const char *words)
{
	struct worker_thread worker;
	struct hgshm_mr_task task;
	int ret;

	play_open(p, 2);
	play_publish(p);
	vms_start_worker(&worker, &p->group, 1);
	play_attach(p);
	task = play_task(p, HGSHM_MR_OP_MAP);
	task_seal(&task);
	assert_int_equal(play_post(p, &task).status, 0);
	end(p);
	ret = vms_join_worker(&worker);
	if (!strstr(worker.problem.text, words))
		fail_msg("\"%s\" does not say \"%s\"", worker.problem.text, words);
	play_close(p);
	return ret;
}

static void end_overfull(struct played *p)
{
	shared_store(&p->rings.mapper->task_tail, p->tail + HGSHM_MR_RING_ENTRIES + 1);
	hgshm_poke(p->h, 1);
}

static void end_abort(struct played *p)
{
	shared_store(&p->rings.mapper->attached, 0);
	job_block_set_state(p->shared_job, HGSHM_MR_JOB_ABORTED);
	hgshm_poke(p->h, 1);
}

static void end_new_job(struct played *p)
{
	play_publish(p);
}

static void end_death(struct played *p)
{
	fake_group_kill(&p->group, 0);
}

static void test_ends(void **state)
{
	struct played p;

	assert_int_equal(run_and_end(&p, end_overfull, "more tasks than fit"), -EPROTO);
	assert_int_equal(run_and_end(&p, end_abort, "gave the job up"), -ECANCELED);
	assert_int_equal(run_and_end(&p, end_new_job, "gave the job up"), -ECANCELED);
	assert_int_equal(run_and_end(&p, end_death, "VM 0 went away"), -EPIPE);
}

static void test_silent_mapper(void **state)
{
	struct worker_options options = { .once = true, .deadline_ns = NS_PER_SECOND / 5 };
	struct problem problem = { "" };
	struct hgshm *h;
	struct played p;

	play_open(&p, 2);
	play_publish(&p);
	/* acknowledged as soon as it comes, by a mapper that then hangs */
	h = fake_group_join(&p.group, 1);
	options.wait_ns = NS_PER_SECOND / 5;
	assert_int_equal(worker_run(h, &options, &problem), -ETIMEDOUT);
	assert_non_null(strstr(problem.text, "no job came"));
	hgshm_close(h);
	play_close(&p);
}

static void *acknowledge(void *arg)
{
	play_attach(arg);
	return NULL;
}

static void test_mapper_falls_silent(void **state)
{
	struct worker_options options = { .once = true, .deadline_ns = NS_PER_SECOND };
	struct problem problem = { "" };
	pthread_t thread;
	struct hgshm *h;
	struct played p;

	play_open(&p, 2);
	play_publish(&p);
	h = fake_group_join(&p.group, 1);
	assert_int_equal(pthread_create(&thread, NULL, acknowledge, &p), 0);
	assert_int_equal(worker_run(h, &options, &problem), -ETIMEDOUT);
	assert_non_null(strstr(problem.text, "no life"));
	pthread_join(thread, NULL);
	hgshm_close(h);
	play_close(&p);
}

static void check_block_refused(void (*spoil)(struct hgshm_mr_job *job), int error,
				const char *words)
{
	struct worker_thread worker;
	struct played p;

	play_open(&p, 2);
	play_publish(&p);
	spoil(p.shared_job);
	vms_start_worker(&worker, &p.group, 1);
	assert_int_equal(vms_join_worker(&worker), error);
	if (!strstr(worker.problem.text, words))
		fail_msg("\"%s\" does not say \"%s\"", worker.problem.text, words);
	assert_int_equal(shared_load(&p.rings.worker->status), error);
	play_close(&p);
}

static void spoil_version(struct hgshm_mr_job *job)
{
	job->version = HGSHM_MR_VERSION + 1;
}

static void spoil_crc(struct hgshm_mr_job *job)
{
	job->chunk_bytes += 4096;
}

static void spoil_name(struct hgshm_mr_job *job)
{
	struct job_ops sort = { .name = "sort" };
	struct job_request request = { .job = &sort, .chunk_bytes = 4096 };

	assert_int_equal(job_block_fill(job, &request, 1), 0);
}

static void spoil_params(struct hgshm_mr_job *job)
{
	struct job_request request = { .job = &job_count, .params = "byte=?", .chunk_bytes = 4096 };

	assert_int_equal(job_block_fill(job, &request, 1), 0);
}

static void spoil_chunk(struct hgshm_mr_job *job)
{
	struct job_request request = { .job = &job_wordcount, .chunk_bytes = 0 };

	assert_int_equal(job_block_fill(job, &request, 1), 0);
}

static void test_bad_jobs(void **state)
{
	check_block_refused(spoil_version, -EPROTO, "version 2");
	check_block_refused(spoil_crc, -EPROTO, "damaged");
	check_block_refused(spoil_name, -ENOENT, "\"sort\"");
	check_block_refused(spoil_params, -EINVAL, "byte=?");
	check_block_refused(spoil_chunk, -EPROTO, "damaged");
}

/*
 * Memory as a mapper left it that was killed in the middle of a job, rings full of tasks; then
 * workers start, then another mapper.
 */
static void test_stale_memory(void **state)
{
	struct text text = text_words(4, 400000, 4000), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct worker_thread worker[2];
	struct problem problem = { "" };
	struct hgshm_mr_task task;
	struct played p;

	wanted = vms_wanted(&options, &text);
	text_free(&text);
	play_open(&p, 3);
	play_publish(&p);
	task = play_task(&p, HGSHM_MR_OP_MAP);
	task_seal(&task);
	for (int i = 0; i < HGSHM_MR_RING_ENTRIES; i++)
		p.rings.tasks[i] = task;
	shared_store(&p.rings.mapper->task_tail, 20);
	shared_store(&p.rings.mapper->attached, 1234);
	shared_store(&p.rings.worker->nonce, 1234);
	shared_store(&p.rings.worker->job_id, p.job.job_id);
	shared_store(&p.rings.worker->done_tail, 11);
	p.shared_job->sequence |= 1;

	vms_start_worker(&worker[0], &p.group, 1);
	vms_start_worker(&worker[1], &p.group, 2);
	assert_int_equal(mapper_run(p.h, &options, 0, &problem), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(vms_join_worker(worker + i), 0);
	have = text_load(options.output);
	assert_same_text(&have, &wanted);
	text_free(&have);
	text_free(&wanted);
	play_close(&p);
}

/* The same, but the dead mapper's job still looks open to a worker that attaches to it. */
static void test_stale_open_job(void **state)
{
	struct text text = text_words(4, 400000, 4000), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct worker_thread worker;
	struct problem problem = { "" };
	struct played p;

	wanted = vms_wanted(&options, &text);
	text_free(&text);
	play_open(&p, 2);
	play_publish(&p);
	vms_start_worker(&worker, &p.group, 1);
	while (shared_load(&p.rings.worker->job_id) != p.job.job_id)
		hgshm_wait(p.h, NS_PER_SECOND / 50, NULL);
	assert_int_equal(mapper_run(p.h, &options, 0, &problem), 0);
	assert_int_equal(vms_join_worker(&worker), 0);
	have = text_load(options.output);
	assert_same_text(&have, &wanted);
	text_free(&have);
	text_free(&wanted);
	play_close(&p);
}

/* A mapper that finds no workers has still made the memory its own. */
static void test_mapper_clears_rings(void **state)
{
	struct text text = text_of("a", 1);
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct problem problem = { "" };
	struct hgshm_mr_job block;
	struct played p;

	text_save(&text, options.input);
	text_free(&text);
	options.wait_ns = NS_PER_SECOND / 100;
	play_open(&p, 2);
	memset(p.rings.slice, 0xA5, HGSHM_MR_DATA_OFFSET);
	assert_int_equal(mapper_run(p.h, &options, 0, &problem), -ETIMEDOUT);
	assert_int_equal(shared_load(&p.rings.mapper->attached), 0);
	assert_int_equal(shared_load(&p.rings.mapper->task_tail), 0);
	assert_int_equal(shared_load(&p.rings.mapper->done_head), 0);
	assert_int_equal(shared_load(&p.rings.mapper->need_wakeup), 0);
	assert_true(job_block_read(p.shared_job, &block));
	assert_int_equal(block.state, HGSHM_MR_JOB_ABORTED);
	play_close(&p);
}

static void test_half_written_job(void **state)
{
	struct hgshm_mr_job block;
	struct played p;

	play_open(&p, 2);
	play_publish(&p);
	assert_true(job_block_read(p.shared_job, &block));
	assert_memory_equal(&block.epoch, &p.job.epoch,
			    sizeof(block) - offsetof(struct hgshm_mr_job, epoch));
	p.shared_job->sequence++;
	assert_false(job_block_read(p.shared_job, &block));
	job_block_set_state(p.shared_job, HGSHM_MR_JOB_CLOSED);
	assert_true(job_block_read(p.shared_job, &block));
	assert_int_equal(block.state, HGSHM_MR_JOB_CLOSED);
	play_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_tasks),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_silent_mapper),
		cmocka_unit_test(test_mapper_falls_silent),
		cmocka_unit_test(test_bad_jobs),
		cmocka_unit_test(test_stale_memory),
		cmocka_unit_test(test_stale_open_job),
		cmocka_unit_test(test_mapper_clears_rings),
		cmocka_unit_test(test_half_written_job),
	};
	int failed;

	failed = cmocka_run_group_tests_name("worker", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
