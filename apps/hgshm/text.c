/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "text.h"

static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };

#define UNITS (sizeof(units) / sizeof(units[0]))

struct text text_size(uint64_t bytes)
{
	struct text out;
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < UNITS) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), "%" PRIu64 " %s", bytes, units[unit]);
	return out;
}

struct text text_about(double bytes)
{
	struct text out;
	size_t unit = 0;

	while (bytes >= 1000 && unit + 1 < UNITS) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), "%.3g %s", bytes, units[unit]);
	return out;
}

void text_bits(FILE *out, uint64_t bits)
{
	const char *space = "";

	for (unsigned int i = 0; i < 64; i++)
		if (bits >> i & 1) {
			fprintf(out, "%s%u", space, i);
			space = " ";
		}
	if (!bits)
		fputs("none", out);
}

void text_print(FILE *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7F)
			fprintf(out, "\\x%02x", *at);
		else
			putc(*at, out);
	}
}
