/* SPDX-License-Identifier: MIT */
#ifndef COMMON_SIZE_H
#define COMMON_SIZE_H

#include <stdint.h>

/*
 * Numbers as people write them: digits, for a size with a suffix k, m, g or t (powers of
 * 1024, either case). -EINVAL for anything else, -ERANGE for what does not fit.
 */
int parse_size(const char *text, uint64_t *bytes);
int parse_number(const char *text, uint64_t *number);

/* Seconds, with decimals; up to ten years. */
int parse_seconds(const char *text, int64_t *ns);

#endif /* COMMON_SIZE_H */
