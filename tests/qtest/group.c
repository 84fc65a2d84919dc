// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

void group_needs_plugin(void)
{
	if (getenv("HGSHM_PLUGIN"))
		return;
	puts("skipped: the plug-in is not built; "
	     "configure with -Dqemu_headers=$(qemu/fetch-headers)");
	exit(EXIT_SKIP);
}

int group_setup(void **state)
{
	struct group *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	strcpy(g->folder, "/tmp/hgshm-qtest-XXXXXX");
	if (!mkdtemp(g->folder)) {
		free(g);
		return -1;
	}
	snprintf(g->socket, sizeof(g->socket), "%s/socket", g->folder);
	/* The folder's name is unique on this host, so is this. */
	snprintf(g->shmid, sizeof(g->shmid), "%s", strrchr(g->folder, '/') + 1);
	snprintf(g->object, sizeof(g->object), "/dev/shm/%s", g->shmid);
	*state = g;
	return 0;
}

static void remove_folder(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

/* Removes every object whose name starts with the group's. Returns how many. */
static unsigned int remove_objects(const struct group *g)
{
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir = opendir("/dev/shm");

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, g->shmid, strlen(g->shmid)))
			continue;
		if (!g->object_stays)
			print_error("/dev/shm/%s is left behind\n",
				    entry->d_name);
		unlinkat(dirfd(dir), entry->d_name, 0);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

int group_teardown(void **state)
{
	struct group *g = *state;
	bool ok = true;

	/* Clients first: a client whose mapper goes has something to say. */
	while (g->vm_count) {
		struct vm *vm = g->vm[--g->vm_count];

		ok &= vm_end(vm);
		free(vm);
	}
	if (remove_objects(g) && !g->object_stays)
		ok = false;
	remove_folder(g->folder);
	free(g);
	return ok ? 0 : -1;
}

struct vm *group_spawn(struct group *g, const struct vm_spec *spec)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	char path[96];

	assert_non_null(vm);
	assert_in_range(g->vm_count, 0, GROUP_VMS_MAX - 1);
	snprintf(path, sizeof(path), "%s/vm%u", g->folder, g->vm_count);
	g->vm[g->vm_count++] = vm;
	vm_spawn(vm, spec, path);
	return vm;
}

struct vm *group_start(struct group *g, const struct vm_spec *spec)
{
	struct vm *vm = group_spawn(g, spec);

	vm_connect(vm);
	vm_find_device(vm);
	return vm;
}

static void set_device(struct vm_spec *spec, const struct group *g,
		       unsigned int index, const char *properties)
{
	int bytes = snprintf(spec->device, sizeof(spec->device),
			     "hgshm,index=%u,chardev=%s,shmid=%s%s%s", index,
			     GROUP_CHARDEV, g->shmid, *properties ? "," : "",
			     properties);

	assert_in_range(bytes, 1, sizeof(spec->device) - 1);
}

struct vm_spec group_mapper_spec(const struct group *g, const char *properties)
{
	struct vm_spec spec = { .machine = NULL };

	snprintf(spec.chardev, sizeof(spec.chardev),
		 "socket,id=%s,path=%s,server=on,wait=off", GROUP_CHARDEV,
		 g->socket);
	set_device(&spec, g, 0, properties);
	return spec;
}

struct vm_spec group_client_spec(const struct group *g, unsigned int index,
				 const char *properties)
{
	struct vm_spec spec = { .machine = NULL };

	snprintf(spec.chardev, sizeof(spec.chardev), "socket,id=%s,path=%s",
		 GROUP_CHARDEV, g->socket);
	set_device(&spec, g, index, properties);
	return spec;
}

struct vm *group_start_mapper(struct group *g, const char *properties)
{
	const struct vm_spec spec = group_mapper_spec(g, properties);

	return group_start(g, &spec);
}

struct vm *group_start_client(struct group *g, unsigned int index,
			      const char *properties)
{
	const struct vm_spec spec = group_client_spec(g, index, properties);

	return group_start(g, &spec);
}

static void expect_end(struct vm *vm, int code, const char *expected)
{
	char *text;

	process_wait(&vm->process);
	text = process_take_output(&vm->process);
	assert_string_equal(text, expected);
	free(text);
	assert_int_equal(process_exit_code(&vm->process), code);
}

void group_expect_end(struct vm *vm, int code, const char *fmt, ...)
{
	va_list args;
	char *expected;

	va_start(args, fmt);
	assert_true(vasprintf(&expected, fmt, args) >= 0);
	va_end(args);
	expect_end(vm, code, expected);
	free(expected);
}

void group_expect_refusal(struct group *g, const struct vm_spec *spec,
			  const char *fmt, ...)
{
	char *message, *expected;
	struct vm *vm = group_spawn(g, spec);
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&message, fmt, args) >= 0);
	va_end(args);
	assert_true(asprintf(&expected, "qemu-system-x86_64: -device %s: %s\n",
			     spec->device, message) >= 0);
	expect_end(vm, 1, expected);
	free(expected);
	free(message);
}

void group_expect_refusal_like(struct group *g, const struct vm_spec *spec,
			       const char *pattern)
{
	struct vm *vm = group_spawn(g, spec);
	char *text, *line;

	assert_true(asprintf(&line, "qemu-system-x86_64: -device %s: %s\n", spec->device,
			     pattern) >= 0);
	process_wait(&vm->process);
	text = process_take_output(&vm->process);
	if (fnmatch(line, text, 0))
		fail_msg("'%s' is not like '%s'", text, line);
	assert_int_equal(process_exit_code(&vm->process), 1);
	free(text);
	free(line);
}

bool group_object_exists(const struct group *g)
{
	return access(g->object, F_OK) == 0;
}
