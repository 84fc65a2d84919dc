/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>

#include "allocate.h"
#include "hgshm/regs.h"

#define STEP_MAX_BYTES (UINT64_C(16) << 20)

uint64_t hgshm_available_bytes(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	unsigned long long kib, available_kib = 0, swap_kib = 0;
	bool known = false;
	char line[128];

	if (!meminfo)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), meminfo)) {
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1) {
			available_kib = kib;
			known = true;
		} else if (sscanf(line, "SwapFree: %llu", &kib) == 1) {
			swap_kib = kib;
		}
	}
	fclose(meminfo);
	return known ? (available_kib + swap_kib) * 1024 : UINT64_MAX;
}

/* A signal undoes the step that it meets: where they come often, steps get shorter. */
int hgshm_allocate(int fd, uint64_t bytes)
{
	uint64_t step = STEP_MAX_BYTES, done = 0;

	while (done < bytes) {
		uint64_t part = step < bytes - done ? step : bytes - done;
		int error = posix_fallocate(fd, done, part);

		if (error == EINTR && step > HGSHM_SLICE_ALIGN_BYTES)
			step /= 2;
		else if (error && error != EINTR)
			return -error;
		else if (!error)
			done += part;
	}
	return 0;
}
