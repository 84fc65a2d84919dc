/* SPDX-License-Identifier: MIT */
/**
 * DOC: where a run keeps its sockets, its logs and its memory
 *
 * A group gets a directory of its own, so that any number of groups run side by
 * side. VMs that are started one by one share a directory, by default one per
 * user. The name of the memory is made from the directory, so that those who
 * share one also agree about the other.
 */
#ifndef HGSHM_LAUNCH_PLACES_H
#define HGSHM_LAUNCH_PLACES_H

#include <stdbool.h>

#include "options.h"

struct places {
	char *dir;
	char *log_dir;
	char *socket;
	char *shmid;
	char *qemu;
	char *kernel;
	char *initrd;
	unsigned int guest_tsc_khz;	/* 0: the guest finds out by itself */
	bool initrd_is_joined;	/* several files, to be joined in @dir */
	bool dir_is_private;	/* made for this run alone */
	bool dir_is_made;	/* by us; an empty one is removed at the end */
	bool keep_logs;
};

/**
 * places_choose() - name all of them; makes nothing, but for a group's directory
 * @p: filled in; for places_free() also after an error
 * @o: as parsed
 *
 * Return: 0, or -errno after one line to the user.
 */
int places_choose(struct places *p, const struct launch_options *o);

/**
 * places_make() - make the directories, and join the initial file systems
 *
 * Return: 0, or -errno after one line to the user.
 */
int places_make(struct places *p, const struct launch_options *o);

/**
 * places_wire(), places_console(), places_log() - names of one VM's files, for free()
 * @what: "log", "out", "dmesg" ...
 *
 * Return: a path, or NULL if memory ran out.
 */
char *places_wire(const struct places *p, unsigned int index);
char *places_console(const struct places *p, unsigned int index);
char *places_log(const struct places *p, unsigned int index, const char *what);

/**
 * places_clean() - remove what this run left: sockets, memory, logs, directory
 * @failed: a private directory keeps its logs, and the user is told where
 */
void places_clean(const struct places *p, const struct launch_options *o, bool failed);

void places_free(struct places *p);

#endif
