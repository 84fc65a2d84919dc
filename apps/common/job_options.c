/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "job_options.h"
#include "results.h"
#include "size.h"

#define CHUNK_BYTES_DEFAULT (UINT64_C(1) << 20)
#define CHUNK_BYTES_MAX (UINT64_C(1) << 30)
#define TABLE_BYTES_DEFAULT (UINT64_C(64) << 20)
#define TOP_DEFAULT 10
#define DEADLINE_DEFAULT_NS (60 * NS_PER_SECOND)

enum key {
	KEY_JOB = 0x100,
	KEY_BYTE,
	KEY_INPUT,
	KEY_INPUT_BYTES,
	KEY_CHUNK_BYTES,
	KEY_TABLE_BYTES,
	KEY_TOP,
	KEY_OUTPUT,
	KEY_SUMMARY,
	KEY_PROGRESS,
	KEY_WAIT,
	KEY_DEADLINE,
};

static const struct argp_option option_list[] = {
	{ NULL, 0, NULL, 0, "What to do:", 1 },
	{ "job", KEY_JOB, "NAME", 0, "wordcount: occurrences of each word (default); count: "
	  "occurrences of one byte", 1 },
	{ "byte", KEY_BYTE, "C", 0, "for --job count: a character, or 0xHH (default 0x0a, a "
	  "newline)", 1 },
	{ "input", KEY_INPUT, "PATH", 0, "file or block device to read; - is standard input", 1 },
	{ "input-bytes", KEY_INPUT_BYTES, "N", 0, "read only the first N bytes (default: all)", 1 },
	{ NULL, 0, NULL, 0, "What comes out:", 2 },
	{ "output", KEY_OUTPUT, "FILE", 0, "write the whole result there, a line "
	  "COUNT<tab>KEY each, the most frequent first", 2 },
	{ "summary", KEY_SUMMARY, "FILE", 0, "write figures there, as lines KEY=VALUE", 2 },
	{ "top", KEY_TOP, "N", 0, "print the N most frequent results (default 10)", 2 },
	{ "progress", KEY_PROGRESS, "HOW", 0, "live, lines, never, or auto (default): live on a "
	  "terminal, otherwise lines", 2 },
	{ NULL, 0, NULL, 0, "How to do it:", 3 },
	{ "chunk-bytes", KEY_CHUNK_BYTES, "N", 0, "input in one task, a multiple of 4k; no record "
	  "may be longer (default 1m)", 3 },
	{ "table-bytes", KEY_TABLE_BYTES, "N", 0, "memory for a worker's partial results, above "
	  "which it hands them over (default 64m)", 3 },
	{ "wait", KEY_WAIT, "SECONDS", 0, "how long to wait for the other side to come up "
	  "(default 60)", 3 },
	{ "deadline", KEY_DEADLINE, "SECONDS", 0, "give up when the other side has done nothing for "
	  "that long (default 60)", 3 },
	{ 0 },
};

static void bad_value(struct argp_state *state, const char *name, const char *text,
		      const char *wanted)
{
	argp_failure(state, 2, 0, "--%s %s: must be %s", name, text, wanted);
}

void option_size(struct argp_state *state, const char *name, const char *text, uint64_t least,
		 uint64_t most, uint64_t *bytes)
{
	char wanted[128];

	if (!parse_size(text, bytes) && *bytes >= least && *bytes <= most)
		return;
	snprintf(wanted, sizeof(wanted), "a size such as 64k, 1m or 2g, from %" PRIu64 " to %" PRIu64,
		 least, most);
	bad_value(state, name, text, wanted);
}

void option_number(struct argp_state *state, const char *name, const char *text, uint64_t least,
		   uint64_t most, uint64_t *number)
{
	char wanted[96];

	if (!parse_number(text, number) && *number >= least && *number <= most)
		return;
	snprintf(wanted, sizeof(wanted), "a number from %" PRIu64 " to %" PRIu64, least, most);
	bad_value(state, name, text, wanted);
}

void option_seconds(struct argp_state *state, const char *name, const char *text, int64_t *ns)
{
	if (parse_seconds(text, ns) || *ns <= 0)
		bad_value(state, name, text, "a time in seconds, more than 0, such as 10 or 0.5");
}

static void option_progress(struct argp_state *state, const char *text, enum progress_mode *mode)
{
	static const char *const names[] = {
		[PROGRESS_AUTO] = "auto",
		[PROGRESS_LIVE] = "live",
		[PROGRESS_LINES] = "lines",
		[PROGRESS_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*mode = i;
			return;
		}
	}
	bad_value(state, "progress", text, "auto, live, lines or never");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct job_options *options = state->input;
	uint64_t number;

	switch (key) {
	case KEY_JOB:
		options->job = arg;
		break;
	case KEY_BYTE:
		options->byte = arg;
		break;
	case KEY_INPUT:
		options->input = arg;
		break;
	case KEY_INPUT_BYTES:
		option_size(state, "input-bytes", arg, 1, INT64_MAX, &options->input_bytes);
		break;
	case KEY_CHUNK_BYTES:
		option_size(state, "chunk-bytes", arg, INPUT_ALIGN_BYTES, CHUNK_BYTES_MAX,
			    &options->chunk_bytes);
		if (options->chunk_bytes % INPUT_ALIGN_BYTES)
			bad_value(state, "chunk-bytes", arg, "a multiple of 4k");
		break;
	case KEY_TABLE_BYTES:
		option_size(state, "table-bytes", arg, 1, SIZE_MAX / 4, &options->table_bytes);
		break;
	case KEY_TOP:
		option_number(state, "top", arg, 0, RESULTS_TOP_MAX, &number);
		options->top = number;
		break;
	case KEY_OUTPUT:
		options->output = arg;
		break;
	case KEY_SUMMARY:
		options->summary = arg;
		break;
	case KEY_PROGRESS:
		option_progress(state, arg, &options->progress);
		break;
	case KEY_WAIT:
		option_seconds(state, "wait", arg, &options->wait_ns);
		break;
	case KEY_DEADLINE:
		option_seconds(state, "deadline", arg, &options->deadline_ns);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { .options = option_list, .parser = parse_option };

const struct argp_child job_options_children[] = {
	{ &argp, 0, NULL, 0 },
	{ 0 },
};

const int64_t job_options_wait_default_ns = 60 * NS_PER_SECOND;

void job_options_default(struct job_options *options)
{
	*options = (struct job_options){
		.job = "wordcount",
		.chunk_bytes = CHUNK_BYTES_DEFAULT,
		.table_bytes = TABLE_BYTES_DEFAULT,
		.top = TOP_DEFAULT,
		.wait_ns = job_options_wait_default_ns,
		.deadline_ns = DEADLINE_DEFAULT_NS,
		.progress = PROGRESS_AUTO,
		.out = stdout,
	};
}

int job_options_request(const struct job_options *options, struct job_request *request,
			struct problem *problem)
{
	char given[JOB_PARAMS_BYTES] = "";

	request->job = job_find(options->job);
	if (!request->job)
		return problem_set(problem, -EINVAL, "--job %s: must be wordcount or count",
				   options->job);
	request->chunk_bytes = options->chunk_bytes;
	request->table_bytes = options->table_bytes;
	if (options->byte)
		snprintf(given, sizeof(given), "byte=%s", options->byte);
	if (!request->job->check(given, request->params))
		return 0;
	if (request->job != &job_count)
		return problem_set(problem, -EINVAL, "--byte %s: is for --job count only",
				   options->byte);
	return problem_set(problem, -EINVAL, "--byte %s: must be one character or 0xHH",
			   options->byte);
}
