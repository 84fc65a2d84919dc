/* SPDX-License-Identifier: MIT */
/* Finding words, a block at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "word_scan.h"

#define HEAD_START_BYTES 256

const bool word_separator[256] = {
	[0 ... '\'' - 1] = true,
	['\'' + 1 ... '0' - 1] = true,
	['9' + 1 ... 'A' - 1] = true,
	['Z' + 1 ... 'a' - 1] = true,
	['z' + 1 ... 0x7F] = true,
};

static size_t memory_bytes(size_t head_bytes)
{
	return head_bytes + WORD_BLOCK_BYTES + WORD_READ_AHEAD_BYTES;
}

int word_scanner_init(struct word_scanner *scanner)
{
	scanner->head_bytes = HEAD_START_BYTES;
	scanner->memory = calloc(1, memory_bytes(scanner->head_bytes));
	return scanner->memory ? 0 : -ENOMEM;
}

void word_scanner_fini(struct word_scanner *scanner)
{
	free(scanner->memory);
}

/* Moves the open word at the block's end to just before the block. */
static int carry(struct word_scanner *scanner, int32_t start, size_t block_bytes)
{
	size_t word_bytes = block_bytes - start;
	unsigned char *block;

	if (word_bytes > scanner->head_bytes) {
		size_t head_bytes = 2 * word_bytes;
		unsigned char *memory = calloc(1, memory_bytes(head_bytes));

		if (!memory)
			return -ENOMEM;
		memcpy(memory + head_bytes - word_bytes,
		       scanner->memory + scanner->head_bytes + start, word_bytes);
		free(scanner->memory);
		scanner->memory = memory;
		scanner->head_bytes = head_bytes;
		return 0;
	}
	block = scanner->memory + scanner->head_bytes;
	memmove(block - word_bytes, block + start, word_bytes);
	return 0;
}

/* Writes the places of the set bits; may write up to three entries more than it returns. */
static inline size_t put_edges(int32_t *out, int32_t at, uint64_t bits)
{
	size_t count = __builtin_popcountll(bits);

	for (size_t i = 0; i < count; i += 4) {
		for (size_t j = 0; j < 4; j++) {
			out[i + j] = at + __builtin_ctzll(bits | UINT64_C(1) << 63);
			bits &= bits - 1;
		}
	}
	return count;
}

static inline __attribute__((always_inline)) size_t
find_edges(int32_t *edges, size_t count, const unsigned char *in, unsigned char *out,
	   size_t bytes, word_fold_fn *fold)
{
	uint64_t before = count & 1; /* the byte before is in a word */
	size_t at = 0;

	for (; at + 64 <= bytes; at += 64) {
		uint64_t mask = fold(in + at, out + at);

		count += put_edges(edges + count, at, mask ^ (mask << 1 | before));
		before = mask >> 63;
	}
	if (at < bytes) {
		unsigned char last[64] = { 0 }, folded[64];
		uint64_t mask;

		memcpy(last, in + at, bytes - at);
		mask = fold(last, folded);
		memcpy(out + at, folded, bytes - at);
		count += put_edges(edges + count, at, mask ^ (mask << 1 | before));
	}
	return count;
}

int word_scan(struct word_scanner *scanner, const void *chunk, size_t bytes,
	      const struct word_sink *sink)
{
	word_fold_fn *fold = word_fold_best();
	const unsigned char *in = chunk;
	int32_t *edges = scanner->edges;
	size_t carried_bytes = 0;
	int ret;

	while (bytes) {
		size_t block_bytes = bytes < WORD_BLOCK_BYTES ? bytes : WORD_BLOCK_BYTES;
		unsigned char *block = scanner->memory + scanner->head_bytes;
		size_t count = 0;

		if (carried_bytes)
			edges[count++] = -(int32_t)carried_bytes;
		count = find_edges(edges, count, in, block, block_bytes, fold);
		in += block_bytes;
		bytes -= block_bytes;
		if (!bytes && count & 1)
			edges[count++] = block_bytes;
		ret = sink->words(sink->arg, block, edges, count / 2);
		if (ret)
			return ret;
		carried_bytes = 0;
		if (count & 1) {
			int32_t start = edges[count - 1];

			ret = carry(scanner, start, block_bytes);
			if (ret)
				return ret;
			carried_bytes = block_bytes - start;
		}
	}
	return 0;
}
