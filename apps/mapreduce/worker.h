/* SPDX-License-Identifier: MIT */
/* A VM that works for the mapper. */
#ifndef MAPREDUCE_WORKER_H
#define MAPREDUCE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <hgshm/hgshm.h>

#include "problem.h"

/**
 * struct worker_options - how to work
 * @once: return after the first job
 * @wait_ns: how long to wait for a job; 0: without end
 * @deadline_ns: give a job up when its mapper has shown no life for that long
 * @interrupted: becomes not 0 when a person wants to stop; or NULL
 * @log: a line about each job goes there; or NULL
 */
struct worker_options {
	bool once;
	int64_t wait_ns;
	int64_t deadline_ns;
	const atomic_int *interrupted;
	FILE *log;
};

/*
 * Serves jobs. Returns 0 after one job if once is set, otherwise only with an error: -EINTR
 * if interrupted, -ETIMEDOUT if no job came, -EACCES if this VM was not given slice 0, and,
 * with once, what ended the job: -ECANCELED if the mapper gave it up, -EPIPE if the mapper's
 * VM went away, -ETIMEDOUT if the mapper fell silent, or why the job was refused.
 */
int worker_run(struct hgshm *h, const struct worker_options *options, struct problem *problem);

#endif /* MAPREDUCE_WORKER_H */
