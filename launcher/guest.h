/* SPDX-License-Identifier: MIT */
/**
 * DOC: what a guest tells the launcher
 *
 * One virtio-serial port, hgshm.out, carries a guest's output. A line in it that
 * starts with byte 1 is meant for the launcher and not shown:
 *
 * =================  =====================================================
 * ``barrier NAME``   the guest waits for "barrier NAME" as an answer on the
 *                    same port, sent when each VM that still runs asked for it
 * ``status NUMBER``  its script has ended with this exit status
 * =================  =====================================================
 *
 * Output and messages share a port so that they keep their order: once a barrier
 * is reached, all that the guest wrote before it has been shown. Nothing that a
 * guest sends is trusted: what is no message makes that VM fail.
 */
#ifndef HGSHM_LAUNCH_GUEST_H
#define HGSHM_LAUNCH_GUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"

#define GUEST_MESSAGE_MARK	'\001'
#define GUEST_MESSAGE_BYTES	96
#define GUEST_NO_STATUS		(-1)

struct guest {
	struct output output;
	bool in_message;
	size_t message_bytes;
	char message[GUEST_MESSAGE_BYTES];
	char barrier[GUEST_MESSAGE_BYTES];	/* "" while it is at none */
	int status;				/* GUEST_NO_STATUS, or 0 to 255 */
};

/**
 * guest_take() - read what came from the port
 * @g: zeroed at first, but for @output and @status
 *
 * Return: 0, or -EPROTO if there is a message that is none.
 */
int guest_take(struct guest *g, const char *bytes, size_t count);

#endif
