/* SPDX-License-Identifier: MIT */
/* What a person calls a place, turned into what hgshm_open() takes. */
#ifndef HGSHM_PLACE_H
#define HGSHM_PLACE_H

#include <hgshm/hgshm.h>

#include "problem.h"

/**
 * place_open() - take a place in a group
 * @h: receives the handle
 * @place: a device, a socket, a group's name or a URI; NULL: the first device of this
 *	guest, else the only group on this host
 * @problem: receives a line that names the place
 *
 * Return: 0 or -errno.
 */
int place_open(struct hgshm **h, const char *place, struct problem *problem);

#endif /* HGSHM_PLACE_H */
