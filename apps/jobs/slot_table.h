/* SPDX-License-Identifier: MIT */
/*
 * Slots found by hash: open addressing with linear probing, no wrap, and the slot chosen by
 * the hash's top bits, so that a table's own order is that of the hash but for the few
 * slots that probing displaced. What a key's two words mean, and when two keys are the
 * same, its users know.
 */
#ifndef JOBS_SLOT_TABLE_H
#define JOBS_SLOT_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct slot {
	uint64_t key[2];
	uint64_t count; /* 0: empty */
	uint64_t hash;
};

/*
 * After the 1 << bits slots that a hash can choose come some for what probing displaces;
 * the very last stays empty and ends every probe.
 */
struct slot_table {
	struct slot *slots;
	unsigned int bits;
	unsigned int bits_min;
	size_t used;
};

/* The first slot to look at, and on from there up to an empty one. */
static inline struct slot *slot_home(const struct slot_table *table, uint64_t hash)
{
	return table->slots + (hash >> (64 - table->bits));
}

int slot_table_init(struct slot_table *table, unsigned int bits_min);
void slot_table_fini(struct slot_table *table);

/* A key that the table may not have yet. */
int slot_table_insert(struct slot_table *table, const uint64_t key[2], uint64_t hash,
		      uint64_t count);

/* Moves the used slots to the front, in order of hash. Only reset may follow. */
void slot_table_compact(struct slot_table *table);

/* Empties the table and makes it no larger than max_bytes, or the smallest there is. */
int slot_table_reset(struct slot_table *table, size_t max_bytes);

size_t slot_table_bytes(const struct slot_table *table);

#endif /* JOBS_SLOT_TABLE_H */
