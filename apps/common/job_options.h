/* SPDX-License-Identifier: MIT */
/* Options that every program which starts a job has, as an argp child. */
#ifndef COMMON_JOB_OPTIONS_H
#define COMMON_JOB_OPTIONS_H

#include <argp.h>

#include "progress.h"
#include "task.h"

struct job_options {
	const char *job;
	const char *byte;
	const char *input;
	const char *output;
	const char *summary;
	uint64_t input_bytes;
	uint64_t chunk_bytes;
	uint64_t table_bytes;
	unsigned int top;
	int64_t wait_ns;
	int64_t deadline_ns;
	enum progress_mode progress;
	FILE *out;			/* progress and report */
};

/*
 * What a program's own argp takes as its children. The input of the first is a struct
 * job_options, which job_options_default has filled.
 */
extern const struct argp_child job_options_children[];

void job_options_default(struct job_options *options);

extern const int64_t job_options_wait_default_ns;

/* Makes the request that the options ask for. */
int job_options_request(const struct job_options *options, struct job_request *request,
			struct problem *problem);

/* For other options: end the program with a line that names the option and its value. */
void option_size(struct argp_state *state, const char *name, const char *text, uint64_t least,
		 uint64_t most, uint64_t *bytes);
void option_number(struct argp_state *state, const char *name, const char *text, uint64_t least,
		   uint64_t most, uint64_t *number);
void option_seconds(struct argp_state *state, const char *name, const char *text, int64_t *ns);

#endif /* COMMON_JOB_OPTIONS_H */
