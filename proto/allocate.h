/* SPDX-License-Identifier: MIT */
/**
 * DOC: memory that is there before anybody touches it
 *
 * Used by the QEMU device and by the library, whose founders make shared memory alike.
 */
#ifndef HGSHM_ALLOCATE_H
#define HGSHM_ALLOCATE_H

#include <stdint.h>

/** hgshm_available_bytes() - Return: memory and swap to be had, UINT64_MAX if not known */
uint64_t hgshm_available_bytes(void);

/**
 * hgshm_allocate() - allocate a file's first bytes, whatever signals come meanwhile
 * @fd: a file in memory
 * @bytes: how many
 *
 * Blocks while the kernel clears the pages.
 *
 * Return: 0, or -errno of posix_fallocate(), and then some of them may be allocated.
 */
int hgshm_allocate(int fd, uint64_t bytes);

#endif /* HGSHM_ALLOCATE_H */
