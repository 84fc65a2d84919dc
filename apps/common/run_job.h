/* SPDX-License-Identifier: MIT */
/* From options to printed report, with a crew that is ready. */
#ifndef COMMON_RUN_JOB_H
#define COMMON_RUN_JOB_H

#include "job_options.h"
#include "report.h"

/**
 * struct job_run - one job on its way
 * @options: as the person gave them
 * @request: made from them
 * @input: open
 * @results: open
 * @report: how it went
 */
struct job_run {
	const struct job_options *options;
	struct job_request request;
	struct input input;
	struct results *results;
	struct job_report report;
};

/* Checks the options and opens files, before a worker hears of it. */
int job_run_open(struct job_run *run, const struct job_options *options, struct problem *problem);

/* Runs it and shows its progress. */
int job_run(struct job_run *run, struct crew *crew, uint64_t hash_seed, struct problem *problem);

/* Prints the report and writes the summary; doorbells may be NULL. */
int job_run_report(struct job_run *run, const char *transport, const struct doorbells *doorbells,
		   struct problem *problem);

/* Closes all; a failed job leaves no output file. */
void job_run_close(struct job_run *run, bool kept);

#endif /* COMMON_RUN_JOB_H */
