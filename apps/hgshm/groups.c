/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "groups.h"
#include "listeners.h"
#include "stale_sockets.h"

/* Made-up names start so. */
#define NAME_PREFIX	"hgshm"

struct search {
	struct groups *groups;
	const char *root;
	struct listeners listeners;
	struct names taken;	/* objects that any process has, whatever it is */
};

struct group *groups_find(const struct groups *groups, const char *name)
{
	for (size_t i = 0; i < groups->count; i++)
		if (!strcmp(groups->items[i].name, name))
			return &groups->items[i];
	return NULL;
}

static struct group *find_or_add(struct groups *groups, const char *name)
{
	struct group *found = groups_find(groups, name);
	struct group *items;

	if (found)
		return found;
	items = reallocarray(groups->items, groups->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	groups->items = items;
	items[groups->count] = (struct group){ .state = GROUP_STALE, .owner = -1 };
	snprintf(items[groups->count].name, sizeof(items->name), "%s", name);
	return &items[groups->count++];
}

static int object_status(const struct search *search, const char *name, struct stat *st)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" SHM_FOLDER "/%s", search->root, name);
	return lstat(path, st) || !S_ISREG(st->st_mode) ? -ENOENT : 0;
}

/* A mapper makes its object so, and takes up no other. */
static bool is_private(const struct stat *st)
{
	return (st->st_mode & 07777) == 0600;
}

/* And no page is missing. */
static bool looks_like_ours(const struct stat *st)
{
	return is_private(st) && st->st_size &&
	       st->st_size % HGSHM_SLICE_ALIGN_BYTES == 0 &&
	       (uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size;
}

static bool is_made_up(const char *name)
{
	return !strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX));
}

static bool has_made_up_name(const struct search *search, const char *name, const struct stat *st)
{
	return is_made_up(name) && is_private(st);
}

/* Memory of a name that somebody chose tells only by its looks that it may be a group's. */
static bool looks_unused(const struct search *search, const char *name, const struct stat *st)
{
	return looks_like_ours(st) && (!geteuid() || st->st_uid == geteuid()) &&
	       !names_have(&search->taken, name) &&
	       !lock_holder(search->root, st->st_dev, st->st_ino);
}

static int add_objects_that(const struct search *search,
			    bool (*fits)(const struct search *search, const char *name,
					 const struct stat *st))
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" SHM_FOLDER, search->root);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir)))
		if (!object_status(search, entry->d_name, &st) &&
		    fits(search, entry->d_name, &st) && !find_or_add(search->groups, entry->d_name))
			ret = -ENOMEM;
	closedir(dir);
	return ret;
}

static struct member *add_member(struct group *group, const struct process *process, int index)
{
	struct member *members;

	for (size_t i = 0; i < group->member_count; i++)
		if (group->members[i].pid == process->pid &&
		    (group->members[i].index == index || index < 0))
			return &group->members[i];
	members = reallocarray(group->members, group->member_count + 1, sizeof(*members));
	if (!members)
		return NULL;
	group->members = members;
	members[group->member_count] = (struct member){
		.pid = process->pid, .kind = process->kind, .index = index };
	strcpy(members[group->member_count].program, process->program);
	group->has_mapper |= index == 0;
	return &members[group->member_count++];
}

/* The only index that the process has, -1 if it has several or none. */
static int only_index(const struct process *process)
{
	if (process->indices && !(process->indices & (process->indices - 1)))
		return __builtin_ctzll(process->indices);
	return -1;
}

/* A mapper that is a program: its only listening socket. */
static void note_library_socket(const struct search *search, const struct process *process,
				struct group *group)
{
	const char *path = NULL;

	for (size_t i = 0; i < process->socket_count; i++)
		for (size_t k = 0; k < search->listeners.count; k++) {
			if (search->listeners.items[k].inode != process->sockets[i] ||
			    search->listeners.items[k].path[0] != '/')
				continue;
			if (path)
				return;
			path = search->listeners.items[k].path;
		}
	if (path)
		snprintf(group->socket, sizeof(group->socket), "%s", path);
}

static int join_group(const struct search *search, const struct process *process,
		      const char *name, int index)
{
	struct group *group = find_or_add(search->groups, name);

	if (!group || !add_member(group, process, index))
		return -ENOMEM;
	if (index == 0 && process->kind == PROCESS_LIBRARY)
		note_library_socket(search, process, group);
	return 0;
}

static int add_qemu_devices(const struct search *search, const struct process *process)
{
	for (size_t i = 0; i < process->device_count; i++) {
		const struct qemu_device *device = &process->devices[i];
		int ret;

		if (!device->shmid[0])
			continue;
		ret = join_group(search, process, device->shmid, device->index);
		if (ret)
			return ret;
		if (device->index == 0)
			strcpy(groups_find(search->groups, device->shmid)->socket, device->socket);
	}
	return 0;
}

/* What the command line doesn't tell: a QEMU's device without shmid, or plugged in later. */
static int index_of_unnamed(const struct process *process)
{
	if (process->kind == PROCESS_LIBRARY)
		return only_index(process);
	for (size_t i = 0; i < process->device_count; i++)
		if (!process->devices[i].shmid[0])
			return process->devices[i].index;
	return -1;
}

static int add_objects(const struct search *search, const struct process *process)
{
	for (size_t i = 0; i < process->objects.count; i++) {
		const char *name = process->objects.items[i];
		int index = index_of_unnamed(process);
		struct group *group;
		struct stat st;
		pid_t holder;
		int ret;

		if (object_status(search, name, &st))
			continue;
		holder = lock_holder(search->root, st.st_dev, st.st_ino);
		group = groups_find(search->groups, name);
		if (!group && (!looks_like_ours(&st) || (process->kind == PROCESS_QEMU && holder <= 0)))
			continue;
		if (holder == process->pid)
			index = 0;
		else if (index == 0)
			index = -1;
		ret = join_group(search, process, name, index);
		if (ret)
			return ret;
		if (holder == process->pid && process->kind == PROCESS_QEMU)
			for (size_t k = 0; k < process->device_count; k++)
				if (process->devices[k].index == 0 && !process->devices[k].shmid[0])
					strcpy(groups_find(search->groups, name)->socket,
					       process->devices[k].socket);
	}
	return 0;
}

/* A memfd of slice i is called NAME.i */
static int add_slices(const struct search *search, const struct process *process)
{
	for (size_t i = 0; i < process->slices.count; i++) {
		char name[256];
		struct group *group;
		char *dot;
		int ret;

		snprintf(name, sizeof(name), "%s", process->slices.items[i]);
		dot = strrchr(name, '.');
		if (!dot || dot == name || !dot[1] || strspn(dot + 1, "0123456789") != strlen(dot + 1))
			continue;
		*dot = '\0';
		ret = join_group(search, process, name, index_of_unnamed(process));
		if (ret)
			return ret;
		group = groups_find(search->groups, name);
		group->sealed = true;
		if (process->slice_bytes)
			group->slice_bytes = process->slice_bytes;
		ret = names_add(&group->slices, process->slices.items[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int add_process(struct search *search, pid_t pid)
{
	struct process process;
	int ret = process_read(&process, search->root, pid);

	if (ret)
		return ret == -ESRCH ? 0 : ret;
	for (size_t i = 0; !ret && i < process.objects.count; i++)
		ret = names_add(&search->taken, process.objects.items[i]);
	search->groups->hidden += process.hidden;
	if (!ret && process.kind == PROCESS_QEMU)
		ret = add_qemu_devices(search, &process);
	if (!ret && process.kind != PROCESS_OTHER)
		ret = add_objects(search, &process);
	if (!ret && process.kind != PROCESS_OTHER)
		ret = add_slices(search, &process);
	process_free(&process);
	return ret;
}

static int add_processes(struct search *search, struct problem *problem)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", search->root);
	dir = opendir(path);
	if (!dir)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	while (!ret && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = add_process(search, atoi(entry->d_name));
	closedir(dir);
	if (ret)
		problem_set(problem, ret, "looking at processes: %s", strerror(-ret));
	return ret;
}

static void judge(const struct search *search, struct group *group)
{
	struct stat st;
	pid_t holder = 0;

	if (!object_status(search, group->name, &st)) {
		group->object = true;
		group->bytes = st.st_size;
		group->owner = st.st_uid;
		holder = lock_holder(search->root, st.st_dev, st.st_ino);
	} else if (group->sealed && group->has_mapper) {
		group->bytes = group->slices.count * group->slice_bytes;
	}
	if (group->has_mapper || holder)
		group->state = GROUP_LIVE;
	else if (group->member_count)
		group->state = GROUP_ORPHANED;
	else if (geteuid() && group->owner != geteuid())
		group->state = GROUP_UNKNOWN;
	else
		group->state = is_made_up(group->name) ? GROUP_STALE : GROUP_UNUSED;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *one = a, *other = b;

	return one->index != other->index ? one->index - other->index : one->pid - other->pid;
}

int groups_read(struct groups *groups, const char *root, struct problem *problem)
{
	struct search search = { .groups = groups, .root = root };
	int ret;

	*groups = (struct groups){ 0 };
	ret = listeners_read(&search.listeners, root);
	if (ret)
		return problem_set(problem, ret, "%s/proc/net/unix: %s", root, strerror(-ret));
	ret = add_objects_that(&search, has_made_up_name);
	if (!ret)
		ret = stale_sockets_find(&groups->stale_sockets, root, &search.listeners);
	if (ret)
		problem_set(problem, ret, "looking at " SHM_FOLDER ": %s", strerror(-ret));
	else
		ret = add_processes(&search, problem);
	if (!ret && add_objects_that(&search, looks_unused))
		ret = problem_set(problem, -ENOMEM, "no memory");
	listeners_free(&search.listeners);
	names_free(&search.taken);
	if (ret) {
		groups_free(groups);
		return ret;
	}
	for (size_t i = 0; i < groups->count; i++) {
		judge(&search, &groups->items[i]);
		if (groups->items[i].member_count)
			qsort(groups->items[i].members, groups->items[i].member_count,
			      sizeof(struct member), compare_members);
	}
	if (groups->count)
		qsort(groups->items, groups->count, sizeof(*groups->items), compare_names);
	names_sort(&groups->stale_sockets);
	return 0;
}

void groups_free(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		free(groups->items[i].members);
		names_free(&groups->items[i].slices);
	}
	free(groups->items);
	names_free(&groups->stale_sockets);
	*groups = (struct groups){ 0 };
}

const char *group_state_name(enum group_state state)
{
	static const char *const names[] = {
		[GROUP_LIVE] = "live",
		[GROUP_ORPHANED] = "orphaned",
		[GROUP_STALE] = "stale",
		[GROUP_UNUSED] = "unused",
		[GROUP_UNKNOWN] = "unknown",
	};

	return names[state];
}

const char *process_kind_name(enum process_kind kind)
{
	return kind == PROCESS_QEMU ? "qemu" : kind == PROCESS_LIBRARY ? "library" : "other";
}
