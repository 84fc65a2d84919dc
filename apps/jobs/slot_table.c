/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slot_table.h"

#define BITS_MAX 40
#define DISPLACED_SLOTS 64

static size_t table_slots(unsigned int bits)
{
	return ((size_t)1 << bits) + DISPLACED_SLOTS;
}

static int allocate(struct slot_table *table, unsigned int bits)
{
	struct slot *slots = calloc(table_slots(bits), sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	table->slots = slots;
	table->bits = bits;
	table->used = 0;
	return 0;
}

int slot_table_init(struct slot_table *table, unsigned int bits_min)
{
	table->bits_min = bits_min;
	return allocate(table, bits_min);
}

void slot_table_fini(struct slot_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

/* NULL if the end is reached. The key must not be there yet. */
static struct slot *empty_slot(const struct slot_table *table, uint64_t hash)
{
	const struct slot *end = table->slots + table_slots(table->bits) - 1;
	struct slot *slot = slot_home(table, hash);

	while (slot->count)
		slot++;
	return slot == end ? NULL : slot;
}

static int grow(struct slot_table *table)
{
	struct slot_table larger = *table;
	unsigned int bits = table->bits;
	int ret;

again:
	if (++bits > BITS_MAX)
		return -ENOMEM;
	ret = allocate(&larger, bits);
	if (ret)
		return ret;
	for (size_t i = 0; i < table_slots(table->bits); i++) {
		const struct slot *from = table->slots + i;
		struct slot *to;

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

int slot_table_insert(struct slot_table *table, const uint64_t key[2], uint64_t hash,
		      uint64_t count)
{
	struct slot *slot = NULL;
	int ret;

	if (table->used < (size_t)1 << (table->bits - 1))
		slot = empty_slot(table, hash);
	while (!slot) {
		ret = grow(table);
		if (ret)
			return ret;
		slot = empty_slot(table, hash);
	}
	*slot = (struct slot){ { key[0], key[1] }, count, hash };
	table->used++;
	return 0;
}

void slot_table_compact(struct slot_table *table)
{
	size_t end = table_slots(table->bits), kept = 0;

	/* Probing displaces a slot by a few places at most, so inserting is nearly linear. */
	for (size_t i = 0; i < end; i++) {
		struct slot slot = table->slots[i];
		size_t at = kept;

		if (!slot.count)
			continue;
		for (; at && table->slots[at - 1].hash > slot.hash; at--)
			table->slots[at] = table->slots[at - 1];
		table->slots[at] = slot;
		kept++;
	}
}

int slot_table_reset(struct slot_table *table, size_t max_bytes)
{
	unsigned int bits = table->bits;

	while (bits > table->bits_min && table_slots(bits) * sizeof(*table->slots) > max_bytes)
		bits--;
	if (bits != table->bits) {
		slot_table_fini(table);
		return allocate(table, bits);
	}
	memset(table->slots, 0, slot_table_bytes(table));
	table->used = 0;
	return 0;
}

size_t slot_table_bytes(const struct slot_table *table)
{
	return table_slots(table->bits) * sizeof(*table->slots);
}
