/* SPDX-License-Identifier: MIT */
/* One sealed memfd a slice: no holder can shrink it under the others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allocate.h"
#include "shared_memory.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int hgshm_memfd_create_slice(const struct hgshm_memory *memory, uint32_t index)
{
	char name[HGSHM_SHMID_BYTES + 16];
	int ret = 0;
	int fd;

	snprintf(name, sizeof(name), "%s.%u", memory->shmid, index);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, memory->slice_bytes) < 0)
		ret = -errno;
	else
		ret = hgshm_allocate(fd, memory->slice_bytes);
	if (!ret && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		ret = -errno;
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return hgshm_fail(ret, "backing=memfd: slice %u of size=%llu can't be made: %s", index,
			  (unsigned long long)memory->size_bytes, strerror(-ret));
}

bool hgshm_memfd_sealed(int fd, uint64_t bytes)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
	       (uint64_t)st.st_size == bytes;
}
