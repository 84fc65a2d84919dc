// SPDX-License-Identifier: MIT
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_message(struct guest *g)
{
	int status;
	int end = 0;

	if (!strncmp(g->message, "barrier ", 8) && g->message[8]) {
		strcpy(g->barrier, g->message);
		return 0;
	}
	if (sscanf(g->message, "status %3d%n", &status, &end) == 1 &&
	    !g->message[end] && status >= 0 && status <= 255) {
		g->status = status;
		return 0;
	}
	return -EPROTO;
}

int guest_take(struct guest *g, const char *bytes, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count; i++) {
		if (!g->in_message && bytes[i] == GUEST_MESSAGE_MARK) {
			g->in_message = true;
			g->message_bytes = 0;
		} else if (!g->in_message) {
			output_byte(&g->output, bytes[i]);
		} else if (bytes[i] == '\n') {
			g->message[g->message_bytes] = '\0';
			g->in_message = false;
			if (take_message(g))
				error = -EPROTO;
		} else if (g->message_bytes + 1 < sizeof(g->message)) {
			g->message[g->message_bytes++] = bytes[i];
		} else {
			g->in_message = false;
			error = -EPROTO;
		}
	}
	output_flush(&g->output);
	return error;
}
