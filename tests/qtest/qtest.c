// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qtest.h"
#include "test.h"

#define SETTLE_ROUNDS	4

static uint64_t command(struct channel *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static uint64_t command(struct channel *c, const char *fmt, ...)
{
	char text[128];
	const char *answer;
	va_list args;
	int bytes;

	va_start(args, fmt);
	bytes = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert_in_range(bytes, 1, sizeof(text) - 1);
	channel_send(c, text, bytes);
	answer = channel_read_line(c);
	if (strncmp(answer, "OK", 2))
		fail_msg("qtest answers '%s' to '%s'", answer, text);
	return answer[2] == ' ' ? strtoull(answer + 3, NULL, 0) : 0;
}

uint32_t qtest_inl(struct channel *c, uint16_t port)
{
	return command(c, "inl 0x%x\n", port);
}

void qtest_outl(struct channel *c, uint16_t port, uint32_t value)
{
	command(c, "outl 0x%x 0x%x\n", port, value);
}

void qtest_outw(struct channel *c, uint16_t port, uint16_t value)
{
	command(c, "outw 0x%x 0x%x\n", port, value);
}

void qtest_outb(struct channel *c, uint16_t port, uint8_t value)
{
	command(c, "outb 0x%x 0x%x\n", port, value);
}

static char width_letter(unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return 'b';
	case 2:
		return 'w';
	case 4:
		return 'l';
	case 8:
		return 'q';
	}
	fail_msg("no access of %u bytes", bytes);
	return 0;
}

uint64_t qtest_read(struct channel *c, uint64_t address, unsigned int bytes)
{
	return command(c, "read%c 0x%" PRIx64 "\n", width_letter(bytes),
		       address);
}

void qtest_write(struct channel *c, uint64_t address, unsigned int bytes,
		 uint64_t value)
{
	command(c, "write%c 0x%" PRIx64 " 0x%" PRIx64 "\n",
		width_letter(bytes), address, value);
}

void qtest_fill(struct channel *c, uint64_t address, uint64_t bytes,
		uint8_t value)
{
	command(c, "memset 0x%" PRIx64 " 0x%" PRIx64 " 0x%x\n", address, bytes,
		value);
}

void qtest_settle(struct channel *c)
{
	for (int i = 0; i < SETTLE_ROUNDS; i++)
		command(c, "endianness\n");
}
