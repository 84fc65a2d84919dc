/* SPDX-License-Identifier: MIT */
/** DOC: the QEMU command line of one VM */
#ifndef HGSHM_LAUNCH_COMMAND_H
#define HGSHM_LAUNCH_COMMAND_H

#include "args.h"
#include "options.h"
#include "places.h"

/**
 * struct channels - sockets that QEMU inherits, the other ends being ours
 * @out: what the guest shows its user and tells us, see guest.h
 * @qmp: QEMU's monitor
 */
struct channels {
	int out;
	int qmp;
};

/**
 * command_build() - write the command line of VM @index
 * @a: zeroed; the program's name comes first
 * @fds: NULL for a command that stands alone, without us: its channels become
 *	files, and its console is the terminal
 * @console_is_terminal: the guest's console is our terminal, not a log file
 */
void command_build(struct args *a, const struct launch_options *o,
		   const struct places *p, unsigned int index,
		   const struct channels *fds, bool console_is_terminal);

/** command_print() - all that a user would have to type for these VMs */
void command_print(const struct launch_options *o, const struct places *p);

#endif
