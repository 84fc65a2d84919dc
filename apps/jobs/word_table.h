/* SPDX-License-Identifier: MIT */
/*
 * Counts of words: open addressing with linear probing, no wrap, and the slot chosen by
 * the hash's top bits, so that a table's own order is that of the hash but for the few
 * slots that probing displaced. Words of up to 16 bytes lie in their slot, padded
 * with NULs (which no word has); longer ones lie in memory of their own.
 */
#ifndef JOBS_WORD_TABLE_H
#define JOBS_WORD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHORT_WORD_BYTES 16

struct short_slot {
	uint64_t key[2];
	uint64_t count; /* 0: empty */
	uint64_t hash;
};

struct long_slot {
	uint64_t key_offset; /* in long_table.keys */
	uint64_t key_bytes;
	uint64_t count; /* 0: empty */
	uint64_t hash;
};

/*
 * After the 1 << bits slots that a hash can choose come some for what probing displaces;
 * the very last stays empty and ends every probe.
 */
struct short_table {
	struct short_slot *slots;
	unsigned int bits;
	size_t used;
};

struct long_table {
	struct long_slot *slots;
	unsigned int bits;
	size_t used;
	unsigned char *keys;
	size_t keys_bytes;
	size_t keys_room_bytes;
};

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

uint64_t long_hash(const unsigned char *key, size_t bytes, uint64_t seed);

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

static inline struct short_slot *short_home(const struct short_table *table, uint64_t hash)
{
	return table->slots + (hash >> (64 - table->bits));
}

int short_table_init(struct short_table *table);
void short_table_fini(struct short_table *table);

/* A word that the table may not have yet. */
int short_table_insert(struct short_table *table, const uint64_t key[2], uint64_t hash,
		       uint64_t count);

static inline int short_table_add(struct short_table *table, const uint64_t key[2], uint64_t hash,
				  uint64_t count)
{
	struct short_slot *slot = short_home(table, hash);

	for (; slot->count; slot++) {
		if (slot->key[0] == key[0] && slot->key[1] == key[1]) {
			slot->count += count;
			return 0;
		}
	}
	return short_table_insert(table, key, hash, count);
}

/* Moves the used slots to the front, in order of hash. Only reset may follow. */
void short_table_compact(struct short_table *table);

/* Moves the used slots to the front, in canonical order. Only fini may follow. */
void short_table_sort(struct short_table *table);

/* The same with so many levels of quicksort before heapsort; for tests. */
void short_table_sort_within(struct short_table *table, unsigned int depth);

/* Empties the table and makes it no larger than max_bytes, or the smallest there is. */
int short_table_reset(struct short_table *table, size_t max_bytes);

size_t short_table_bytes(const struct short_table *table);

/* The next words may double the table's memory. */
bool short_table_nearly_full(const struct short_table *table);

/* The same for longer words. */
int long_table_init(struct long_table *table);
void long_table_fini(struct long_table *table);
int long_table_add(struct long_table *table, const unsigned char *key, size_t key_bytes,
		   uint64_t hash, uint64_t count);
void long_table_compact(struct long_table *table);
int long_table_reset(struct long_table *table, size_t max_bytes);
size_t long_table_bytes(const struct long_table *table);

#endif /* JOBS_WORD_TABLE_H */
