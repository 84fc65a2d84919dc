/* SPDX-License-Identifier: MIT */
/** DOC: one running QEMU, and the channels to it */
#ifndef HGSHM_LAUNCH_VM_H
#define HGSHM_LAUNCH_VM_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest.h"
#include "options.h"
#include "output.h"
#include "places.h"

enum vm_state {
	VM_NOT_STARTED,
	VM_RUNNING,
	VM_ENDED,
};

/* The order in which they are polled. */
enum vm_channel {
	VM_CHANNEL_OUT,
	VM_CHANNEL_QMP,
	VM_CHANNEL_STDERR,
	VM_CHANNELS,
};

struct vm {
	unsigned int index;
	enum vm_state state;
	bool has_script;
	bool ready;		/* QEMU has made all devices and runs its main loop */
	pid_t pid;
	int wait_status;	/* as waitpid() gave it, once ended */
	int fds[VM_CHANNELS];	/* -1 once closed */
	struct guest guest;
	struct output qemu_says;
	size_t qmp_line_bytes;
	char qmp_line[512];
};

/**
 * vm_start() - start the QEMU of VM @index
 * @vm: filled in; vm_close() is due also after an error
 * @foreground: it stays in our process group, and the guest's console is our
 *	terminal
 *
 * The child dies with us (PR_SET_PDEATHSIG).
 *
 * Return: 0, or -errno after one line to the user.
 */
int vm_start(struct vm *vm, const struct launch_options *o,
	     const struct places *p, unsigned int index, bool foreground);

/**
 * vm_read() - take what came on one channel, without waiting
 *
 * A channel that is at its end is closed.
 *
 * Return: 0, or -EPROTO if the guest sent what it may not.
 */
int vm_read(struct vm *vm, enum vm_channel channel);

/** vm_answer_barrier() - let the guest go on; Return: 0 or -errno */
int vm_answer_barrier(struct vm *vm);

/**
 * vm_ended_well() - judge an ended VM, which we did not stop
 * @why: told if it did not; at least 128 bytes
 */
bool vm_ended_well(const struct vm *vm, char *why, size_t why_bytes);

/** vm_close() - take what is left on the channels, and close them */
void vm_close(struct vm *vm);

#endif
