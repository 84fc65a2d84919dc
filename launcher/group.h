/* SPDX-License-Identifier: MIT */
/** DOC: running the VMs, all of a group or one, until they have ended */
#ifndef HGSHM_LAUNCH_GROUP_H
#define HGSHM_LAUNCH_GROUP_H

#include "options.h"
#include "places.h"

/**
 * group_run() - start the VMs and stay until none runs
 *
 * VM 0 is started first, the others once its QEMU is ready for them. When a VM
 * fails, when a signal to end comes, or when time is up, all are stopped: by
 * SIGTERM, and by SIGKILL 5 s later. SIGINT, SIGTERM, SIGHUP and SIGCHLD are
 * blocked from then on.
 *
 * Return: the exit status as main() owes it.
 */
int group_run(const struct launch_options *o, const struct places *p);

#endif
