/* SPDX-License-Identifier: MIT */
/* Sockets of groups that a mapper left when it was killed. */
#ifndef HGSHM_STALE_SOCKETS_H
#define HGSHM_STALE_SOCKETS_H

#include "listeners.h"
#include "names.h"

/*
 * Adds the paths of sockets that nobody listens at, in ROOT/tmp, ROOT/run and the user's
 * runtime directory and in what is directly below these, if the path says "hgshm" and
 * this user may remove them: they are the user's own, or the user is root. -ENOMEM, or 0;
 * what can't be read is passed over.
 */
int stale_sockets_find(struct names *paths, const char *root, const struct listeners *listeners);

#endif /* HGSHM_STALE_SOCKETS_H */
