/* SPDX-License-Identifier: MIT */
/* hgshm rm: removes the memory and the sockets that groups left. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "groups.h"
#include "json.h"
#include "removal.h"
#include "text.h"

struct options {
	const char *name;
	char **targets;
	int target_count;
	const char *sysroot;
	bool json;
	bool all_stale;
	bool force;
};

enum {
	KEY_STALE = KEY_OWN,
};

static const struct argp_option option_list[] = {
	{ "stale", KEY_STALE, NULL, 0, "remove all that hgshm ls calls stale", 0 },
	{ "force", 'f', NULL, 0, "remove it even if somebody has it, or it does not look "
	  "like a group's", 0 },
	OPTION_JSON,
	OPTION_SYSROOT,
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_SYSROOT:
		options->sysroot = arg;
		break;
	case KEY_STALE:
		options->all_stale = true;
		break;
	case 'f':
		options->force = true;
		break;
	case ARGP_KEY_ARGS:
		options->targets = state->argv + state->next;
		options->target_count = state->argc - state->next;
		break;
	case ARGP_KEY_END:
		if (!options->target_count && !options->all_stale)
			argp_error(state, "what? Give a group's name, a socket's path, or --stale");
		if (options->target_count && options->all_stale)
			argp_error(state, "--stale: it takes no names beside it");
		if (options->force && options->all_stale)
			argp_error(state, "--force: with names, not with --stale");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "GROUP|SOCKET...\n--stale",
	.doc = "Remove the memory object of a group that nobody is in any more, or a socket that "
	       "nobody listens at.\v"
	       "What the memory holds is lost; with unlink=0 it was kept on purpose. --force takes "
	       "the name away from a group that is in use: who is in keeps the memory, and "
	       "nobody else gets in.",
};

static int remove_group(const struct groups *groups, const struct options *options,
			const char *name, enum removal how, struct problem *problem)
{
	const struct group *group = groups_find(groups, name);

	if (!group && !options->force)
		return problem_set(problem, -ENOENT, "%s: no group of this host, and no memory that looks "
				   "like one's; hgshm ls lists both, --force removes "
				   SHM_FOLDER "/%s all the same", name, name);
	if (group && group->state != GROUP_STALE && group->state != GROUP_UNUSED &&
	    !options->force)
		return problem_set(problem, -EBUSY, "%s: it is %s%s; stop who is in, or give --force",
				   name, group_state_name(group->state),
				   group->state == GROUP_UNKNOWN ? ", only root can see who has it" :
				   "");
	if (group && !group->object)
		return problem_set(problem, -ENOENT, "%s: its memory has no name and goes with its last "
				   "member", name);
	return removal_object(options->sysroot, name, how, problem);
}

static int remove_one(const struct groups *groups, const struct options *options,
		      const char *target, enum removal how, struct problem *problem)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", *target == '/' ? options->sysroot : "", target);
	if (!*target)
		return problem_set(problem, -EINVAL, "a name is empty; hgshm ls lists what there is");
	if (strchr(target, '/') || (!groups_find(groups, target) && !lstat(path, &st) &&
				    S_ISSOCK(st.st_mode)))
		return removal_socket(path, how, problem);
	return remove_group(groups, options, target, how, problem);
}

/* One that can't be removed does not keep the others, and is said at once. */
static int remove_and_note(const struct groups *groups, const struct options *options,
			   const char *target, struct names *removed)
{
	enum removal how = options->all_stale ? REMOVAL_FOUND :
			   options->force ? REMOVAL_FORCED : REMOVAL_NAMED;
	struct problem problem;
	int ret = remove_one(groups, options, target, how, &problem);

	if (!ret && names_add(removed, target))
		ret = problem_set(&problem, -ENOMEM, "no memory");
	if (ret)
		command_complain(options->name, &problem);
	return ret;
}

static bool remove_stale(const struct groups *groups, const struct options *options,
			 struct names *removed)
{
	bool failed = false;

	for (size_t i = 0; i < groups->count; i++)
		if (groups->items[i].state == GROUP_STALE)
			failed |= remove_and_note(groups, options, groups->items[i].name, removed);
	for (size_t i = 0; i < groups->stale_sockets.count; i++)
		failed |= remove_and_note(groups, options, groups->stale_sockets.items[i], removed);
	return failed;
}

static bool remove_targets(const struct groups *groups, const struct options *options,
			   struct names *removed)
{
	bool failed = false;

	for (int i = 0; i < options->target_count; i++)
		failed |= remove_and_note(groups, options, options->targets[i], removed);
	return failed;
}

static void print_removed(const struct names *removed, bool as_json)
{
	struct json json = { .out = stdout };

	if (as_json) {
		json_object(&json, NULL);
		json_array(&json, "removed");
		for (size_t i = 0; i < removed->count; i++)
			json_string(&json, NULL, removed->items[i]);
		json_array_end(&json);
		json_object_end(&json);
		return;
	}
	for (size_t i = 0; i < removed->count; i++) {
		printf("removed ");
		text_print(stdout, removed->items[i]);
		putchar('\n');
	}
}

static int run(int argc, char **argv)
{
	struct options options = { .name = argv[0], .sysroot = "" };
	struct names removed = { 0 };
	struct problem problem;
	struct groups groups;
	bool failed = false;
	int ret, status;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = groups_read(&groups, options.sysroot, &problem);
	if (!ret) {
		failed = options.all_stale ? remove_stale(&groups, &options, &removed) :
					     remove_targets(&groups, &options, &removed);
		groups_free(&groups);
		print_removed(&removed, options.json);
		names_free(&removed);
	}
	status = command_end(argv[0], ret, &problem);
	return status ? status : failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_rm = {
	.name = "rm",
	.summary = "remove what a group left, if it is stale",
	.run = run,
};
