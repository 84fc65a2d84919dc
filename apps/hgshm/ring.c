/* SPDX-License-Identifier: MIT */
/* hgshm ring: rings the doorbell of a member, or of all. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "place.h"
#include "text.h"

#define ALL	UINT64_MAX

struct options {
	const char *place;
	bool json;
	bool named;
	uint64_t index;
};

static const struct argp_option option_list[] = {
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
	case ARGP_KEY_ARG:
		if (state->arg_num == 0) {
			options->index = strcmp(arg, "all") ?
				command_number(state, "N", arg, 0, HGSHM_PEERS_MAX - 1) : ALL;
			options->named = true;
		} else if (state->arg_num == 1) {
			options->place = arg;
		} else {
			argp_error(state, "%s: one PLACE at a time", arg);
		}
		break;
	case ARGP_KEY_END:
		if (!options->named)
			argp_error(state, "whom? Give the index of a member, or all");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "N|all [PLACE]",
	.doc = "Ring the doorbell of member N, or those of all others that are there.\v" PLACE_DOC,
};

static int ring(struct hgshm *h, uint64_t index, uint64_t *rang, struct problem *problem)
{
	struct hgshm_stats stats;
	int ret;

	ret = index == ALL ? hgshm_poke_all(h) : hgshm_poke(h, index);
	if (!ret)
		ret = hgshm_get_stats(h, &stats);
	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	for (unsigned int i = 0; i < HGSHM_PEERS_MAX; i++)
		if (stats.sent[i])
			*rang |= UINT64_C(1) << i;
	return 0;
}

static int run(int argc, char **argv)
{
	struct options options = { 0 };
	struct json json = { .out = stdout };
	struct problem problem;
	struct hgshm *h;
	uint64_t rang = 0;
	int ret;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = place_open(&h, options.place, &problem);
	if (!ret) {
		ret = ring(h, options.index, &rang, &problem);
		hgshm_close(h);
	}
	if (!ret && options.json) {
		json_object(&json, NULL);
		json_bits(&json, "rang", rang);
		json_object_end(&json);
	} else if (!ret) {
		printf("rang ");
		text_bits(stdout, rang);
		putchar('\n');
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_ring = {
	.name = "ring",
	.summary = "ring a member's doorbell, or everybody's",
	.run = run,
};
