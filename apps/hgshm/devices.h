/* SPDX-License-Identifier: MIT */
/* The hgshm devices of a guest. */
#ifndef HGSHM_DEVICES_H
#define HGSHM_DEVICES_H

#include <hgshm/hgshm.h>

#include "problem.h"

/**
 * struct device - one of them
 * @path: /dev/hgshmN
 * @error: 0, or why it can't be asked, a negative errno
 * @problem: that in words
 * @info: what it says, if it can
 */
struct device {
	char path[64];
	int error;
	struct problem problem;
	struct hgshm_info info;
};

struct devices {
	struct device *items;
	size_t count;
};

/* Those of this machine, by number. -errno with the problem set. */
int devices_read(struct devices *devices, struct problem *problem);
void devices_free(struct devices *devices);

#endif /* HGSHM_DEVICES_H */
