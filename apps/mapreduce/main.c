/* SPDX-License-Identifier: MIT */
/* hgshm-mapreduce: the mapper in VM 0, a worker in any other. */
#include <stdio.h>

#include "interrupt.h"
#include "mapper.h"
#include "program.h"
#include "worker.h"

const char *argp_program_version = "hgshm-mapreduce " HGSHM_APPS_VERSION;

struct options {
	struct job_options job;
	const char *device;
	uint64_t workers;
	bool once;
};

enum key {
	KEY_DEVICE = 0x200,
	KEY_WORKERS,
	KEY_ONCE,
};

static const struct argp_option option_list[] = {
	{ "device", KEY_DEVICE, "PATH", 0, "hgshm device (default: the first there is, "
	  "/dev/hgshm0)", 0 },
	{ "workers", KEY_WORKERS, "N", 0, "VM 0: how many VMs work (default: all others)", 0 },
	{ "once", KEY_ONCE, NULL, 0, "others: end after one job", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->job;
		break;
	case KEY_DEVICE:
		options->device = arg;
		break;
	case KEY_WORKERS:
		option_number(state, "workers", arg, 1, CREW_WORKERS_MAX, &options->workers);
		break;
	case KEY_ONCE:
		options->once = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Counts words, or a byte, in a text, by the VMs of an hgshm group.\v"
	       "Start it in every VM of the group, in any order. VM 0 reads --input and hands it "
	       "out in chunks; the others work on them, and there only --device, --once, --wait "
	       "and --deadline have a meaning (their --wait is without end unless given).",
	.children = job_options_children,
};

static int run(struct hgshm *h, const struct options *options, struct problem *problem)
{
	struct worker_options worker = {
		.once = options->once,
		.wait_ns = options->job.wait_ns,
		.deadline_ns = options->job.deadline_ns,
		.interrupted = &interrupted,
		.log = stdout,
	};
	struct job_options job = options->job;
	struct hgshm_info info;
	int ret;

	ret = hgshm_get_info(h, &info);
	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	if (info.index)
		return worker_run(h, &worker, problem);
	if (!job.wait_ns)
		job.wait_ns = job_options_wait_default_ns;
	return mapper_run(h, &job, options->workers, problem);
}

int main(int argc, char **argv)
{
	struct problem problem;
	struct options options = { 0 };
	struct hgshm *h;
	int ret;

	job_options_default(&options.job);
	options.job.wait_ns = 0;
	program_begin(&argp, argc, argv, &options);

	ret = hgshm_open(&h, options.device, NULL);
	if (ret) {
		problem_set(&problem, ret, "--device: %s", hgshm_strerror(ret));
	} else {
		ret = run(h, &options, &problem);
		hgshm_close(h);
	}
	return program_end("hgshm-mapreduce", ret, &problem);
}
