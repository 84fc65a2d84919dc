/* SPDX-License-Identifier: MIT */
/*
 * Workers that lie, stop, die or leave: the mapper ends with an error that names the VM, and
 * leaves no result behind.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "crc32c.h"
#include "mapper.h"
#include "rings.h"
#include "session.h"
#include "task.h"
#include "texts.h"
#include "vms.h"

/* What a worker does instead of its part: to the completion of one kind of task. */
enum lie {
	BAD_CRC,
	WRONG_TASK,
	WRONG_EPOCH,
	WRONG_OP,
	BAD_FLAGS,
	BAD_RESERVED,
	TAIL_TOO_FAR,
	TAIL_BACKWARDS,
	TOO_MANY_RECORDS,
	MORE_RECORDS_THAN_RESULTS,
	MORE_RESULTS_THAN_RECORDS,
	STATUS_NO_MEMORY,
	STATUS_POSITIVE,
	STATUS_HUGE,
	RESULT_TOO_LONG,
	RESULT_ELSEWHERE,
	RESULT_OVERFLOW,
	RESULT_CRC,
	RESULT_GARBAGE,
	RESULT_RECORDS,
	EMPTY_AND_MORE,
	RESTARTS,
	LEAVES,
	DIES,
	SILENT,
	REFUSES,
	ENDS_LATE,	/* no lie: completes END only after VM 2 has ended and gone */
};

struct liar {
	struct fake_group *group;
	struct hgshm *h;
	struct rings rings;
	const struct hgshm_mr_job *job;
	enum lie lie;
	uint16_t op;	/* at the first task of this kind */
};

static void change(struct liar *liar, struct hgshm_mr_done *done, unsigned char *arena)
{
	switch (liar->lie) {
	case BAD_CRC:
		done_seal(done);
		done->crc32c ^= 1;
		return;
	case WRONG_TASK:
		done->task_id += 1;
		break;
	case WRONG_EPOCH:
		done->epoch -= 1;
		break;
	case WRONG_OP:
		done->op ^= 3;
		break;
	case BAD_FLAGS:
		done->flags |= 0x8000;
		break;
	case BAD_RESERVED:
		done->reserved = 1;
		break;
	case TOO_MANY_RECORDS:
		done->records = UINT64_MAX;
		break;
	case MORE_RECORDS_THAN_RESULTS:
		done->records += 1;
		break;
	case MORE_RESULTS_THAN_RECORDS:
		done->records -= 1;
		break;
	case STATUS_NO_MEMORY:
		done->status = -ENOMEM;
		break;
	case STATUS_POSITIVE:
		done->status = 7;
		break;
	case STATUS_HUGE:
		done->status = INT_MIN;
		break;
	case RESULT_TOO_LONG:
		done->result_bytes = UINT32_MAX;
		break;
	case RESULT_ELSEWHERE:
		done->result_offset = 0;
		break;
	case RESULT_OVERFLOW:
		done->result_offset = UINT64_MAX - 4;
		done->result_bytes = 100;
		break;
	case RESULT_CRC:
		done->result_crc32c ^= 0x80000000;
		break;
	case RESULT_GARBAGE:
		memset(arena, 0xFF, 64);
		done->result_bytes = 64;
		done->result_crc32c = crc32c(0, arena, 64);
		break;
	case RESULT_RECORDS:
		done->records += 1;
		break;
	case EMPTY_AND_MORE:
		done->result_bytes = 0;
		done->result_crc32c = 0;
		done->records = 0;
		done->flags |= HGSHM_MR_DONE_MORE;
		break;
	default:
		break;
	}
	done_seal(done);
}

static void attach(struct liar *liar, struct session *session, int status)
{
	struct hgshm_mr_worker_line *line = liar->rings.worker;
	struct problem problem;
	struct hgshm_mr_job block;

	while (!job_block_read(liar->job, &block) || block.state != HGSHM_MR_JOB_OPEN)
		hgshm_wait(liar->h, NS_PER_SECOND, NULL);
	assert_int_equal(session_begin(session, &block, &problem), 0);
	shared_store(&line->status, status);
	shared_store(&line->nonce, 1234);
	shared_store(&line->job_id, block.job_id);
	hgshm_poke(liar->h, 0);
}

static bool job_open(const struct liar *liar)
{
	struct hgshm_mr_job block;

	return !job_block_read(liar->job, &block) || block.state == HGSHM_MR_JOB_OPEN;
}

/* Until the mapper has looked round, twice, at a group without VM 2. */
static void outlive_other(struct liar *liar)
{
	uint32_t heartbeat;

	while (liar->group->peers >> 2 & 1)
		hgshm_wait(liar->h, NS_PER_SECOND / 50, NULL);
	heartbeat = shared_load(&liar->rings.mapper->heartbeat);
	while (shared_load(&liar->rings.mapper->heartbeat) - heartbeat < 3)
		hgshm_wait(liar->h, NS_PER_SECOND / 50, NULL);
}

/* Tells whether the worker goes on. */
static bool misbehave(struct liar *liar, uint32_t done_tail)
{
	struct hgshm_mr_worker_line *line = liar->rings.worker;

	switch (liar->lie) {
	case TAIL_TOO_FAR:
		shared_store(&line->done_tail, done_tail + 20);
		break;
	case TAIL_BACKWARDS:
		shared_store(&line->done_tail, done_tail - 20);
		break;
	case RESTARTS:
		shared_store(&line->nonce, 4321);
		break;
	case LEAVES:
		shared_store(&line->job_id, 0);
		break;
	case DIES:
		fake_group_kill(liar->group, 1);
		break;
	case SILENT:
		break;
	case ENDS_LATE:
		outlive_other(liar);
		return true;
	default:
		return true;
	}
	if (liar->lie != SILENT && liar->lie != DIES)
		hgshm_poke(liar->h, 0);
	return false;
}

static void *run_liar(void *arg)
{
	struct liar *liar = arg;
	uint32_t head = 0, tail = 0;
	bool honest = true;
	struct session session;

	attach(liar, &session, liar->lie == REFUSES ? -ENOENT : 0);
	while (job_open(liar)) {
		struct hgshm_mr_task task;
		struct hgshm_mr_done done;

		if (!honest || shared_load(&liar->rings.mapper->task_tail) == head) {
			hgshm_wait(liar->h, NS_PER_SECOND / 50, NULL);
			continue;
		}
		memcpy(&task, liar->rings.tasks + ring_place(head++), sizeof(task));
		session_run(&session, &task, liar->rings.slice + task.input_offset,
			    liar->rings.slice + task.arena_offset, &done);
		if (task.op == liar->op) {
			honest = misbehave(liar, tail);
			if (!honest)
				continue;
			change(liar, &done, liar->rings.slice + task.arena_offset);
		}
		liar->rings.dones[ring_place(tail)] = done;
		shared_store(&liar->rings.worker->done_tail, ++tail);
		hgshm_poke(liar->h, 0);
	}
	session_end(&session);
	return NULL;
}

static void make_liar(struct liar *liar, struct fake_group *group)
{
	size_t bytes;
	void *slice;

	liar->group = group;
	liar->h = fake_group_join(group, 1);
	assert_int_equal(hgshm_slice(liar->h, 1, &slice, &bytes), 0);
	rings_at(&liar->rings, slice);
	assert_int_equal(hgshm_slice(liar->h, 0, &slice, &bytes), 0);
	liar->job = slice;
}

static void check_lie(enum lie lie, uint16_t op, int error, const char *words)
{
	struct text text = text_words(1, 100000, 1000);
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct problem problem = { "" };
	struct liar liar = { .lie = lie, .op = op };
	struct fake_group group;
	struct hgshm *mapper;
	pthread_t thread;
	int ret;

	text_save(&text, options.input);
	text_free(&text);
	options.chunk_bytes = 16384;
	options.deadline_ns = lie == SILENT ? NS_PER_SECOND / 5 : 60 * NS_PER_SECOND;
	fake_group_make(&group, 2, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	make_liar(&liar, &group);
	assert_int_equal(pthread_create(&thread, NULL, run_liar, &liar), 0);
	ret = mapper_run(mapper, &options, 0, &problem);
	if (ret != error || !strstr(problem.text, "VM 1") || !strstr(problem.text, words))
		fail_msg("lie %d in op %u: returned %d, \"%s\", wanted %d, \"%s\"", lie, op, ret,
			 problem.text, error, words);
	assert_int_equal(access(options.output, F_OK), -1);
	pthread_join(thread, NULL);
	hgshm_close(liar.h);
	hgshm_close(mapper);
	fake_group_free(&group);
}

static void test_completions(void **state)
{
	static const uint16_t ops[] = { HGSHM_MR_OP_MAP, HGSHM_MR_OP_FLUSH, HGSHM_MR_OP_END };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		check_lie(BAD_CRC, ops[i], -EPROTO, "damaged completion");
		check_lie(WRONG_TASK, ops[i], -EPROTO, "not given");
		check_lie(WRONG_EPOCH, ops[i], -EPROTO, "another epoch");
		check_lie(WRONG_OP, ops[i], -EPROTO, "contradicts");
		check_lie(BAD_FLAGS, ops[i], -EPROTO, "contradicts");
		check_lie(BAD_RESERVED, ops[i], -EPROTO, "contradicts");
		check_lie(TAIL_TOO_FAR, ops[i], -EPROTO, "more tasks");
		check_lie(TAIL_BACKWARDS, ops[i], -EPROTO, "more tasks");
		check_lie(STATUS_NO_MEMORY, ops[i], -ENOMEM, "memory");
		check_lie(STATUS_POSITIVE, ops[i], -EPROTO, "impossible status");
		check_lie(STATUS_HUGE, ops[i], -EPROTO, "impossible status");
		check_lie(RESULT_TOO_LONG, ops[i], -EPROTO, "outside its arena");
		check_lie(RESULT_OVERFLOW, ops[i], -EPROTO, "outside its arena");
	}
}

static void test_results(void **state)
{
	check_lie(TOO_MANY_RECORDS, HGSHM_MR_OP_MAP, -EPROTO, "more records than input");
	check_lie(MORE_RECORDS_THAN_RESULTS, HGSHM_MR_OP_MAP, -EPROTO, "add up");
	check_lie(MORE_RESULTS_THAN_RECORDS, HGSHM_MR_OP_MAP, -EPROTO, "more results");
	check_lie(RESULT_ELSEWHERE, HGSHM_MR_OP_FLUSH, -EPROTO, "outside its arena");
	check_lie(RESULT_CRC, HGSHM_MR_OP_FLUSH, -EPROTO, "damaged result");
	check_lie(RESULT_GARBAGE, HGSHM_MR_OP_FLUSH, -EPROTO, "no words");
	check_lie(RESULT_RECORDS, HGSHM_MR_OP_FLUSH, -EPROTO, "no words");
	check_lie(EMPTY_AND_MORE, HGSHM_MR_OP_FLUSH, -EPROTO, "empty portion");
}

static void test_losses(void **state)
{
	static const uint16_t ops[] = { HGSHM_MR_OP_MAP, HGSHM_MR_OP_FLUSH, HGSHM_MR_OP_END };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		check_lie(RESTARTS, ops[i], -EPIPE, "restarted");
		check_lie(LEAVES, ops[i], -EPIPE, "left");
		check_lie(DIES, ops[i], -EPIPE, "went away");
		check_lie(SILENT, ops[i], -ETIMEDOUT, "--deadline");
	}
	check_lie(REFUSES, 0, -ENOENT, "can't do the job");
}

struct ending {
	struct fake_group *group;
	struct worker_thread *worker;
};

static void *kill_after_end(void *arg)
{
	const struct ending *ending = arg;

	if (vms_join_worker(ending->worker) == 0)
		fake_group_kill(ending->group, 2);
	return NULL;
}

/* A VM may be gone as soon as it has done its part, whatever the others still do. */
static void test_gone_after_its_end(void **state)
{
	struct text text = text_words(1, 100000, 1000), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct liar late = { .lie = ENDS_LATE, .op = HGSHM_MR_OP_END };
	struct problem problem = { "" };
	struct worker_thread worker;
	struct fake_group group;
	struct hgshm *mapper;
	pthread_t threads[2];

	wanted = vms_wanted(&options, &text);
	options.chunk_bytes = 16384;
	fake_group_make(&group, 3, VMS_SLICE_BYTES);
	mapper = fake_group_join(&group, 0);
	make_liar(&late, &group);
	assert_int_equal(pthread_create(&threads[0], NULL, run_liar, &late), 0);
	vms_start_worker(&worker, &group, 2);
	assert_int_equal(pthread_create(&threads[1], NULL, kill_after_end,
					&(struct ending){ &group, &worker }), 0);
	assert_int_equal(mapper_run(mapper, &options, 0, &problem), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	have = text_load(options.output);
	assert_same_text(&have, &wanted);
	hgshm_close(late.h);
	hgshm_close(mapper);
	fake_group_free(&group);
	text_free(&text);
	text_free(&wanted);
	text_free(&have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_completions),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_gone_after_its_end),
	};
	int failed;

	failed = cmocka_run_group_tests_name("liars", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
