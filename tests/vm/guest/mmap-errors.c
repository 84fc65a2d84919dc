// SPDX-License-Identifier: MIT
/*
 * Each errno that ioctl.h documents for mmap, at the edges of each region. Checks what
 * the device at hand allows: with guestmmap=0 that the memory is not permitted, with
 * mapidx-ro=on that the peer slice can't be stored to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096ULL
#define READ_WRITE	(PROT_READ | PROT_WRITE)

/* The errno of a mapping that must not work, as a return value like others. */
static int try_map(int fd, int prot, int flags, uint64_t bytes, uint64_t offset)
{
	void *at = mmap(NULL, bytes, prot, flags, fd, offset);

	if (at == MAP_FAILED)
		return -1;
	munmap(at, bytes);
	return 0;
}

/* What mprotect() of a mapping that was made with @prot says to @later. */
static int try_protect(int fd, int prot, int later, uint64_t offset)
{
	void *at = mmap(NULL, PAGE_BYTES, prot, MAP_SHARED, fd, offset);
	int ret;

	if (at == MAP_FAILED)
		check_abort("mmap at %#llx: %s", (unsigned long long)offset, strerror(errno));
	ret = mprotect(at, PAGE_BYTES, later);
	munmap(at, PAGE_BYTES);
	return ret;
}

/* A mapping of a page does not become one of two. */
static int try_grow(int fd, int prot, uint64_t offset)
{
	void *at = mmap(NULL, PAGE_BYTES, prot, MAP_SHARED, fd, offset);
	void *grown;

	if (at == MAP_FAILED)
		check_abort("mmap at %#llx: %s", (unsigned long long)offset, strerror(errno));
	grown = mremap(at, PAGE_BYTES, 2 * PAGE_BYTES, MREMAP_MAYMOVE);
	if (grown != MAP_FAILED) {
		munmap(grown, 2 * PAGE_BYTES);
		return 0;
	}
	munmap(at, PAGE_BYTES);
	return -1;
}

/* How it may be mapped, where @most is what it allows of READ_WRITE. */
static void check_ways(int fd, uint64_t start, int most)
{
	CHECK_EQUAL(try_map(fd, most, MAP_SHARED_VALIDATE, PAGE_BYTES, start), 0);
	CHECK_ERRNO(try_map(fd, most, MAP_PRIVATE, PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_map(fd, PROT_READ, MAP_PRIVATE, PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_map(fd, most | PROT_EXEC, MAP_SHARED, PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_map(fd, PROT_EXEC, MAP_SHARED, PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_map(fd, most, MAP_SHARED | MAP_GROWSDOWN, PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_protect(fd, most, PROT_READ | PROT_EXEC, start), EACCES);
	CHECK_EQUAL(try_protect(fd, PROT_NONE, most, start), 0);
	CHECK_ERRNO(try_grow(fd, most, start), EFAULT);
	if (most == READ_WRITE)
		return;
	CHECK_ERRNO(try_map(fd, READ_WRITE, MAP_SHARED, PAGE_BYTES, start), EACCES);
	CHECK_ERRNO(try_map(fd, PROT_WRITE, MAP_SHARED, PAGE_BYTES, start), EACCES);
	CHECK_ERRNO(try_protect(fd, PROT_READ, READ_WRITE, start), EACCES);
	CHECK_ERRNO(try_protect(fd, PROT_NONE, PROT_WRITE, start), EACCES);
}

static int try_read(int fd, uint64_t bytes, uint64_t offset)
{
	return try_map(fd, PROT_READ, MAP_SHARED, bytes, offset);
}

/* A region of @bytes at @start can be mapped to its end, and not past it. */
static void check_edges(int fd, uint64_t start, uint64_t bytes)
{
	CHECK_EQUAL(try_read(fd, bytes, start), 0);
	CHECK_EQUAL(try_read(fd, PAGE_BYTES, start + bytes - PAGE_BYTES), 0);
	/* What is no whole page is asked for as one. */
	CHECK_EQUAL(try_read(fd, 1, start + bytes - PAGE_BYTES), 0);
	CHECK_ERRNO(try_read(fd, 0, start), EINVAL);
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, start + 1), EINVAL);
	CHECK_ERRNO(try_read(fd, bytes + 1, start), EINVAL);
	CHECK_ERRNO(try_read(fd, bytes + PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, start + bytes), EINVAL);
	CHECK_ERRNO(try_read(fd, 2 * PAGE_BYTES, start + bytes - PAGE_BYTES), EINVAL);
	CHECK_ERRNO(try_read(fd, bytes, start + PAGE_BYTES), EINVAL);
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, start + HGSHM_MMAP_REGION_BYTES - PAGE_BYTES),
		    EINVAL);
	/* Into the next region, and round the end of all offsets. */
	CHECK_ERRNO(try_read(fd, 2 * PAGE_BYTES, start + HGSHM_MMAP_REGION_BYTES - PAGE_BYTES),
		    EINVAL);
	CHECK_ERRNO(try_read(fd, 1ULL << 46, start), EINVAL);
	CHECK_ERRNO(try_read(fd, -PAGE_BYTES, start), ENOMEM);
}

static void check_no_region(int fd, uint64_t start, int error)
{
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, start), error);
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, start + (1 << 21)), error);
	CHECK_ERRNO(try_map(fd, READ_WRITE, MAP_SHARED, PAGE_BYTES, start), error);
}

static void check_memory(int fd, const struct hgshm_info *info)
{
	bool peer_takes_stores = !(info->features & HGSHM_FEATURE_PEER_READONLY);

	if (!(info->features & HGSHM_FEATURE_GUEST_MMAP)) {
		check_no_region(fd, HGSHM_MMAP_MEMORY, EPERM);
		check_no_region(fd, HGSHM_MMAP_PEER, EPERM);
		CHECK_EQUAL(info->memory_bytes, 0);
		CHECK_EQUAL(info->peer_bytes, 0);
		CHECK_EQUAL(info->bar_bytes[HGSHM_BAR_MEMORY], 0);
		CHECK_EQUAL(info->bar_bytes[HGSHM_BAR_PEER], 0);
		return;
	}
	check_edges(fd, HGSHM_MMAP_MEMORY, info->memory_bytes);
	check_ways(fd, HGSHM_MMAP_MEMORY, READ_WRITE);
	check_no_region(fd, 3 * HGSHM_MMAP_REGION_BYTES, ENXIO);
	/* mmap2() of a 32-bit program can't name these, and its libc says so */
	if (sizeof(void *) > sizeof(uint32_t)) {
		check_no_region(fd, 1ULL << 62, ENXIO);
		CHECK_ERRNO(try_read(fd, PAGE_BYTES, -2 * PAGE_BYTES), ENXIO);
		CHECK_ERRNO(try_read(fd, PAGE_BYTES, -PAGE_BYTES), EOVERFLOW);
	}
	if (!info->peer_bytes) {
		check_no_region(fd, HGSHM_MMAP_PEER, ENXIO);
		return;
	}
	check_edges(fd, HGSHM_MMAP_PEER, info->peer_bytes);
	check_ways(fd, HGSHM_MMAP_PEER, peer_takes_stores ? READ_WRITE : PROT_READ);
	printf("the peer slice %s\n", peer_takes_stores ? "takes stores" : "takes no stores");
}

/* A descriptor for reading maps for reading. */
static void check_read_only_descriptor(const struct hgshm_info *info)
{
	int fd = device_open(device_path(), O_RDONLY);

	check_ways(fd, HGSHM_MMAP_DOORBELLS, PROT_READ);
	if (info->memory_bytes)
		check_ways(fd, HGSHM_MMAP_MEMORY, PROT_READ);
	if (info->peer_bytes)
		check_ways(fd, HGSHM_MMAP_PEER, PROT_READ);
	close(fd);
}

/* The kernel maps a file that was opened for writing alone for nobody. */
static void check_write_only_descriptor(void)
{
	int fd = device_open(device_path(), O_WRONLY);

	CHECK_ERRNO(try_map(fd, PROT_WRITE, MAP_SHARED, PAGE_BYTES, HGSHM_MMAP_DOORBELLS),
		    EACCES);
	CHECK_ERRNO(try_read(fd, PAGE_BYTES, HGSHM_MMAP_MEMORY), EACCES);
	close(fd);
}

int main(void)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);

	check_memory(fd, &info);
	check_edges(fd, HGSHM_MMAP_DOORBELLS, info.doorbells_bytes);
	check_ways(fd, HGSHM_MMAP_DOORBELLS, READ_WRITE);
	check_read_only_descriptor(&info);
	check_write_only_descriptor();
	return check_status();
}
