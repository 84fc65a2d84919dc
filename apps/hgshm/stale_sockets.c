/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stale_sockets.h"

static bool is_ours(const char *path, const struct stat *st)
{
	return S_ISSOCK(st->st_mode) && strstr(path, "hgshm") &&
	       (!geteuid() || st->st_uid == geteuid());
}

static int look_into(struct names *paths, const char *root, const char *folder, int depth,
		     const struct listeners *listeners)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s", root, folder);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir))) {
		const char *within = path + strlen(root);

		if (entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s%s/%s", root, folder, entry->d_name) >=
		    (int)sizeof(path) || lstat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			ret = look_into(paths, root, within, depth - 1, listeners);
		else if (is_ours(within, &st) && !listeners_may_have(listeners, root, within, &st))
			ret = names_add(paths, within);
	}
	closedir(dir);
	return ret;
}

int stale_sockets_find(struct names *paths, const char *root, const struct listeners *listeners)
{
	const char *const folders[] = { "/tmp", "/run", getenv("XDG_RUNTIME_DIR") };
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(folders) / sizeof(folders[0]); i++)
		if (folders[i] && folders[i][0] == '/')
			ret = look_into(paths, root, folders[i], 1, listeners);
	return ret;
}
