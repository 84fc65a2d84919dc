// SPDX-License-Identifier: MIT
/*
 * A disk read into the shared memory by DMA, beside the same read through the page
 * cache, in a guest
 *
 * usage: bench-direct-io pattern            the disk's contents to standard output
 *        bench-direct-io NAME DISK          measures, in the guest
 *
 * The two take turns. Each starts with nothing of the disk in the guest's page cache
 * (the host's has all of it, for both), ends when all bytes are in the shared
 * memory, and is checked byte for byte, which is not timed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "pattern.h"

#define BYTES		(64UL << 20)
#define READ_BYTES	(1UL << 20)
#define ROUNDS		9
#define SEED		5

struct contestant {
	const char *name;
	int open_flags;
	double ms[ROUNDS];
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct contestant *c)
{
	qsort(c->ms, ROUNDS, sizeof(double), compare);
	return c->ms[ROUNDS / 2];
}

static void forget_cache(int disk)
{
	if (posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED))
		check_abort("the page cache can't be emptied");
}

static double read_once(const struct contestant *c, const char *path, uint8_t *memory)
{
	int disk = open(path, c->open_flags | O_RDONLY | O_CLOEXEC);
	double begin;

	if (disk < 0)
		check_abort("open %s: %s", path, strerror(errno));
	forget_cache(disk);
	/* Also maps each page, so that no round pays for that. */
	memset(memory, 0, BYTES);

	begin = now_ms();
	for (size_t at = 0; at < BYTES; at += READ_BYTES) {
		if (pread(disk, memory + at, READ_BYTES, at) != READ_BYTES)
			check_abort("read %s at %zu: %s", path, at, strerror(errno));
	}
	begin = now_ms() - begin;

	if (pattern_find_other(memory, BYTES, SEED) != BYTES)
		check_abort("%s: other bytes came than are on %s", c->name, path);
	forget_cache(disk);
	close(disk);
	return begin;
}

static void measure(const char *name, const char *path)
{
	struct contestant direct = { .name = "by DMA", .open_flags = O_DIRECT };
	struct contestant buffered = { .name = "buffered" };
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory = device_map_memory(fd, &info);
	double direct_ms, buffered_ms;

	if (info.memory_bytes < BYTES)
		check_abort("%llu bytes of memory are too few",
			    (unsigned long long)info.memory_bytes);
	for (int round = 0; round < ROUNDS; round++) {
		direct.ms[round] = read_once(&direct, path, memory);
		buffered.ms[round] = read_once(&buffered, path, memory);
	}
	direct_ms = median(&direct);
	buffered_ms = median(&buffered);
	printf("%-18s %10.1f %10.1f %10.2f\n", name, direct_ms, buffered_ms,
	       buffered_ms / direct_ms);
}

static void print_pattern(void)
{
	uint8_t *bytes = malloc(BYTES);

	if (!bytes)
		check_abort("no memory");
	pattern_fill(bytes, BYTES, SEED);
	if (fwrite(bytes, 1, BYTES, stdout) != BYTES || fflush(stdout))
		check_abort("the pattern can't be written: %s", strerror(errno));
	free(bytes);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "pattern"))
		print_pattern();
	else if (argc == 3)
		measure(argv[1], argv[2]);
	else
		check_abort("usage: bench-direct-io pattern | NAME DISK");
	return 0;
}
