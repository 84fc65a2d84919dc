/* SPDX-License-Identifier: MIT */
/* The meeting socket. */
#ifndef HGSHM_LIB_SOCKET_H
#define HGSHM_LIB_SOCKET_H

#include <stdint.h>
#include <sys/types.h>

struct hgshm_listener {
	int fd;
	dev_t dev;	/* of its name */
	ino_t ino;
};

/* Returns a descriptor. Blocks until deadline_ns (CLOCK_MONOTONIC) while the mapper's
 * queue is full; with 0, not at all. */
int hgshm_socket_connect(const char *path, int64_t deadline_ns);

/* A socket that nobody listens at makes room. */
int hgshm_socket_listen(struct hgshm_listener *listener, const char *path);

/* Closes it and removes its name, if that is still its own. */
void hgshm_socket_close(struct hgshm_listener *listener, const char *path);

#endif /* HGSHM_LIB_SOCKET_H */
