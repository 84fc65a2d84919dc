/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "listeners.h"

#define FLAG_LISTENING	0x00010000u	/* __SO_ACCEPTCON, as proc(5) shows flags */

static int add(struct listeners *listeners, uint64_t inode, const char *path)
{
	struct listener *items;

	items = reallocarray(listeners->items, listeners->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	listeners->items = items;
	items[listeners->count].inode = inode;
	snprintf(items[listeners->count].path, sizeof(items->path), "%s", path);
	listeners->count++;
	return 0;
}

int listeners_read(struct listeners *listeners, const char *root)
{
	char path[PATH_MAX];
	size_t line_bytes = 0;
	char *line = NULL;
	FILE *file;
	int ret = 0;

	*listeners = (struct listeners){ 0 };
	snprintf(path, sizeof(path), "%s/proc/net/unix", root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!ret && getline(&line, &line_bytes, file) > 0) {
		unsigned int flags;
		uint64_t inode;
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%*x: %*x %*x %x %*x %*x %" SCNu64 " %n", &flags, &inode,
			   &at) < 2 || !at)
			continue;
		if ((flags & FLAG_LISTENING) && line[at] && line[at] != '@')
			ret = add(listeners, inode, line + at);
	}
	free(line);
	fclose(file);
	if (ret)
		listeners_free(listeners);
	return ret;
}

static bool is_same_file(const char *root, const char *path, const struct stat *st)
{
	char full[PATH_MAX];
	struct stat other;

	snprintf(full, sizeof(full), "%s%s", root, path);
	return !stat(full, &other) && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* From which folder a relative path leads there, only the listener knows. */
static bool has_same_end(const char *relative, const char *path)
{
	const char *one = strrchr(relative, '/'), *other = strrchr(path, '/');

	return !strcmp(one ? one + 1 : relative, other ? other + 1 : path);
}

bool listeners_may_have(const struct listeners *listeners, const char *root, const char *path,
			const struct stat *st)
{
	for (size_t i = 0; i < listeners->count; i++) {
		const char *listened = listeners->items[i].path;

		if (listened[0] == '/' ?
		    !strcmp(listened, path) || is_same_file(root, listened, st) :
		    has_same_end(listened, path))
			return true;
	}
	return false;
}

void listeners_free(struct listeners *listeners)
{
	free(listeners->items);
	*listeners = (struct listeners){ 0 };
}

pid_t lock_holder(const char *root, dev_t dev, ino_t ino)
{
	char path[PATH_MAX], line[256];
	pid_t holder = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/locks", root);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (!holder && fgets(line, sizeof(line), file)) {
		unsigned int major_number, minor_number;
		unsigned long long inode;
		char kind[16], mode[16];
		int pid;

		if (sscanf(line, "%*d: %15s %*s %15s %d %x:%x:%llu", kind, mode, &pid,
			   &major_number, &minor_number, &inode) != 6)
			continue;
		/* a process of another PID namespace is shown as 0 */
		if (!strcmp(kind, "FLOCK") && !strcmp(mode, "WRITE") && inode == ino &&
		    major_number == major(dev) && minor_number == minor(dev))
			holder = pid > 0 ? pid : -1;
	}
	fclose(file);
	return holder;
}
