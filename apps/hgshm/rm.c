/* SPDX-License-Identifier: MIT */
/* hgshm rm: removes the memory and the sockets that groups left. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "groups.h"
#include "json.h"
#include "text.h"

struct options {
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
	{ "force", 'f', NULL, 0, "remove it even if somebody has it, or its name is not "
	  "one that hgshm makes up", 0 },
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

/* As a mapper does: only who has the lock may take the name away. */
static int remove_object(const char *root, const char *name, bool force,
			 struct problem *problem)
{
	char path[PATH_MAX];
	struct stat by_fd, by_name;
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s" SHM_FOLDER "/%s", root, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (!force && (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &by_fd) ||
		       lstat(path, &by_name) || by_fd.st_ino != by_name.st_ino))
		ret = problem_set(problem, -EBUSY, "%s: a mapper has taken it just now", name);
	else if (unlink(path))
		ret = problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	close(fd);
	return ret;
}

static int remove_group(const struct groups *groups, const struct options *options,
			const char *name, struct problem *problem)
{
	const struct group *group = groups_find(groups, name);

	if (!group && !options->force)
		return problem_set(problem, -ENOENT, "%s: no group of this host, and hgshm did not make "
				   "up that name; hgshm ls lists groups, --force removes "
				   SHM_FOLDER "/%s all the same", name, name);
	if (group && group->state != GROUP_STALE && !options->force)
		return problem_set(problem, -EBUSY, "%s: it is %s%s; stop who is in, or give --force",
				   name, group_state_name(group->state),
				   group->state == GROUP_UNKNOWN ? ", only root can see who has it" :
				   "");
	if (group && !group->object)
		return problem_set(problem, -ENOENT, "%s: its memory has no name and goes with its last "
				   "member", name);
	return remove_object(options->sysroot, name, options->force, problem);
}

/* 1 if somebody listens at the socket, 0 if nobody does, or -errno. */
static int is_listened_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	close(fd);
	return ret == ECONNREFUSED ? 0 : ret == 0 || ret == EAGAIN || ret == EPROTOTYPE ? 1 : -ret;
}

static int remove_socket(const char *path, bool force, struct problem *problem)
{
	struct stat st;
	int listened;

	if (lstat(path, &st))
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return problem_set(problem, -ENOTSOCK, "%s: not a socket; give a group by its name "
				   "alone", path);
	listened = force ? 0 : is_listened_at(path);
	if (listened < 0)
		return problem_set(problem, listened, "%s: %s", path, strerror(-listened));
	if (listened)
		return problem_set(problem, -EBUSY, "%s: somebody listens there; stop it, or give "
				   "--force", path);
	if (unlink(path))
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int remove_one(const struct groups *groups, const struct options *options,
		      const char *target, struct names *removed, struct problem *problem)
{
	char path[PATH_MAX];
	struct stat st;
	int ret;

	snprintf(path, sizeof(path), "%s%s", *target == '/' ? options->sysroot : "", target);
	if (strchr(target, '/') || (!groups_find(groups, target) && !lstat(path, &st) &&
				    S_ISSOCK(st.st_mode)))
		ret = remove_socket(path, options->force, problem);
	else
		ret = remove_group(groups, options, target, problem);
	if (!ret && names_add(removed, target))
		ret = problem_set(problem, -ENOMEM, "no memory");
	return ret;
}

static int remove_stale(const struct groups *groups, const struct options *options,
			struct names *removed, struct problem *problem)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < groups->count; i++)
		if (groups->items[i].state == GROUP_STALE)
			ret = remove_one(groups, options, groups->items[i].name, removed, problem);
	for (size_t i = 0; !ret && i < groups->stale_sockets.count; i++)
		ret = remove_one(groups, options, groups->stale_sockets.items[i], removed, problem);
	return ret;
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
	struct options options = { .sysroot = "" };
	struct names removed = { 0 };
	struct problem problem;
	struct groups groups;
	int ret;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = groups_read(&groups, options.sysroot, &problem);
	if (!ret) {
		if (options.all_stale)
			ret = remove_stale(&groups, &options, &removed, &problem);
		for (int i = 0; !ret && i < options.target_count; i++)
			ret = remove_one(&groups, &options, options.targets[i], &removed, &problem);
		groups_free(&groups);
		print_removed(&removed, options.json);
		names_free(&removed);
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_rm = {
	.name = "rm",
	.summary = "remove what a group left, if it is stale",
	.run = run,
};
