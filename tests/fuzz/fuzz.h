/* SPDX-License-Identifier: MIT */
/**
 * DOC: what the fuzz targets share
 *
 * A target's input is a script: bytes that are taken from its front one decision
 * at a time. Where it ends, each further byte is 0.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** fuzz_check() - a condition that no input may break; the fuzzer reports its end */
#define fuzz_check(condition, ...) do {					\
	if (!(condition)) {						\
		fprintf(stderr, "%s:%d: broken: " #condition ": ",	\
			__FILE__, __LINE__);				\
		fprintf(stderr, __VA_ARGS__);				\
		fputc('\n', stderr);					\
		abort();						\
	}								\
} while (0)

/**
 * struct fuzz_input - what is left of the script
 * @bytes: the next byte
 * @left: how many
 */
struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
};

/** fuzz_take() - Return: the next byte, 0 after the last */
uint8_t fuzz_take(struct fuzz_input *in);

/** fuzz_take_bytes() - Return: up to @want bytes, which stay the fuzzer's; how many in @got */
const uint8_t *fuzz_take_bytes(struct fuzz_input *in, size_t want, size_t *got);

/** fuzz_count_fds() - Return: how many file descriptors this process has open */
unsigned int fuzz_count_fds(void);

/**
 * fuzz_send() - send bytes with file descriptors, as far as the socket takes them
 * @sock: any socket; may be one that the other side has closed
 * @bytes: what to send
 * @count: how many
 * @fds: with the first byte
 * @fd_count: how many, at most %FUZZ_FDS_MAX
 */
void fuzz_send(int sock, const void *bytes, size_t count, const int *fds,
	       unsigned int fd_count);

/* The kernel's SCM_MAX_FD. */
#define FUZZ_FDS_MAX	253

#endif
