// SPDX-License-Identifier: MIT
/*
 * The mapped memory is memory like any other:
 *
 *   mapping DISK
 *
 * Huge pages where they fit, fork, mprotect, mremap, parts of a region, I/O from
 * DISK (a block device with contents) straight into it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096UL
#define HUGE_BYTES	(2UL << 20)
#define DISK_BYTES	(1UL << 20)
/* What the program's own pages may add to a count of page faults. */
#define OTHER_FAULTS	16

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Page faults that it takes to read a mapping, page by page. */
static long faults_of_reading(const volatile uint8_t *at, uint64_t bytes)
{
	long before = minor_faults();
	uint8_t sum = 0;

	for (uint64_t i = 0; i < bytes; i += PAGE_BYTES)
		sum += at[i];
	(void)sum;
	return minor_faults() - before;
}

static void check_huge_pages(int fd, const struct hgshm_info *info)
{
	uint64_t huge_pages = info->memory_bytes / HUGE_BYTES;
	uint64_t tail_pages = info->memory_bytes / PAGE_BYTES -
			      huge_pages * (HUGE_BYTES / PAGE_BYTES);
	volatile uint8_t *memory = device_map_memory(fd, info);
	long faults;

	CHECK(info->memory_bytes >= 2 * HUGE_BYTES);
	CHECK_EQUAL((uintptr_t)memory % HUGE_BYTES, 0);
	faults = faults_of_reading(memory, info->memory_bytes);
	printf("%llu MiB read with %ld page faults\n",
	       (unsigned long long)info->memory_bytes >> 20, faults);
	CHECK(faults >= (long)(huge_pages + tail_pages));
	CHECK(faults <= (long)(huge_pages + tail_pages) + OTHER_FAULTS);

	/* Cutting a huge page in two leaves both halves as they are. */
	memory[0] = 1;
	memory[2 * PAGE_BYTES] = 3;
	CHECK_EQUAL(munmap((void *)(memory + PAGE_BYTES), PAGE_BYTES), 0);
	CHECK_EQUAL(memory[0], 1);
	CHECK_EQUAL(memory[2 * PAGE_BYTES], 3);
	munmap((void *)memory, info->memory_bytes);
}

/*
 * Of a mapping that begins a page behind a huge one's start, what is whole is mapped
 * huge, for the kernel chooses an address that goes with the offset. At an address that
 * does not, none is.
 */
static void check_huge_pages_of_parts(int fd)
{
	const uint64_t bytes = 2 * HUGE_BYTES, pages = bytes / PAGE_BYTES;
	const long small = HUGE_BYTES / PAGE_BYTES;
	uint8_t *room = mmap(NULL, bytes + 2 * HUGE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *odd = (uint8_t *)(((uintptr_t)room | (HUGE_BYTES - 1)) + 1 + PAGE_BYTES);
	uint8_t *part;
	long faults;

	part = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, HGSHM_MMAP_MEMORY + PAGE_BYTES);
	if (part == MAP_FAILED || room == MAP_FAILED)
		check_abort("mmap: %s", strerror(errno));
	CHECK_EQUAL((uintptr_t)part % HUGE_BYTES, PAGE_BYTES);
	faults = faults_of_reading(part, bytes);
	CHECK(faults >= small + 1);
	CHECK(faults <= small + 1 + OTHER_FAULTS);
	munmap(part, bytes);

	part = mmap(odd, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, HGSHM_MMAP_MEMORY);
	CHECK(part == odd);
	faults = faults_of_reading(part, bytes);
	CHECK(faults >= (long)pages);
	CHECK(faults <= (long)pages + OTHER_FAULTS);
	munmap(room, bytes + 2 * HUGE_BYTES);
}

/* A mapping that moves takes its pages with it. */
static void check_move(int fd, const struct hgshm_info *info)
{
	volatile uint8_t *memory = device_map_memory(fd, info), *moved;
	volatile uint32_t *doorbells = device_map_doorbells(fd);
	void *room = mmap(NULL, info->memory_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	memory[3] = 33;
	memory[info->memory_bytes - 1] = 34;
	moved = mremap((void *)memory, info->memory_bytes, info->memory_bytes,
		       MREMAP_MAYMOVE | MREMAP_FIXED, room);
	CHECK(moved == room);
	CHECK_EQUAL(moved[3], 33);
	CHECK_EQUAL(moved[info->memory_bytes - 1], 34);
	munmap((void *)moved, info->memory_bytes);

	CHECK_EQUAL(doorbells[0], 0);
	room = mmap(NULL, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	doorbells = mremap((void *)doorbells, PAGE_BYTES, PAGE_BYTES,
			   MREMAP_MAYMOVE | MREMAP_FIXED, room);
	CHECK(doorbells == room);
	CHECK_EQUAL(doorbells[0], 0);
	munmap((void *)doorbells, PAGE_BYTES);
}

static void check_fork(int fd, const struct hgshm_info *info)
{
	volatile uint8_t *memory = device_map_memory(fd, info);
	int status = -1;
	pid_t child;

	memory[7] = 1;
	child = fork();
	if (child == 0) {
		bool right = memory[7] == 1;

		memory[7] = 2;
		memory[info->memory_bytes - 1] = 9;
		_exit(right ? 0 : 1);
	}
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	CHECK_EQUAL(memory[7], 2);
	CHECK_EQUAL(memory[info->memory_bytes - 1], 9);
	munmap((void *)memory, info->memory_bytes);
}

/* What a store to @at does to a process: 0, or the signal. */
static int store_signal(volatile uint8_t *at)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		*at = 1;
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void check_protection(int fd, const struct hgshm_info *info)
{
	uint8_t *memory = device_map_memory(fd, info);
	volatile uint8_t *at = memory + 5;

	*at = 1;
	CHECK_EQUAL(mprotect(memory, info->memory_bytes, PROT_READ), 0);
	CHECK_EQUAL(*at, 1);
	CHECK_EQUAL(store_signal(at), SIGSEGV);
	CHECK_EQUAL(mprotect(memory, info->memory_bytes, PROT_READ | PROT_WRITE), 0);
	*at = 2;
	CHECK_EQUAL(*at, 2);
	/* A part only, so that huge pages must be cut. */
	CHECK_EQUAL(mprotect(memory, PAGE_BYTES, PROT_READ), 0);
	CHECK_EQUAL(store_signal(at), SIGSEGV);
	CHECK_EQUAL(store_signal(memory + PAGE_BYTES), 0);
	CHECK_EQUAL(*at, 2);
	munmap(memory, info->memory_bytes);
}

static void check_parts(int fd, const struct hgshm_info *info)
{
	uint64_t offset = info->memory_bytes / 2 / PAGE_BYTES * PAGE_BYTES;
	volatile uint8_t *memory = device_map_memory(fd, info);
	volatile uint8_t *part = mmap(NULL, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE,
				      MAP_SHARED, fd, HGSHM_MMAP_MEMORY + offset);

	if (part == MAP_FAILED)
		check_abort("mmap of a part: %s", strerror(errno));
	memory[offset] = 21;
	memory[offset + 3 * PAGE_BYTES - 1] = 22;
	CHECK_EQUAL(part[0], 21);
	CHECK_EQUAL(part[3 * PAGE_BYTES - 1], 22);
	/* A mapping does not grow past what was asked for. */
	CHECK_ERRNO((intptr_t)mremap((void *)part, 3 * PAGE_BYTES, 4 * PAGE_BYTES,
				     MREMAP_MAYMOVE), EFAULT);
	munmap((void *)part, 3 * PAGE_BYTES);
	munmap((void *)memory, info->memory_bytes);
}

static void check_direct_io(int fd, const struct hgshm_info *info, const char *disk)
{
	uint8_t *memory = device_map_memory(fd, info);
	uint8_t *wanted = malloc(DISK_BYTES);
	uint8_t *at = memory + info->memory_bytes - DISK_BYTES;
	int buffered = open(disk, O_RDONLY | O_CLOEXEC);
	int direct = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);
	bool empty = true;

	if (buffered < 0 || direct < 0 || !wanted)
		check_abort("%s: %s", disk, strerror(errno));
	CHECK_EQUAL(pread(buffered, wanted, DISK_BYTES, 0), DISK_BYTES);
	for (size_t i = 0; i < DISK_BYTES && empty; i++)
		empty = !wanted[i];
	CHECK(!empty);

	memset(at, 0, DISK_BYTES);
	CHECK_EQUAL(pread(direct, at, DISK_BYTES, 0), DISK_BYTES);
	CHECK(!memcmp(at, wanted, DISK_BYTES));

	/* Pages that no one has touched yet. */
	munmap(memory, info->memory_bytes);
	memory = device_map_memory(fd, info);
	memset(memory, 0, DISK_BYTES);
	munmap(memory, info->memory_bytes);
	memory = device_map_memory(fd, info);
	CHECK_EQUAL(pread(direct, memory, DISK_BYTES, 0), DISK_BYTES);
	CHECK(!memcmp(memory, wanted, DISK_BYTES));

	munmap(memory, info->memory_bytes);
	close(buffered);
	close(direct);
	free(wanted);
}

int main(int argc, char **argv)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);

	if (argc != 2)
		check_abort("usage: mapping DISK");
	check_huge_pages(fd, &info);
	check_huge_pages_of_parts(fd);
	check_move(fd, &info);
	check_fork(fd, &info);
	check_protection(fd, &info);
	check_parts(fd, &info);
	check_direct_io(fd, &info, argv[1]);
	return check_status();
}
