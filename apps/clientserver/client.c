/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "client.h"
#include "run_job.h"

static int run_with_crew(struct job_run *run, const struct tcp_crew_options *servers,
			 struct tcp_crew *crew, struct problem *problem)
{
	int ret;

	ret = tcp_crew_open(crew, &run->request, servers, problem);
	if (ret)
		return ret;
	ret = job_run(run, &crew->crew, crew->job.hash_seed, problem);
	tcp_crew_close(crew);
	return ret ? ret : job_run_report(run, "tcp", NULL, problem);
}

int client_run(const struct job_options *options, const struct tcp_crew_options *servers,
	       struct problem *problem)
{
	struct tcp_crew *crew = malloc(sizeof(*crew));
	struct job_run run;
	int ret;

	if (!crew)
		return problem_set(problem, -ENOMEM, "no memory for a crew");
	ret = job_run_open(&run, options, problem);
	if (!ret) {
		ret = run_with_crew(&run, servers, crew, problem);
		job_run_close(&run, !ret);
	}
	free(crew);
	return ret;
}
