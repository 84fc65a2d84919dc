/* SPDX-License-Identifier: MIT */
/* The groups of this host, as the kernel shows them; no member notices. */
#ifndef HGSHM_GROUPS_H
#define HGSHM_GROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hgshm/regs.h>

#include "names.h"
#include "problem.h"
#include "process.h"

enum group_state {
	GROUP_LIVE,		/* its mapper is there */
	GROUP_ORPHANED,		/* others are, who wait for a mapper */
	GROUP_STALE,		/* nobody has its memory */
	GROUP_UNUSED,		/* the same, but the name does not say that it is a group's */
	GROUP_UNKNOWN,		/* this user may not see who has it */
};

/**
 * struct member - a process in a group
 * @pid: its number
 * @program: its name
 * @kind: a QEMU, or a program with the library
 * @index: its place, -1 if it can't be told from outside
 */
struct member {
	pid_t pid;
	char program[32];
	enum process_kind kind;
	int index;
};

/**
 * struct group - a memory, and who has it
 * @name: the shmid
 * @state: see enum group_state
 * @object: it is /dev/shm/@name
 * @sealed: it is memfds
 * @bytes: all of it, 0 if that can't be known
 * @owner: the user it belongs to
 * @socket: where its mapper listens, "" if that can't be known
 * @members: who is in
 * @member_count: how many
 */
struct group {
	char name[256];
	enum group_state state;
	bool object;
	bool sealed;
	uint64_t bytes;
	uid_t owner;
	char socket[128];
	struct member *members;
	size_t member_count;
	struct names slices;
	uint64_t slice_bytes;
	bool has_mapper;
};

/**
 * struct groups - all of them
 * @items: sorted by name
 * @count: how many
 * @stale_sockets: paths of sockets that nobody listens at
 * @hidden: how many processes this user may not look into
 */
struct groups {
	struct group *items;
	size_t count;
	struct names stale_sockets;
	unsigned int hidden;
};

/* Looks below root, "" for this machine. -errno with the problem set. */
int groups_read(struct groups *groups, const char *root, struct problem *problem);
void groups_free(struct groups *groups);

struct group *groups_find(const struct groups *groups, const char *name);
const char *group_state_name(enum group_state state);
const char *process_kind_name(enum process_kind kind);

#endif /* HGSHM_GROUPS_H */
