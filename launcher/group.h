/* SPDX-License-Identifier: MIT */
/** DOC: running the VMs, all of a group or one, until they have ended */
#ifndef HGSHM_LAUNCH_GROUP_H
#define HGSHM_LAUNCH_GROUP_H

#include "options.h"
#include "places.h"

/**
 * group_block_signals() - from now on signals are kept for group_run()
 *
 * SIGINT, SIGTERM, SIGHUP and SIGCHLD are blocked, SIGPIPE is ignored. To be
 * called before anything is made that has to be removed again.
 *
 * Return: a descriptor for group_run(), or -errno after one line to the user.
 */
int group_block_signals(void);

/**
 * group_run() - start the VMs and stay until none runs
 * @signal_fd: from group_block_signals()
 *
 * VM 0 is started first, the others once its QEMU is ready for them. When a VM
 * fails, when a signal to end comes, or when time is up, all are stopped: by
 * SIGTERM, and by SIGKILL 5 s later.
 *
 * Return: the exit status as main() owes it.
 */
int group_run(const struct launch_options *o, const struct places *p, int signal_fd);

#endif
