/* SPDX-License-Identifier: MIT */
/**
 * DOC: showing what a VM says
 *
 * With a prefix, whole lines are shown, each with the VM's name in front and
 * with control characters made harmless, so that VMs do not garble each other.
 * Without one, bytes are shown as they come, as a live progress line needs it.
 */
#ifndef HGSHM_LAUNCH_OUTPUT_H
#define HGSHM_LAUNCH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OUTPUT_LINE_BYTES	512

struct output {
	FILE *stream;
	FILE *log;	/* a copy of it all; NULL for none */
	unsigned int index;
	bool prefix;
	bool muted;	/* to the log alone */
	bool after_cr;
	size_t line_bytes;
	char line[OUTPUT_LINE_BYTES];
};

/** output_byte() - take one byte; shown at the latest by output_flush() */
void output_byte(struct output *out, char byte);

/** output_flush() - hand on what was taken, but for an unfinished line */
void output_flush(struct output *out);

/** output_end() - show an unfinished line as well, and close the log */
void output_end(struct output *out);

#endif
