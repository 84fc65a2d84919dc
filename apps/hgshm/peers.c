/* SPDX-License-Identifier: MIT */
/* hgshm peers: who is in a group, and who comes and goes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "events.h"
#include "json.h"
#include "place.h"
#include "program.h"

struct options {
	const char *place;
	bool json;
	bool watch;
	int64_t timeout_ns;
};

enum {
	KEY_TIMEOUT = KEY_OWN,
};

static const struct argp_option option_list[] = {
	{ "watch", 'w', NULL, 0, "go on, with a line for each member that comes or goes", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "with --watch: end after so long (never)", 0 },
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
	case 'w':
		options->watch = true;
		break;
	case KEY_TIMEOUT:
		options->timeout_ns = command_seconds(state, "--timeout", arg);
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
	.doc = "Show the members of a group and which of them are there.\v" PLACE_DOC,
};

static const char *role(const struct hgshm_info *info, uint32_t index)
{
	if (index == info->index)
		return index ? "this place" : "this place, the mapper";
	return index ? "" : "the mapper";
}

static void print_members(const struct options *options, const struct hgshm_info *info)
{
	struct json json = { .out = stdout };

	if (options->json) {
		json_object(&json, NULL);
		json_number(&json, "index", info->index);
		json_number(&json, "clients", info->clients);
		json_bits(&json, "peers", info->peers);
		json_number(&json, "epoch", info->epoch);
		json_object_end(&json);
		return;
	}
	for (uint32_t i = 0; i < info->clients; i++) {
		const char *words = role(info, i);

		printf("%2" PRIu32 "  %s%s%s\n", i, info->peers >> i & 1 ? "there" : "-",
		       *words ? "  " : "", words);
	}
}

static void print_change(const struct options *options, uint32_t index, bool came, uint32_t epoch)
{
	struct json json = { .out = stdout };

	if (options->json) {
		json_object(&json, NULL);
		json_string(&json, "event", came ? "came" : "went");
		json_number(&json, "index", index);
		json_number(&json, "epoch", epoch);
		json_object_end(&json);
	} else {
		printf("%2" PRIu32 "  %s\n", index, came ? "came" : "went");
	}
}

static void print_stale(const struct options *options, uint32_t epoch)
{
	struct json json = { .out = stdout };

	if (options->json) {
		json_object(&json, NULL);
		json_string(&json, "event", "stale");
		json_number(&json, "epoch", epoch);
		json_object_end(&json);
	} else {
		printf("the mapper came back with another memory; this place has the old one\n");
	}
}

/* What is printed is the difference to what was printed before, so no line comes twice. */
static int print_changes(struct hgshm *h, const struct options *options, struct hgshm_info *shown,
			 struct problem *problem)
{
	struct hgshm_info info;
	int ret = hgshm_get_info(h, &info);

	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	for (uint32_t i = 0; i < info.clients; i++)
		if ((info.peers ^ shown->peers) >> i & 1)
			print_change(options, i, info.peers >> i & 1, info.epoch);
	if (info.status & ~shown->status & HGSHM_STATUS_MEMORY_STALE)
		print_stale(options, info.epoch);
	*shown = info;
	return fflush(stdout) ? problem_set(problem, -errno, "standard output: %s",
					    strerror(errno)) : 0;
}

static int watch(struct hgshm *h, const struct options *options, struct hgshm_info *shown,
		 struct problem *problem)
{
	int64_t end_ns = events_end(options->timeout_ns);
	int ret;

	do {
		ret = print_changes(h, options, shown, problem);
		if (!ret)
			ret = events_wait(h, end_ns, NULL, problem);
	} while (!ret);
	return ret == -ETIMEDOUT || ret == -EINTR ? 0 : ret;
}

static int run(int argc, char **argv)
{
	struct options options = { .timeout_ns = -1 };
	struct problem problem;
	struct hgshm_info info;
	struct hgshm *h;
	int ret;

	program_begin(&argp, argc, argv, &options);
	ret = place_open(&h, options.place, &problem);
	if (ret)
		return command_end(argv[0], ret, &problem);
	ret = hgshm_get_info(h, &info);
	if (ret) {
		problem_set(&problem, ret, "%s", hgshm_strerror(ret));
	} else {
		print_members(&options, &info);
		if (options.watch)
			ret = watch(h, &options, &info, &problem);
	}
	hgshm_close(h);
	return command_end(argv[0], ret, &problem);
}

const struct command command_peers = {
	.name = "peers",
	.summary = "who is in a group; --watch: who comes and goes",
	.run = run,
};
