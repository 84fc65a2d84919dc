/* SPDX-License-Identifier: MIT */
/* A worker's part in one job, whatever brings the tasks. */
#ifndef COMMON_SESSION_H
#define COMMON_SESSION_H

#include <hgshm/mapreduce.h>

#include "job.h"
#include "problem.h"

struct session {
	const struct job_ops *job;
	void *ctx;
	struct hgshm_mr_job block;
};

/*
 * Takes the job up, or returns why not: -EPROTO for a block that job_block_check refuses,
 * -ENOENT for a job that this program does not have, -EINVAL for its parameters, -ENOMEM.
 */
int session_begin(struct session *session, const struct hgshm_mr_job *block,
		  struct problem *problem);
void session_end(struct session *session);

/*
 * Does a task that task_check accepted, and fills and seals its completion. input and
 * arena are where the task's offsets point, or NULL where it has none.
 */
void session_run(struct session *session, const struct hgshm_mr_task *task, const void *input,
		 void *arena, struct hgshm_mr_done *done);

/* The completion of a task that cannot be done. */
void session_refuse(const struct hgshm_mr_task *task, int error, struct hgshm_mr_done *done);

#endif /* COMMON_SESSION_H */
