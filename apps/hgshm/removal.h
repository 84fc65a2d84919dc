/* SPDX-License-Identifier: MIT */
/* Takes the names of memory objects and sockets away, unless somebody has them. */
#ifndef HGSHM_REMOVAL_H
#define HGSHM_REMOVAL_H

#include <stdbool.h>

#include "problem.h"

/**
 * enum removal - what may be removed
 * @REMOVAL_FOUND: what a search found in a folder that others may write to: the folder is
 *	no symbolic link by now
 * @REMOVAL_NAMED: what a person named, through any links to its folder
 * @REMOVAL_FORCED: the same, even if somebody has it
 */
enum removal {
	REMOVAL_FOUND,
	REMOVAL_NAMED,
	REMOVAL_FORCED,
};

/* The object of that name in /dev/shm below root. -errno with the problem set. */
int removal_object(const char *root, const char *name, enum removal how, struct problem *problem);
int removal_socket(const char *path, enum removal how, struct problem *problem);

#endif /* HGSHM_REMOVAL_H */
