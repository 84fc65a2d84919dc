/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

#define DELETED		" (deleted)"
#define WORDS_MAX_BYTES	(1 << 20)

/* The library's threads are named so, with the member's index behind. */
#define THREAD_PREFIX	"hgshm:"

static void read_line(const char *path, char *line, size_t line_bytes)
{
	FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (!file)
		return;
	if (!fgets(line, line_bytes, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

/* One link of fd/ or one path of maps: what is shared memory is remembered. */
static int note_path(struct process *process, char *path)
{
	size_t length = strlen(path);

	if (length > strlen(DELETED) && !strcmp(path + length - strlen(DELETED), DELETED))
		path[length - strlen(DELETED)] = '\0';
	if (!strncmp(path, SHM_FOLDER "/", strlen(SHM_FOLDER) + 1))
		return names_add(&process->objects, path + strlen(SHM_FOLDER) + 1);
	if (!strncmp(path, "/memfd:", 7))
		return names_add(&process->slices, path + 7);
	return 0;
}

static int note_socket(struct process *process, const char *link)
{
	uint64_t *sockets;

	if (strncmp(link, "socket:[", 8))
		return 0;
	sockets = reallocarray(process->sockets, process->socket_count + 1, sizeof(*sockets));
	if (!sockets)
		return -ENOMEM;
	process->sockets = sockets;
	sockets[process->socket_count++] = strtoull(link + 8, NULL, 10);
	return 0;
}

static int read_descriptors(struct process *process, const char *folder)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/fd", folder);
	dir = opendir(path);
	if (!dir) {
		process->hidden = errno == EACCES || errno == EPERM;
		return process->hidden || errno == ENOENT ? 0 : -ESRCH;
	}
	while (!ret && (entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (length <= 0)
			continue;
		link[length] = '\0';
		if (!strncmp(link, "/memfd:", 7) && !fstatat(dirfd(dir), entry->d_name, &st, 0))
			process->slice_bytes = st.st_size;
		ret = note_path(process, link);
		if (!ret)
			ret = note_socket(process, link);
	}
	closedir(dir);
	return ret;
}

/* A mapping outlives the descriptor that it was made by. */
static int read_maps(struct process *process, const char *folder)
{
	char path[PATH_MAX];
	size_t line_bytes = 0;
	char *line = NULL;
	int ret = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/maps", folder);
	file = fopen(path, "re");
	if (!file) {
		process->hidden |= errno == EACCES || errno == EPERM;
		return 0;
	}
	while (!ret && getline(&line, &line_bytes, file) > 0) {
		char *name = strchr(line, '/');
		const char *base;

		if (!name)
			continue;
		name[strcspn(name, "\n")] = '\0';
		base = strrchr(name, '/');
		if (!strcmp(base, "/hgshm.so"))
			process->kind = PROCESS_QEMU;
		ret = note_path(process, name);
	}
	free(line);
	fclose(file);
	return ret;
}

static void read_threads(struct process *process, const char *folder)
{
	char path[PATH_MAX], name[32];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/task", folder);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char *end;
		unsigned long index;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/task/%s/comm", folder, entry->d_name);
		read_line(path, name, sizeof(name));
		if (strncmp(name, THREAD_PREFIX, strlen(THREAD_PREFIX)))
			continue;
		index = strtoul(name + strlen(THREAD_PREFIX), &end, 10);
		if (*end || end == name + strlen(THREAD_PREFIX) || index >= HGSHM_CLIENTS_MAX)
			continue;
		process->indices |= UINT64_C(1) << index;
		process->kind = PROCESS_LIBRARY;
	}
	closedir(dir);
}

/* QEMU resolves a relative path of a socket where it was started. */
static void make_absolute(struct qemu_device *device, const char *folder)
{
	char path[PATH_MAX], cwd[sizeof(device->socket)];
	char given[sizeof(device->socket)];
	ssize_t length;

	if (!device->socket[0] || device->socket[0] == '/')
		return;
	snprintf(path, sizeof(path), "%s/cwd", folder);
	length = readlink(path, cwd, sizeof(cwd) - 1);
	if (length <= 0)
		return;
	cwd[length] = '\0';
	strcpy(given, device->socket);
	if (snprintf(device->socket, sizeof(device->socket), "%s/%s", cwd, given) >=
	    (int)sizeof(device->socket))
		device->socket[0] = '\0';
}

static int read_words(struct process *process, const char *folder)
{
	char path[PATH_MAX];
	size_t bytes = 0;
	char *words;
	FILE *file;

	snprintf(path, sizeof(path), "%s/cmdline", folder);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	words = malloc(WORDS_MAX_BYTES);
	if (words)
		bytes = fread(words, 1, WORDS_MAX_BYTES - 1, file);
	fclose(file);
	if (!words)
		return -ENOMEM;
	words[bytes] = '\0';
	process->device_count = qemu_words_devices(words, bytes ? bytes + 1 : 0,
						   process->devices);
	for (size_t i = 0; i < process->device_count; i++)
		make_absolute(&process->devices[i], folder);
	free(words);
	return 0;
}

int process_read(struct process *process, const char *root, pid_t pid)
{
	char folder[PATH_MAX - 300], path[PATH_MAX];
	int ret;

	*process = (struct process){ .pid = pid };
	snprintf(folder, sizeof(folder), "%s/proc/%d", root, pid);
	snprintf(path, sizeof(path), "%s/comm", folder);
	read_line(path, process->program, sizeof(process->program));
	ret = read_words(process, folder);
	if (!ret)
		ret = read_descriptors(process, folder);
	if (!ret)
		ret = read_maps(process, folder);
	if (ret) {
		process_free(process);
		return ret;
	}
	read_threads(process, folder);
	/* a shell around a QEMU has its words, but neither its memory nor its sockets */
	if (process->device_count && process->kind == PROCESS_OTHER &&
	    !strncmp(process->program, "qemu", 4))
		process->kind = PROCESS_QEMU;
	return 0;
}

void process_free(struct process *process)
{
	names_free(&process->objects);
	names_free(&process->slices);
	free(process->sockets);
}
