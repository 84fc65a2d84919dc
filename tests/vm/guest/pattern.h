/* SPDX-License-Identifier: MIT */
/* Bytes that look like noise, but can be told from where they lie and a seed. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

void pattern_fill(uint8_t *at, size_t bytes, uint32_t seed);

/* Where the first byte lies that is another; @bytes if there is none. */
size_t pattern_find_other(const uint8_t *at, size_t bytes, uint32_t seed);

#endif /* PATTERN_H */
