/* SPDX-License-Identifier: MIT */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C as <hgshm/mapreduce.h> defines it; start with 0, or go on with an earlier result. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

#endif /* COMMON_CRC32C_H */
