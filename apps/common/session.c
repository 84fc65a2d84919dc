/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "crc32c.h"
#include "session.h"
#include "task.h"

int session_begin(struct session *session, const struct hgshm_mr_job *block,
		  struct problem *problem)
{
	struct job_config config = {
		.table_bytes = block->table_bytes,
		.hash_seed = block->hash_seed,
	};
	int ret;

	*session = (struct session){ .block = *block };
	ret = job_block_check(block, problem);
	if (ret)
		return ret;
	session->job = job_find((const char *)block->name);
	if (!session->job)
		return problem_set(problem, -ENOENT, "unknown job \"%s\": another version of the "
				   "mapper?", (const char *)block->name);
	memcpy(config.params, block->params, sizeof(config.params));
	ret = session->job->init(&session->ctx, &config);
	if (ret)
		return problem_set(problem, ret, "job %s does not start with \"%s\": %s",
				   session->job->name, config.params, strerror(-ret));
	return 0;
}

void session_end(struct session *session)
{
	if (session->ctx)
		session->job->free(session->ctx);
	session->ctx = NULL;
}

static void begin_done(const struct hgshm_mr_task *task, struct hgshm_mr_done *done)
{
	memset(done, 0, sizeof(*done));
	done->task_id = task->task_id;
	done->epoch = task->epoch;
	done->op = task->op;
	done->result_offset = task->arena_offset;
}

void session_refuse(const struct hgshm_mr_task *task, int error, struct hgshm_mr_done *done)
{
	begin_done(task, done);
	done->status = error;
	done_seal(done);
}

void session_run(struct session *session, const struct hgshm_mr_task *task, const void *input,
		 void *arena, struct hgshm_mr_done *done)
{
	int64_t start_ns = clock_ns();
	struct job_portion portion;
	uint64_t records = 0;

	begin_done(task, done);
	switch (task->op) {
	case HGSHM_MR_OP_MAP:
		done->status = session->job->map_chunk(session->ctx, input, task->input_bytes,
						       &records);
		done->records = records;
		if (session->job->wants_flush(session->ctx))
			done->flags |= HGSHM_MR_DONE_PRESSURE;
		break;
	case HGSHM_MR_OP_FLUSH:
		done->status = session->job->flush(session->ctx, arena, task->arena_bytes,
						   &portion);
		if (done->status)
			break;
		done->result_bytes = portion.bytes;
		done->records = portion.records;
		done->result_crc32c = crc32c(0, arena, portion.bytes);
		if (portion.more)
			done->flags |= HGSHM_MR_DONE_MORE;
		break;
	case HGSHM_MR_OP_END:
		break;
	}
	done->ns = clock_ns() - start_ns;
	done_seal(done);
}
