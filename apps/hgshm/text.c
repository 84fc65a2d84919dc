/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "text.h"
#include "utf8.h"

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

/* Control characters, those from U+0080 to U+009F among them, act on terminals. */
static int printable_length(const unsigned char *text)
{
	int length = utf8_length(text);

	if (length == 1)
		return *text >= 0x20 && *text != 0x7F;
	if (length == 2 && *text == 0xC2 && text[1] < 0xA0)
		return 0;
	return length;
}

void text_print(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		int length = printable_length(at);

		if (length) {
			fwrite(at, 1, length, out);
			at += length;
		} else {
			fprintf(out, "\\x%02x", *at++);
		}
	}
}
