/* SPDX-License-Identifier: MIT */
/* The VM that hands out work. */
#ifndef MAPREDUCE_MAPPER_H
#define MAPREDUCE_MAPPER_H

#include <hgshm/hgshm.h>

#include "job_options.h"

/* One job, from options to printed report. workers of 0 means every other VM. */
int mapper_run(struct hgshm *h, const struct job_options *options, unsigned int workers,
	       struct problem *problem);

#endif /* MAPREDUCE_MAPPER_H */
