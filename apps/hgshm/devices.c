/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"

static void ask(struct device *device, const char *path)
{
	struct hgshm *h;
	int ret;

	snprintf(device->path, sizeof(device->path), "%s", path);
	ret = hgshm_open(&h, path, NULL);
	if (!ret) {
		ret = hgshm_get_info(h, &device->info);
		hgshm_close(h);
		device->info.shmid[sizeof(device->info.shmid) - 1] = '\0';
	}
	if (ret)
		problem_set(&device->problem, ret, "%s", hgshm_strerror(ret));
	device->error = ret;
}

static int compare(const void *a, const void *b)
{
	return strverscmp(((const struct device *)a)->path, ((const struct device *)b)->path);
}

int devices_read(struct devices *devices, struct problem *problem)
{
	glob_t found;
	int ret;

	*devices = (struct devices){ 0 };
	ret = glob("/dev/hgshm[0-9]*", 0, NULL, &found);
	if (ret == GLOB_NOMATCH)
		return 0;
	if (ret)
		return problem_set(problem, -EIO, "/dev: it can't be searched");
	devices->items = calloc(found.gl_pathc, sizeof(*devices->items));
	if (devices->items)
		devices->count = found.gl_pathc;
	for (size_t i = 0; i < devices->count; i++)
		ask(&devices->items[i], found.gl_pathv[i]);
	globfree(&found);
	if (!devices->items)
		return problem_set(problem, -ENOMEM, "no memory");
	qsort(devices->items, devices->count, sizeof(*devices->items), compare);
	return 0;
}

void devices_free(struct devices *devices)
{
	free(devices->items);
	*devices = (struct devices){ 0 };
}
