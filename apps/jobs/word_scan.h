/* SPDX-License-Identifier: MIT */
/*
 * Finding words. A word is a longest run of letters A to Z and a to z, digits,
 * apostrophes, and bytes from 0x80 up; A to Z are folded to a to z.
 */
#ifndef JOBS_WORD_SCAN_H
#define JOBS_WORD_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_BLOCK_BYTES 16384
#define WORD_READ_AHEAD_BYTES 16 /* readable after each word, of any content */

/* Whether a byte value ends a word. */
extern const bool word_separator[256];

/* Whether a byte can be in a folded word. */
static inline bool word_byte(unsigned char byte)
{
	return !word_separator[byte] && !(byte >= 'A' && byte <= 'Z');
}

/**
 * struct word_scanner - memory that a scan works in
 * @memory: bytes of a word that began in an earlier block, then the folded block
 * @head_bytes: room before the block
 * @edges: where words start and end, in turns, relative to the block
 */
struct word_scanner {
	unsigned char *memory;
	size_t head_bytes;
	int32_t edges[WORD_BLOCK_BYTES + 2 + 4];
};

/**
 * struct word_sink - takes the words
 * @words: @count words; number i is base[edges[2i]] up to base[edges[2i + 1]]
 * @arg: for @words
 */
struct word_sink {
	int (*words)(void *arg, const unsigned char *base, const int32_t *edges, size_t count);
	void *arg;
};

int word_scanner_init(struct word_scanner *scanner);
void word_scanner_fini(struct word_scanner *scanner);

/* Hands all words of a chunk to the sink; the chunk's end ends a word. */
int word_scan(struct word_scanner *scanner, const void *chunk, size_t bytes,
	      const struct word_sink *sink);

/*
 * Folds 64 bytes and returns a bit for each that belongs to a word. There are several
 * ways to do it; word_fold_best is the fastest one here, word_fold_at each of them.
 */
typedef uint64_t word_fold_fn(const unsigned char *in, unsigned char *out);
word_fold_fn *word_fold_best(void);

/* Number i of those that this CPU can run, or NULL past the last. */
word_fold_fn *word_fold_at(size_t i);

#endif /* JOBS_WORD_SCAN_H */
