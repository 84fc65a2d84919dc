/* SPDX-License-Identifier: MIT */
/* CRC-32C, eight bytes a step by eight tables. */
#include <pthread.h>
#include <string.h>

#include "crc32c.h"

#define POLYNOMIAL 0x82F63B78u

/* tables[n][b]: the effect of byte b with n more bytes after it */
static uint32_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		tables[0][byte] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (uint32_t byte = 0; byte < 256; byte++)
			tables[n][byte] = tables[n - 1][byte] >> 8 ^
					  tables[0][tables[n - 1][byte] & 0xFF];
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	pthread_once(&once, fill_tables);
	crc = ~crc;
	for (; bytes >= 8; at += 8, bytes -= 8) {
		uint32_t low = crc ^ (at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24);

		crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^
		      tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
		      tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
	}
	for (; bytes; at++, bytes--)
		crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xFF];
	return ~crc;
}
