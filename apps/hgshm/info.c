/* SPDX-License-Identifier: MIT */
/* hgshm info: what a place is given. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "place.h"
#include "text.h"

struct options {
	const char *place;
	bool json;
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
	.doc = "Show what a place in a group is given: its index, the sizes, who is there.\v"
	       PLACE_DOC,
};

static const char *cache_name(const struct hgshm_info *info)
{
	switch (info->cache) {
	case HGSHM_CACHE_NO_MEMORY:
		return info->memory_bytes ? "not told" : "no memory";
	case HGSHM_CACHE_WRITE_BACK:
		return "write-back";
	case HGSHM_CACHE_NONE:
		return "none";
	}
	return "unknown";
}

/* From a driver or mapper: there may be no NUL at its end. */
static void copy_shmid(char text[HGSHM_SHMID_BYTES + 1], const struct hgshm_info *info)
{
	memcpy(text, info->shmid, HGSHM_SHMID_BYTES);
	text[HGSHM_SHMID_BYTES] = '\0';
}

static void print_json(const struct hgshm_info *info, const char *shmid)
{
	struct json json = { .out = stdout };

	json_object(&json, NULL);
	json_string(&json, "shmid", shmid);
	json_number(&json, "index", info->index);
	json_number(&json, "clients", info->clients);
	if (info->mapidx == HGSHM_INDEX_NONE)
		json_null(&json, "mapidx");
	else
		json_number(&json, "mapidx", info->mapidx);
	json_number(&json, "version", info->version);
	json_number(&json, "size_bytes", info->size_bytes);
	json_number(&json, "slice_bytes", info->slice_bytes);
	json_number(&json, "memory_bytes", info->memory_bytes);
	json_number(&json, "peer_bytes", info->peer_bytes);
	json_number(&json, "doorbells_bytes", info->doorbells_bytes);
	json_bits(&json, "peers", info->peers);
	json_number(&json, "epoch", info->epoch);
	json_number(&json, "vectors", info->vectors);
	json_bool(&json, "irq_enabled", info->irq_enabled);
	json_bool(&json, "guest_mmap", info->features & HGSHM_FEATURE_GUEST_MMAP);
	json_bool(&json, "peer_readonly", info->features & HGSHM_FEATURE_PEER_READONLY);
	json_bool(&json, "stale", info->status & HGSHM_STATUS_MEMORY_STALE);
	json_string(&json, "cache", cache_name(info));
	json_array(&json, "bar_bytes");
	for (size_t i = 0; i < sizeof(info->bar_bytes) / sizeof(info->bar_bytes[0]); i++)
		json_number(&json, NULL, info->bar_bytes[i]);
	json_array_end(&json);
	json_object_end(&json);
}

static void print_size(const char *name, uint64_t bytes, const char *what)
{
	printf("%-10s %s%s\n", name, bytes ? text_size(bytes).text : "none", what);
}

static void print_text(const struct hgshm_info *info, const char *shmid)
{
	printf("%-10s ", "group");
	text_print(stdout, *shmid ? shmid : "(its name is not told)");
	printf("\n%-10s %" PRIu32 " of %" PRIu32 "%s\n", "index", info->index, info->clients,
	       info->index ? "" : ", the mapper");
	print_size("size", info->size_bytes, "");
	print_size("slice", info->slice_bytes, "");
	print_size("memory", info->memory_bytes, info->memory_bytes ?
		   (info->index ? ", the own slice" : ", all slices") : " (guestmmap=0)");
	if (info->mapidx != HGSHM_INDEX_NONE && info->peer_bytes)
		printf("%-10s slice %" PRIu32 "%s\n", "peer", info->mapidx,
		       info->features & HGSHM_FEATURE_PEER_READONLY ? ", read-only" : "");
	printf("%-10s ", "members");
	text_bits(stdout, info->peers);
	printf("\n%-10s %" PRIu32 "\n", "epoch", info->epoch);
	printf("%-10s %s\n", "cache", cache_name(info));
	if (info->status & HGSHM_STATUS_MEMORY_STALE)
		printf("%-10s the mapper came back with another memory; this place has the old one\n",
		       "stale");
}

static int run(int argc, char **argv)
{
	struct options options = { 0 };
	char shmid[HGSHM_SHMID_BYTES + 1];
	struct problem problem;
	struct hgshm_info info;
	struct hgshm *h;
	int ret;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = place_open(&h, options.place, &problem);
	if (!ret) {
		ret = hgshm_get_info(h, &info);
		if (ret)
			problem_set(&problem, ret, "%s", hgshm_strerror(ret));
		hgshm_close(h);
	}
	if (!ret) {
		copy_shmid(shmid, &info);
		if (options.json)
			print_json(&info, shmid);
		else
			print_text(&info, shmid);
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_info = {
	.name = "info",
	.summary = "what a place in a group is given",
	.run = run,
};
