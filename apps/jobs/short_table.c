/* SPDX-License-Identifier: MIT */
/* Counts of words that fit a slot. */
#include <errno.h>
#include <stdlib.h>

#include "word_table.h"

#define BITS_MIN 12
#define BITS_MAX 40
#define DISPLACED_SLOTS 64

static size_t table_slots(unsigned int bits)
{
	return ((size_t)1 << bits) + DISPLACED_SLOTS;
}

static int allocate(struct short_table *table, unsigned int bits)
{
	struct short_slot *slots = calloc(table_slots(bits), sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	table->slots = slots;
	table->bits = bits;
	table->used = 0;
	return 0;
}

int short_table_init(struct short_table *table)
{
	return allocate(table, BITS_MIN);
}

void short_table_fini(struct short_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

/* NULL if the end is reached. The key must not be there yet. */
static struct short_slot *empty_slot(const struct short_table *table, uint64_t hash)
{
	const struct short_slot *end = table->slots + table_slots(table->bits) - 1;
	struct short_slot *slot = short_home(table, hash);

	while (slot->count)
		slot++;
	return slot == end ? NULL : slot;
}

static int grow(struct short_table *table)
{
	struct short_table larger;
	unsigned int bits = table->bits;
	int ret;

again:
	if (++bits > BITS_MAX)
		return -ENOMEM;
	ret = allocate(&larger, bits);
	if (ret)
		return ret;
	for (size_t i = 0; i < table_slots(table->bits); i++) {
		const struct short_slot *from = table->slots + i;
		struct short_slot *to;

		if (!from->count)
			continue;
		to = empty_slot(&larger, from->hash);
		if (!to) {
			free(larger.slots);
			goto again;
		}
		*to = *from;
	}
	larger.used = table->used;
	free(table->slots);
	*table = larger;
	return 0;
}

int short_table_insert(struct short_table *table, const uint64_t key[2], uint64_t hash,
		       uint64_t count)
{
	struct short_slot *slot = NULL;
	int ret;

	if (table->used < (size_t)1 << (table->bits - 1))
		slot = empty_slot(table, hash);
	while (!slot) {
		ret = grow(table);
		if (ret)
			return ret;
		slot = empty_slot(table, hash);
	}
	*slot = (struct short_slot){ { key[0], key[1] }, count, hash };
	table->used++;
	return 0;
}

void short_table_compact(struct short_table *table)
{
	size_t end = table_slots(table->bits), kept = 0;

	/* Probing displaces a slot by a few places at most, so inserting is nearly linear. */
	for (size_t i = 0; i < end; i++) {
		struct short_slot slot = table->slots[i];
		size_t at = kept;

		if (!slot.count)
			continue;
		for (; at && table->slots[at - 1].hash > slot.hash; at--)
			table->slots[at] = table->slots[at - 1];
		table->slots[at] = slot;
		kept++;
	}
}

int short_table_reset(struct short_table *table, size_t max_bytes)
{
	unsigned int bits = table->bits;

	while (bits > BITS_MIN && table_slots(bits) * sizeof(*table->slots) > max_bytes)
		bits--;
	if (bits != table->bits) {
		free(table->slots);
		table->slots = NULL;
		return allocate(table, bits);
	}
	memset(table->slots, 0, short_table_bytes(table));
	table->used = 0;
	return 0;
}

size_t short_table_bytes(const struct short_table *table)
{
	return table_slots(table->bits) * sizeof(*table->slots);
}

bool short_table_nearly_full(const struct short_table *table)
{
	return table->used >= (size_t)3 << (table->bits - 3);
}
