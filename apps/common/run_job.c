/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "interrupt.h"
#include "run_job.h"

int job_run_open(struct job_run *run, const struct job_options *options, struct problem *problem)
{
	int ret;

	run->options = options;
	if (!options->input)
		return problem_set(problem, -EINVAL, "--input is missing: which file or block "
				   "device is to be read?");
	ret = job_options_request(options, &run->request, problem);
	if (ret)
		return ret;
	run->results = malloc(sizeof(*run->results));
	if (!run->results)
		return problem_set(problem, -ENOMEM, "no memory for results");
	ret = input_open(&run->input, options->input, options->input_bytes, options->chunk_bytes,
			 run->request.job->separator, problem);
	if (ret)
		goto free_results;
	ret = results_open(run->results, options->output, options->top, problem);
	if (ret)
		goto close_input;
	return 0;

close_input:
	input_close(&run->input);
free_results:
	free(run->results);
	return ret;
}

int job_run(struct job_run *run, struct crew *crew, uint64_t hash_seed, struct problem *problem)
{
	struct job_sink sink = results_sink(run->results);
	struct progress progress;
	struct progress_sink progress_sink = { .show = progress_show, .arg = &progress };
	struct coordinator_options options = {
		.request = &run->request,
		.hash_seed = hash_seed,
		.deadline_ns = run->options->deadline_ns,
		.progress = &progress_sink,
		.interrupted = &interrupted,
	};
	int ret;

	progress_begin(&progress, run->options->out, run->options->progress);
	ret = coordinate(crew, &run->input, &options, &sink, &run->report, problem);
	progress_end(&progress);
	if (!ret)
		ret = results_finish(run->results, problem);
	return ret;
}

int job_run_report(struct job_run *run, const char *transport, const struct doorbells *doorbells,
		   struct problem *problem)
{
	report_print(run->options->out, &run->request, &run->report, run->results, doorbells);
	if (!run->options->summary)
		return 0;
	return report_summary(run->options->summary, transport, &run->request, &run->report,
			      run->results, doorbells, problem);
}

void job_run_close(struct job_run *run, bool kept)
{
	results_close(run->results, kept);
	free(run->results);
	input_close(&run->input);
}
