/* SPDX-License-Identifier: MIT */
/**
 * DOC: QEMU's qtest protocol, the part that these tests use
 *
 * One command and its answer at a time. Addresses are guest-physical; values are
 * in host byte order, as a little-endian guest sees them.
 */
#ifndef QTEST_QTEST_H
#define QTEST_QTEST_H

#include <stdint.h>

#include "channel.h"

uint32_t qtest_inl(struct channel *c, uint16_t port);
void qtest_outl(struct channel *c, uint16_t port, uint32_t value);
void qtest_outw(struct channel *c, uint16_t port, uint16_t value);
void qtest_outb(struct channel *c, uint16_t port, uint8_t value);

/** qtest_read() - one load of @bytes (1, 2, 4 or 8) */
uint64_t qtest_read(struct channel *c, uint64_t address, unsigned int bytes);

/** qtest_write() - one store of @bytes (1, 2, 4 or 8) */
void qtest_write(struct channel *c, uint64_t address, unsigned int bytes,
		 uint64_t value);

/** qtest_fill() - store @bytes bytes of the same @value */
void qtest_fill(struct channel *c, uint64_t address, uint64_t bytes,
		uint8_t value);

/**
 * qtest_settle() - let QEMU's main loop handle all that is ready now
 *
 * QEMU answers from its main loop. A round of that loop may take this socket
 * before others that were ready too, but the next round then finds those done.
 * What they make ready in turn needs a round more.
 */
void qtest_settle(struct channel *c);

#endif
