/* SPDX-License-Identifier: MIT */
/* How far a job is: one live line on a terminal, a line a second elsewhere. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "coordinator.h"

enum progress_mode {
	PROGRESS_AUTO,
	PROGRESS_LIVE,
	PROGRESS_LINES,
	PROGRESS_NEVER,
};

struct progress {
	FILE *out;
	enum progress_mode mode;
	int64_t start_ns;
	int64_t shown_ns;
	bool line_open;
};

/* auto chooses by what out is. */
void progress_begin(struct progress *progress, FILE *out, enum progress_mode mode);

/* A progress_sink's show, with a struct progress as arg. */
void progress_show(void *arg, uint64_t done_bytes, uint64_t total_bytes);

/* Takes a live line away. */
void progress_end(struct progress *progress);

#endif /* COMMON_PROGRESS_H */
