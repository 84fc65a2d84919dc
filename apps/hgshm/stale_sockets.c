/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stale_sockets.h"

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
		else if (S_ISSOCK(st.st_mode) && strstr(within, "hgshm") &&
			 !listeners_have(listeners, within))
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
