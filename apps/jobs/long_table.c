/* SPDX-License-Identifier: MIT */
/* Counts of words that do not fit a slot. They are rare, so this is plain. */
#include <errno.h>
#include <stdlib.h>

#include "word_table.h"

#define BITS_MIN 8
#define KEYS_MIN_BYTES 4096

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

int long_table_init(struct long_table *table)
{
	*table = (struct long_table){ 0 };
	return slot_table_init(&table->words, BITS_MIN);
}

void long_table_fini(struct long_table *table)
{
	slot_table_fini(&table->words);
	free(table->keys);
	table->keys = NULL;
}

/* Past the keys there are, and not yet one of them. */
static int copy_key(struct long_table *table, const unsigned char *key, size_t key_bytes)
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
	return 0;
}

int long_table_add(struct long_table *table, const unsigned char *key, size_t key_bytes,
		   uint64_t hash, uint64_t count)
{
	const uint64_t place[2] = { table->keys_bytes, key_bytes };
	struct slot *slot;
	int ret;

	for (slot = slot_home(&table->words, hash); slot->count; slot++) {
		if (slot->hash == hash && long_key_bytes(slot) == key_bytes &&
		    !memcmp(long_key(table, slot), key, key_bytes)) {
			slot->count += count;
			return 0;
		}
	}
	ret = copy_key(table, key, key_bytes);
	if (!ret)
		ret = slot_table_insert(&table->words, place, hash, count);
	if (!ret)
		table->keys_bytes += key_bytes;
	return ret;
}

int long_table_reset(struct long_table *table, size_t max_bytes)
{
	if (long_table_bytes(table) > max_bytes) {
		long_table_fini(table);
		return long_table_init(table);
	}
	table->keys_bytes = 0;
	return slot_table_reset(&table->words, max_bytes);
}

size_t long_table_bytes(const struct long_table *table)
{
	return slot_table_bytes(&table->words) + table->keys_room_bytes;
}
