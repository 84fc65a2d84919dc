/* SPDX-License-Identifier: MIT */
/*
 * Counts of words. Those of up to 16 bytes are their slot's key, padded with NULs (which
 * no word has); longer ones lie in memory of their own.
 */
#ifndef JOBS_WORD_TABLE_H
#define JOBS_WORD_TABLE_H

#include <stdbool.h>
#include <string.h>

#include "slot_table.h"

#define SHORT_WORD_BYTES 16
#define SHORT_TABLE_BITS_MIN 12

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * One multiplication with the high half folded into the low. The constants are odd
 * fractions of pi (0x243F6A88... and on), mixed with the seed.
 */
static inline uint64_t short_hash(const uint64_t key[2], uint64_t seed)
{
	return hash_mix(key[0] ^ seed ^ UINT64_C(0x243F6A8885A308D3),
			key[1] ^ (seed >> 32 | seed << 32) ^ UINT64_C(0x13198A2E03707345));
}

/* The word's bytes, NUL-padded. WORD_READ_AHEAD_BYTES after the word must be readable. */
static inline void short_key(uint64_t key[2], const unsigned char *word, size_t bytes)
{
	/* 16 times 0xFF, then 16 times 0; read from 16 - bytes on */
	static const unsigned char masks[32] = { [0 ... 15] = 0xFF };
	uint64_t part, mask;

	memcpy(&part, word, 8);
	memcpy(&mask, masks + 16 - bytes, 8);
	key[0] = part & mask;
	memcpy(&part, word + 8, 8);
	memcpy(&mask, masks + 24 - bytes, 8);
	key[1] = part & mask;
}

static inline size_t short_key_bytes(const uint64_t key[2])
{
	return strnlen((const char *)key, SHORT_WORD_BYTES);
}

/* Short words take a slot table as it is, but for what is here. */
static inline int short_table_init(struct slot_table *table)
{
	return slot_table_init(table, SHORT_TABLE_BITS_MIN);
}

static inline int short_table_add(struct slot_table *table, const uint64_t key[2], uint64_t hash,
				  uint64_t count)
{
	struct slot *slot = slot_home(table, hash);

	for (; slot->count; slot++) {
		if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
			slot->count += count;
			return 0;
		}
	}
	return slot_table_insert(table, key, hash, count);
}

/* The next words may double the table's memory. */
static inline bool short_table_nearly_full(const struct slot_table *table)
{
	return table->used >= (size_t)3 << (table->bits - 3);
}

/* Moves the used slots to the front, in canonical order. Only fini may follow. */
void short_table_sort(struct slot_table *table);

/* The same with so many levels of quicksort before heapsort; for tests. */
void short_table_sort_within(struct slot_table *table, unsigned int depth);

/* A slot's key is where its word lies in keys, and how many bytes it has. */
struct long_table {
	struct slot_table words;
	unsigned char *keys;
	size_t keys_bytes;
	size_t keys_room_bytes;
};

uint64_t long_hash(const unsigned char *key, size_t bytes, uint64_t seed);

static inline const unsigned char *long_key(const struct long_table *table,
					    const struct slot *slot)
{
	return table->keys + slot->key[0];
}

static inline size_t long_key_bytes(const struct slot *slot)
{
	return slot->key[1];
}

int long_table_init(struct long_table *table);
void long_table_fini(struct long_table *table);
int long_table_add(struct long_table *table, const unsigned char *key, size_t key_bytes,
		   uint64_t hash, uint64_t count);

/* Empties the table, and makes it the smallest there is if it is larger than max_bytes. */
int long_table_reset(struct long_table *table, size_t max_bytes);

size_t long_table_bytes(const struct long_table *table);

#endif /* JOBS_WORD_TABLE_H */
