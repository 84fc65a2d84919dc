/* SPDX-License-Identifier: MIT */
/*
 * Takes a job's results: writes them in canonical form, a line "COUNT<tab>KEY" each, and
 * remembers the first few.
 */
#ifndef COMMON_RESULTS_H
#define COMMON_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job.h"
#include "problem.h"

#define RESULTS_TOP_MAX 1000
#define RESULTS_BUFFER_BYTES 65536

struct top_result {
	uint64_t count;
	size_t key_bytes;
	char *key;
};

struct results {
	const char *path;	/* or NULL: nowhere */
	int fd;
	bool regular;		/* a file that a failure removes */
	uint32_t crc32c;	/* of the canonical form */
	size_t used;		/* of buffer */
	unsigned char buffer[RESULTS_BUFFER_BYTES];
	unsigned int top_wanted;
	unsigned int top_used;
	struct top_result *top;
};

/* path may be a file, which is made or emptied, a pipe or a character device, or NULL. */
int results_open(struct results *results, const char *path, unsigned int top,
		 struct problem *problem);

/* A job_sink for them. */
struct job_sink results_sink(struct results *results);

/* Writes out what is left. */
int results_finish(struct results *results, struct problem *problem);

/* Frees all; unless kept, also removes the file. */
void results_close(struct results *results, bool kept);

/* Writes all bytes, however few the other side takes at a time. */
int write_fully(int fd, const void *data, size_t bytes);

#endif /* COMMON_RESULTS_H */
