/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "crew_shm.h"
#include "interrupt.h"
#include "mapper.h"
#include "run_job.h"

static int run_with_crew(struct hgshm *h, struct job_run *run, struct shm_crew *crew,
			 unsigned int workers, struct problem *problem)
{
	struct doorbells doorbells;
	int ret;

	ret = shm_crew_open(crew, h, &run->request, workers, run->options->wait_ns, &interrupted,
			    problem);
	if (ret)
		return ret;
	ret = job_run(run, &crew->crew, crew->job.hash_seed, problem);
	if (!ret && shm_crew_doorbells(crew, &doorbells))
		ret = problem_set(problem, -ENODEV, "the hgshm device is gone");
	shm_crew_close(crew, !ret);
	return ret ? ret : job_run_report(run, "hgshm", &doorbells, problem);
}

int mapper_run(struct hgshm *h, const struct job_options *options, unsigned int workers,
	       struct problem *problem)
{
	struct shm_crew *crew = malloc(sizeof(*crew));
	struct job_run run;
	int ret;

	if (!crew)
		return problem_set(problem, -ENOMEM, "no memory for a crew");
	ret = job_run_open(&run, options, problem);
	if (!ret) {
		ret = run_with_crew(h, &run, crew, workers, problem);
		job_run_close(&run, !ret);
	}
	free(crew);
	return ret;
}
