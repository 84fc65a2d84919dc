/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "groups.h"
#include "place.h"

/* Whatever has a meaning in a URI stands as %XX there. */
static char *join_uri(const char *path)
{
	char *uri = malloc(strlen("join:") + 3 * strlen(path) + 1);
	char *at;

	if (!uri)
		return NULL;
	at = stpcpy(uri, "join:");
	for (; *path; path++) {
		if (strchr("%?&=#", *path))
			at += sprintf(at, "%%%02X", (unsigned char)*path);
		else
			*at++ = *path;
	}
	*at = '\0';
	return uri;
}

static int uri_of_group(const struct group *group, char **uri, struct problem *problem)
{
	if (group->state != GROUP_LIVE)
		return problem_set(problem, -ENOTCONN, "%s: the group is %s, nobody lets in; start "
				   "its mapper", group->name, group_state_name(group->state));
	if (!group->socket[0])
		return problem_set(problem, -ENOENT, "%s: where its mapper listens can't be seen from "
				   "here; give the socket's path", group->name);
	*uri = join_uri(group->socket);
	return *uri ? 0 : problem_set(problem, -ENOMEM, "no memory");
}

static int uri_of_name(const char *name, char **uri, struct problem *problem)
{
	const struct group *group;
	struct groups groups;
	int ret = groups_read(&groups, "", problem);

	if (ret)
		return ret;
	group = groups_find(&groups, name);
	if (group)
		ret = uri_of_group(group, uri, problem);
	else
		ret = problem_set(problem, -ENOENT, "%s: no device, no socket and no group of this "
				  "host; hgshm ls lists groups", name);
	groups_free(&groups);
	return ret;
}

static int uri_of_only_group(char **uri, struct problem *problem)
{
	const struct group *only = NULL;
	struct groups groups;
	size_t live = 0;
	int ret = groups_read(&groups, "", problem);

	if (ret)
		return ret;
	for (size_t i = 0; i < groups.count; i++)
		if (groups.items[i].state == GROUP_LIVE) {
			only = &groups.items[i];
			live++;
		}
	if (live == 1)
		ret = uri_of_group(only, uri, problem);
	else if (live)
		ret = problem_set(problem, -ENOTUNIQ, "there are %zu groups on this host; name one of "
				  "them, or its socket (hgshm ls lists them)", live);
	else
		ret = problem_set(problem, -ENODEV, "no hgshm device and no group on this host; in a "
				  "guest load the driver, on a host start a group or give its socket "
				  "(hgshm doctor says what is missing)");
	groups_free(&groups);
	return ret;
}

static bool is_uri(const char *place)
{
	return !strncmp(place, "join:", 5) || !strncmp(place, "found:", 6);
}

/* A path that is not there yet is taken for a socket's, unless it is below /dev. */
static int find_uri(const char *place, char **uri, struct problem *problem)
{
	bool is_there, is_device;
	struct stat st;

	if (!*place)
		return problem_set(problem, -EINVAL, "PLACE is empty; give a device, a socket or the "
				   "name of a group");
	is_there = !stat(place, &st);
	is_device = is_there ? S_ISCHR(st.st_mode) : !strncmp(place, "/dev/", 5);
	if (is_uri(place) || is_device)
		*uri = strdup(place);
	else if (strchr(place, '/') || (is_there && S_ISSOCK(st.st_mode)))
		*uri = join_uri(place);
	else
		return uri_of_name(place, uri, problem);
	return *uri ? 0 : problem_set(problem, -ENOMEM, "no memory");
}

int place_open(struct hgshm **h, const char *place, struct problem *problem)
{
	char *uri;
	int ret;

	if (!place) {
		ret = hgshm_open(h, NULL, NULL);
		if (ret != -ENODEV)
			return ret ? problem_set(problem, ret, "%s", hgshm_strerror(ret)) : 0;
		ret = uri_of_only_group(&uri, problem);
	} else {
		ret = find_uri(place, &uri, problem);
	}
	if (ret)
		return ret;
	ret = hgshm_open(h, uri, NULL);
	if (ret)
		problem_set(problem, ret, "%s", hgshm_strerror(ret));
	free(uri);
	return ret;
}
