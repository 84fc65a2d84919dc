/* SPDX-License-Identifier: MIT */
/* hgshm wait: waits until a doorbell is rung. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "events.h"
#include "json.h"
#include "place.h"
#include "program.h"

#define ANYBODY	UINT64_MAX

struct options {
	const char *place;
	bool json;
	uint64_t from;
	uint64_t count;
	int64_t timeout_ns;
};

enum {
	KEY_COUNT = KEY_OWN,
	KEY_FROM,
};

static const struct argp_option option_list[] = {
	{ "timeout", 't', "SECONDS", 0, "give up after so long, with exit status 3 (never)", 0 },
	{ "from", KEY_FROM, "N", 0, "heed member N alone (anybody)", 0 },
	{ "count", KEY_COUNT, "COUNT", 0, "end after so many rings; 0: never (1)", 0 },
	OPTION_JSON,
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_JSON:
		options->json = true;
		break;
	case 't':
		options->timeout_ns = command_seconds(state, "--timeout", arg);
		break;
	case KEY_FROM:
		options->from = command_number(state, "--from", arg, 0, HGSHM_PEERS_MAX - 1);
		break;
	case KEY_COUNT:
		options->count = command_number(state, "--count", arg, 0, UINT32_MAX);
		break;
	case ARGP_KEY_ARG:
		if (options->place)
			argp_error(state, "%s: one PLACE at a time", arg);
		options->place = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "[PLACE]",
	.doc = "Wait until a member rings the doorbell of this place, and say who it was. Rings that "
	       "come faster than they are seen are counted as one.\v" PLACE_DOC,
};

static void print_rings(const struct options *options, const struct hgshm_events *events,
			uint64_t *seen)
{
	struct json json = { .out = stdout };

	for (uint32_t i = 0; i < HGSHM_PEERS_MAX; i++) {
		if (!(events->rung >> i & 1) || (options->from != ANYBODY && options->from != i))
			continue;
		*seen += events->counts[i];
		if (options->json) {
			json_object(&json, NULL);
			json_number(&json, "from", i);
			json_number(&json, "count", events->counts[i]);
			json_object_end(&json);
		} else {
			printf("%" PRIu32 " rang %" PRIu64 " time%s\n", i, events->counts[i],
			       events->counts[i] == 1 ? "" : "s");
		}
	}
}

/* The others have to know whom to ring, and when. */
static int say_who(struct hgshm *h, const char *name, struct problem *problem)
{
	struct hgshm_info info;
	int ret = hgshm_get_info(h, &info);

	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	fprintf(stderr, "%s: waiting as member %" PRIu32 " of %" PRIu32 "\n", name, info.index,
		info.clients);
	return 0;
}

static int wait_for_rings(struct hgshm *h, const struct options *options, bool *timed_out,
			  struct problem *problem)
{
	int64_t end_ns = events_end(options->timeout_ns);
	struct hgshm_events events;
	uint64_t seen = 0;

	while (!options->count || seen < options->count) {
		int ret = events_wait(h, end_ns, &events, problem);

		if (ret == -EINTR)
			return 0;
		if (ret == -ETIMEDOUT) {
			*timed_out = true;
			return problem_set(problem, ret, "nobody rang in time");
		}
		if (ret)
			return ret;
		print_rings(options, &events, &seen);
		if (fflush(stdout))
			return problem_set(problem, -errno, "standard output: %s", strerror(errno));
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct options options = { .timeout_ns = -1, .from = ANYBODY, .count = 1 };
	struct problem problem;
	struct hgshm *h;
	bool timed_out = false;
	int ret, status;

	program_begin(&argp, argc, argv, &options);
	ret = place_open(&h, options.place, &problem);
	if (!ret) {
		ret = say_who(h, argv[0], &problem);
		if (!ret)
			ret = wait_for_rings(h, &options, &timed_out, &problem);
		hgshm_close(h);
	}
	status = command_end(argv[0], ret, &problem);
	return timed_out && status == EXIT_FAILURE ? STATUS_TIMEOUT : status;
}

const struct command command_wait = {
	.name = "wait",
	.summary = "wait until somebody rings",
	.run = run,
};
