/* SPDX-License-Identifier: MIT */
/* What a person and what a script read about a job that is done. */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <stdio.h>

#include "coordinator.h"
#include "results.h"

/**
 * struct doorbells - rings during the job, by worker
 * @sent: to it
 * @received: from it
 */
struct doorbells {
	uint64_t sent[CREW_WORKERS_MAX];
	uint64_t received[CREW_WORKERS_MAX];
};

/* The most frequent results, figures, and a line a worker; doorbells may be NULL. */
void report_print(FILE *out, const struct job_request *request, const struct job_report *report,
		  const struct results *results, const struct doorbells *doorbells);

/* The same as lines KEY=VALUE; transport is "hgshm" or "tcp". */
int report_summary(const char *path, const char *transport, const struct job_request *request,
		   const struct job_report *report, const struct results *results,
		   const struct doorbells *doorbells, struct problem *problem);

#endif /* COMMON_REPORT_H */
