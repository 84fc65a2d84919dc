// SPDX-License-Identifier: MIT
/*
 * Disks read into the shared memory, and written from it, by DMA:
 *
 *   dma pattern SEED        writes a disk's contents to standard output
 *   dma fill SLICE SEED     stores them to a slice
 *   dma check SLICE SEED    fails unless each byte of them is in a slice
 *   dma read DISK           from the disk, by DMA, into the own slice
 *   dma write DISK          from the own slice to the disk, by DMA
 *   dma compare DISK SEED   fails unless they are on the disk, read as a file is
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "pattern.h"

#define BYTES		(5UL << 20)
/* In a slice: neither where a page starts, nor where a huge page does. */
#define AT		((1UL << 20) + 3 * 4096 + 512)

static uint8_t *slice(uint32_t index)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory = device_map_memory(fd, &info);

	if (AT + BYTES > info.slice_bytes)
		check_abort("a slice of %llu bytes is too small",
			    (unsigned long long)info.slice_bytes);
	if (info.index == 0)
		return memory + index * info.slice_bytes + AT;
	if (index != info.index)
		check_abort("slice %u is not this VM's", index);
	return memory + AT;
}

static uint8_t *own_slice(void)
{
	int fd = device_open(device_path(), O_RDWR);

	return slice(device_info(fd).index);
}

static int open_disk(const char *path, int flags)
{
	int disk = open(path, flags | O_CLOEXEC);

	if (disk < 0)
		check_abort("open %s: %s", path, strerror(errno));
	return disk;
}

static void check_pattern(const uint8_t *at, uint32_t seed)
{
	CHECK_EQUAL(pattern_find_other(at, BYTES, seed), BYTES);
}

static void print_pattern(uint32_t seed)
{
	uint8_t *bytes = malloc(BYTES);

	if (!bytes)
		check_abort("no memory");
	pattern_fill(bytes, BYTES, seed);
	CHECK_EQUAL(fwrite(bytes, 1, BYTES, stdout), BYTES);
	free(bytes);
}

static void read_disk(const char *path)
{
	uint8_t *at = own_slice();

	memset(at, 0, BYTES);
	CHECK_EQUAL(pread(open_disk(path, O_RDONLY | O_DIRECT), at, BYTES, 0), BYTES);
}

static void write_disk(const char *path)
{
	int disk = open_disk(path, O_WRONLY | O_DIRECT);

	CHECK_EQUAL(pwrite(disk, own_slice(), BYTES, 0), BYTES);
	CHECK_EQUAL(fsync(disk), 0);
}

static void compare_disk(const char *path, uint32_t seed)
{
	uint8_t *bytes = malloc(BYTES);

	if (!bytes)
		check_abort("no memory");
	CHECK_EQUAL(pread(open_disk(path, O_RDONLY), bytes, BYTES, 0), BYTES);
	check_pattern(bytes, seed);
	free(bytes);
}

int main(int argc, char **argv)
{
	const char *what = argc >= 3 ? argv[1] : "";

	if (!strcmp(what, "pattern")) {
		print_pattern(atoi(argv[2]));
		return fflush(stdout) ? 1 : 0;
	}
	if (!strcmp(what, "fill") && argc == 4)
		pattern_fill(slice(atoi(argv[2])), BYTES, atoi(argv[3]));
	else if (!strcmp(what, "check") && argc == 4)
		check_pattern(slice(atoi(argv[2])), atoi(argv[3]));
	else if (!strcmp(what, "read"))
		read_disk(argv[2]);
	else if (!strcmp(what, "write"))
		write_disk(argv[2]);
	else if (!strcmp(what, "compare") && argc == 4)
		compare_disk(argv[2], atoi(argv[3]));
	else
		check_abort("usage: dma pattern SEED | fill SLICE SEED | check SLICE SEED | read DISK | write DISK | compare DISK SEED");
	return strcmp(what, "fill") ? check_status() : 0;
}
