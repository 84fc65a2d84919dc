/* SPDX-License-Identifier: MIT */
/* The jobs that there are. */
#include <string.h>

#include "job.h"

static const struct job_ops *const jobs[] = {
	&job_wordcount,
	&job_count,
};

const struct job_ops *job_at(size_t i)
{
	return i < sizeof(jobs) / sizeof(jobs[0]) ? jobs[i] : NULL;
}

const struct job_ops *job_find(const char *name)
{
	const struct job_ops *job;

	for (size_t i = 0; (job = job_at(i)); i++)
		if (job->abi == JOB_ABI_VERSION && !strcmp(job->name, name))
			return job;
	return NULL;
}
