/* SPDX-License-Identifier: MIT */
/*
 * Reading the input in chunks that end where a record ends. Bytes go straight from the
 * file to the buffer that the caller gives, past the page cache where that works.
 */
#ifndef COMMON_INPUT_H
#define COMMON_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

#define INPUT_ALIGN_BYTES 4096

struct input {
	const char *path;
	int fd;
	bool direct;		/* O_DIRECT is on */
	bool ended;
	const bool *separator;	/* see job_ops.separator */
	size_t chunk_bytes;
	uint64_t limit_bytes;	/* UINT64_MAX: to the end */
	uint64_t total_bytes;	/* 0: not known beforehand */
	uint64_t read_bytes;	/* so far */
	unsigned char *tail;	/* the record that the last chunk left open */
	size_t tail_bytes;
};

/* Where input_next put a chunk. */
struct chunk {
	size_t offset;		/* in the buffer */
	size_t bytes;
	uint64_t stream_offset;	/* in the whole input */
};

/*
 * chunk_bytes is a multiple of INPUT_ALIGN_BYTES. A path of "-" is standard input;
 * limit_bytes of 0 reads to the end.
 */
int input_open(struct input *input, const char *path, uint64_t limit_bytes, size_t chunk_bytes,
	       const bool *separator, struct problem *problem);
void input_close(struct input *input);

/*
 * Reads the next chunk into a buffer of input_buffer_bytes(), which is aligned to
 * INPUT_ALIGN_BYTES. Returns 1, or 0 at the end, or a negative errno: -EMSGSIZE for a
 * record longer than a chunk, -ENODATA for an input shorter than limit_bytes.
 */
int input_next(struct input *input, unsigned char *buffer, struct chunk *chunk,
	       struct problem *problem);

/* The first half takes the tail of the chunk before. */
static inline size_t input_buffer_bytes(size_t chunk_bytes)
{
	return 2 * chunk_bytes;
}

#endif /* COMMON_INPUT_H */
