/* SPDX-License-Identifier: MIT */
/* What /proc tells of one process that may be in a group. */
#ifndef HGSHM_PROCESS_H
#define HGSHM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "names.h"
#include "qemu_words.h"

#define SHM_FOLDER	"/dev/shm"

enum process_kind {
	PROCESS_OTHER,
	PROCESS_QEMU,
	PROCESS_LIBRARY,
};

/**
 * struct process - one process
 * @pid: its number
 * @program: its name
 * @kind: how it uses hgshm, if at all
 * @hidden: this user may not see its descriptors
 * @objects: names in /dev/shm that it has open or mapped
 * @slices: names of memfds that it has open or mapped
 * @slice_bytes: length of one of them, 0 if it can't be known
 * @sockets: inodes of its sockets
 * @socket_count: how many
 * @indices: bit i: a thread of the library serves it as member i
 * @devices: a QEMU's
 * @device_count: how many
 */
struct process {
	pid_t pid;
	char program[32];
	enum process_kind kind;
	bool hidden;
	struct names objects;
	struct names slices;
	uint64_t slice_bytes;
	uint64_t *sockets;
	size_t socket_count;
	uint64_t indices;
	struct qemu_device devices[QEMU_DEVICES_MAX];
	size_t device_count;
};

/* Reads what is below ROOT/proc/PID. -ESRCH if it is gone, -ENOMEM. */
int process_read(struct process *process, const char *root, pid_t pid);
void process_free(struct process *process);

#endif /* HGSHM_PROCESS_H */
