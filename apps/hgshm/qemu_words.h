/* SPDX-License-Identifier: MIT */
/* What a QEMU's command line says of its hgshm devices. */
#ifndef HGSHM_QEMU_WORDS_H
#define HGSHM_QEMU_WORDS_H

#include <stddef.h>

#include <hgshm/regs.h>

#define QEMU_DEVICES_MAX	8

/**
 * struct qemu_device - one -device hgshm
 * @shmid: name of its group, "" if the command line does not say
 * @index: -1 if it does not say
 * @socket: path of its chardev as given, "" likewise
 */
struct qemu_device {
	char shmid[HGSHM_SHMID_BYTES];
	char socket[128];
	int index;
};

/* How many devices the NUL-separated words of a /proc/PID/cmdline have. */
size_t qemu_words_devices(const char *words, size_t bytes,
			  struct qemu_device devices[QEMU_DEVICES_MAX]);

#endif /* HGSHM_QEMU_WORDS_H */
