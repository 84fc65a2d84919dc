// SPDX-License-Identifier: MIT
#include "pattern.h"

/* Each position by itself: a page that went astray shows. */
static uint8_t pattern_byte(size_t position, uint32_t seed)
{
	uint64_t x = (uint64_t)position / 8 + ((uint64_t)seed << 40);

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
	x = (x ^ x >> 27) * 0x94D049BB133111EB;
	return (x ^ x >> 31) >> position % 8 * 8;
}

void pattern_fill(uint8_t *at, size_t bytes, uint32_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = pattern_byte(i, seed);
}

size_t pattern_find_other(const uint8_t *at, size_t bytes, uint32_t seed)
{
	size_t i = 0;

	while (i < bytes && at[i] == pattern_byte(i, seed))
		i++;
	return i;
}
