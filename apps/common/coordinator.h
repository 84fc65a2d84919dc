/* SPDX-License-Identifier: MIT */
/* The mapper's part: hands chunks to a crew and merges what comes back. */
#ifndef COMMON_COORDINATOR_H
#define COMMON_COORDINATOR_H

#include <stdatomic.h>

#include "crew.h"
#include "input.h"
#include "job.h"
#include "task.h"

/**
 * struct worker_report - what one worker did
 * @name: for people
 * @chunks: mapped
 * @bytes: mapped
 * @records: counted
 * @busy_ns: time in tasks, by the worker's own clock
 */
struct worker_report {
	char name[CREW_NAME_BYTES];
	uint64_t chunks;
	uint64_t bytes;
	uint64_t records;
	uint64_t busy_ns;
};

/**
 * struct job_report - how a job went
 * @bytes: of input
 * @chunks: that it was cut into
 * @records: in it
 * @distinct: results
 * @ns: from the first read of input until all results were merged and in order
 * @workers: entries of @worker
 */
struct job_report {
	uint64_t bytes;
	uint64_t chunks;
	uint64_t records;
	uint64_t distinct;
	uint64_t ns;
	unsigned int workers;
	struct worker_report worker[CREW_WORKERS_MAX];
};

/**
 * struct progress_sink - told about progress a few times a second
 * @show: done_bytes of total_bytes, which is 0 if that is not known
 * @arg: for @show
 */
struct progress_sink {
	void (*show)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
	void *arg;
};

/**
 * struct coordinator_options - how to run
 * @request: the job
 * @hash_seed: of the job block that the workers got
 * @deadline_ns: a worker that owes a completion must send one within this time
 * @progress: or NULL
 * @interrupted: becomes not 0 when a person wants to stop; or NULL
 */
struct coordinator_options {
	const struct job_request *request;
	uint64_t hash_seed;
	int64_t deadline_ns;
	const struct progress_sink *progress;
	const atomic_int *interrupted;
};

/*
 * Runs one job with a crew that is ready, to the end, and ends the workers' part in it.
 * Results go to sink in canonical order. -ETIMEDOUT if a worker misses the deadline,
 * -EINTR if interrupted, -EPROTO if a worker lies, or what input_next or the crew returned.
 */
int coordinate(struct crew *crew, struct input *input, const struct coordinator_options *options,
	       const struct job_sink *sink, struct job_report *report, struct problem *problem);

#endif /* COMMON_COORDINATOR_H */
