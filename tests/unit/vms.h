/* SPDX-License-Identifier: MIT */
/* Workers as threads, and options for a mapper that says nothing. */
#ifndef UNIT_VMS_H
#define UNIT_VMS_H

#include <pthread.h>

#include "fake_group.h"
#include "job_options.h"
#include "texts.h"
#include "worker.h"

#define VMS_SLICE_BYTES (16u << 20)

struct worker_thread {
	pthread_t thread;
	struct hgshm *h;
	struct worker_options options;
	struct problem problem;
	int ret;
};

/* Joins the group as VM index and serves one job. */
void vms_start_worker(struct worker_thread *worker, struct fake_group *group, uint32_t index);

/* Serves jobs until stop is set. */
void vms_start_staying_worker(struct worker_thread *worker, struct fake_group *group,
			      uint32_t index, const atomic_int *stop);

/* What worker_run returned. */
int vms_join_worker(struct worker_thread *worker);

/* Results go to texts_path("result"). */
struct job_options vms_options(const char *job, const char *input);

/* Saves the text as the job's input. What the oracle makes of it. */
struct text vms_wanted(const struct job_options *options, const struct text *text);

#endif /* UNIT_VMS_H */
