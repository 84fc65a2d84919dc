/* SPDX-License-Identifier: MIT */
/* Counts of words that do not fit a slot. They are rare, so this is plain. */
#include <errno.h>
#include <stdlib.h>

#include "word_table.h"

#define BITS_MIN 8
#define BITS_MAX 40
#define DISPLACED_SLOTS 64
#define KEYS_MIN_BYTES 4096

static size_t table_slots(unsigned int bits)
{
	return ((size_t)1 << bits) + DISPLACED_SLOTS;
}

uint64_t long_hash(const unsigned char *key, size_t bytes, uint64_t seed)
{
	uint64_t hash = seed ^ bytes;

	for (; bytes > SHORT_WORD_BYTES; key += SHORT_WORD_BYTES, bytes -= SHORT_WORD_BYTES) {
		uint64_t part[2];

		memcpy(part, key, sizeof(part));
		hash = short_hash(part, hash);
	}
	if (bytes) {
		uint64_t part[2] = { 0 };

		memcpy(part, key, bytes);
		hash = short_hash(part, hash);
	}
	return hash;
}

static int allocate(struct long_table *table, unsigned int bits)
{
	struct long_slot *slots = calloc(table_slots(bits), sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	table->slots = slots;
	table->bits = bits;
	table->used = 0;
	return 0;
}

int long_table_init(struct long_table *table)
{
	*table = (struct long_table){ 0 };
	return allocate(table, BITS_MIN);
}

void long_table_fini(struct long_table *table)
{
	free(table->slots);
	free(table->keys);
	table->slots = NULL;
	table->keys = NULL;
}

static struct long_slot *home(const struct long_table *table, uint64_t hash)
{
	return table->slots + (hash >> (64 - table->bits));
}

static struct long_slot *empty_slot(const struct long_table *table, uint64_t hash)
{
	const struct long_slot *end = table->slots + table_slots(table->bits) - 1;
	struct long_slot *slot = home(table, hash);

	while (slot->count)
		slot++;
	return slot == end ? NULL : slot;
}

static int grow(struct long_table *table)
{
	struct long_table larger = *table;
	unsigned int bits = table->bits;
	int ret;

again:
	if (++bits > BITS_MAX)
		return -ENOMEM;
	ret = allocate(&larger, bits);
	if (ret)
		return ret;
	for (size_t i = 0; i < table_slots(table->bits); i++) {
		const struct long_slot *from = table->slots + i;
		struct long_slot *to;

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

static int keep_key(struct long_table *table, const unsigned char *key, size_t key_bytes)
{
	size_t wanted_bytes = table->keys_bytes + key_bytes;

	if (wanted_bytes > table->keys_room_bytes) {
		size_t room_bytes = 2 * wanted_bytes + KEYS_MIN_BYTES;
		unsigned char *keys = realloc(table->keys, room_bytes);

		if (!keys)
			return -ENOMEM;
		table->keys = keys;
		table->keys_room_bytes = room_bytes;
	}
	memcpy(table->keys + table->keys_bytes, key, key_bytes);
	table->keys_bytes = wanted_bytes;
	return 0;
}

int long_table_add(struct long_table *table, const unsigned char *key, size_t key_bytes,
		   uint64_t hash, uint64_t count)
{
	struct long_slot *slot;
	int ret;

	for (slot = home(table, hash); slot->count; slot++) {
		if (slot->hash == hash && slot->key_bytes == key_bytes &&
		    !memcmp(table->keys + slot->key_offset, key, key_bytes)) {
			slot->count += count;
			return 0;
		}
	}
	slot = NULL;
	if (table->used < (size_t)1 << (table->bits - 1))
		slot = empty_slot(table, hash);
	while (!slot) {
		ret = grow(table);
		if (ret)
			return ret;
		slot = empty_slot(table, hash);
	}
	ret = keep_key(table, key, key_bytes);
	if (ret)
		return ret;
	*slot = (struct long_slot){ table->keys_bytes - key_bytes, key_bytes, count, hash };
	table->used++;
	return 0;
}

void long_table_compact(struct long_table *table)
{
	size_t end = table_slots(table->bits), kept = 0;

	for (size_t i = 0; i < end; i++) {
		struct long_slot slot = table->slots[i];
		size_t at = kept;

		if (!slot.count)
			continue;
		for (; at && table->slots[at - 1].hash > slot.hash; at--)
			table->slots[at] = table->slots[at - 1];
		table->slots[at] = slot;
		kept++;
	}
}

int long_table_reset(struct long_table *table, size_t max_bytes)
{
	if (long_table_bytes(table) > max_bytes) {
		long_table_fini(table);
		return long_table_init(table);
	}
	memset(table->slots, 0, table_slots(table->bits) * sizeof(*table->slots));
	table->used = 0;
	table->keys_bytes = 0;
	return 0;
}

size_t long_table_bytes(const struct long_table *table)
{
	return table_slots(table->bits) * sizeof(*table->slots) + table->keys_room_bytes;
}
