/* SPDX-License-Identifier: MIT */
/* Unix sockets with a path that somebody listens at, and locks on files. */
#ifndef HGSHM_LISTENERS_H
#define HGSHM_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/**
 * struct listener - a listening unix socket
 * @inode: as /proc/PID/fd names it
 * @path: where; may be relative to a folder that can't be known
 */
struct listener {
	uint64_t inode;
	char path[128];
};

struct listeners {
	struct listener *items;
	size_t count;
};

/* Reads ROOT/proc/net/unix; -errno. */
int listeners_read(struct listeners *listeners, const char *root);

/*
 * Whether somebody may listen at the socket @path of @root, which is @st: by this path, by
 * another that leads there, or by a relative one that ends alike.
 */
bool listeners_may_have(const struct listeners *listeners, const char *root, const char *path,
			const struct stat *st);
void listeners_free(struct listeners *listeners);

/* Who holds an exclusive flock on the file, by ROOT/proc/locks: 0 nobody, -1 cannot be told. */
pid_t lock_holder(const char *root, dev_t dev, ino_t ino);

#endif /* HGSHM_LISTENERS_H */
