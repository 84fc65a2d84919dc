// SPDX-License-Identifier: MIT
/*
 * Parts of the memory as dma-bufs: what is refused, what a process sees of one, and
 * what a driver does that imports it (importer.ko).
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "import.h"

#define PAGE_BYTES	4096ULL
#define HUGE_BYTES	(2ULL << 20)
#define OFFSET		(3 * PAGE_BYTES)
#define BYTES		((1ULL << 20) + PAGE_BYTES)
#define READ_ONLY	HGSHM_DMABUF_READ_ONLY
/* What the program's own pages may add to a count of page faults. */
#define OTHER_FAULTS	16
#define ANOTHER_USER	1000

static void *try_map(int fd, uint64_t bytes, int protection, int flags, uint64_t offset)
{
	return mmap(NULL, bytes, protection, flags, fd, offset);
}

static uint8_t *map(int fd, uint64_t bytes, uint64_t offset)
{
	void *at = try_map(fd, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, offset);

	if (at == MAP_FAILED)
		check_abort("mmap of a dma-buf: %s", strerror(errno));
	return at;
}

static void check_no_memory(int fd)
{
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES, 0), EPERM);
	CHECK_ERRNO(dmabuf_try_export(fd, HGSHM_MMAP_PEER, PAGE_BYTES, READ_ONLY), EPERM);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES, 2), EINVAL);
}

static void check_descriptors(int fd)
{
	int reader = device_open(device_path(), O_RDONLY);
	int writer = device_open(device_path(), O_WRONLY);
	struct rlimit limit, none;

	CHECK_ERRNO(dmabuf_try_export(reader, 0, PAGE_BYTES, 0), EACCES);
	CHECK_ERRNO(dmabuf_try_export(writer, 0, PAGE_BYTES, 0), EACCES);
	CHECK_ERRNO(dmabuf_try_export(writer, 0, PAGE_BYTES, READ_ONLY), EACCES);
	close(dmabuf_export(reader, 0, PAGE_BYTES, READ_ONLY));
	close(reader);

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ reader, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES, 0), EMFILE);
	setrlimit(RLIMIT_NOFILE, &limit);
	close(writer);
}

/* The system may have no more open files; who administers it is exempt. */
static void check_file_table(int fd)
{
	static const char path[] = "/proc/sys/fs/file-max";
	int file = open(path, O_RDWR | O_CLOEXEC), status = -1;
	char before[32] = "";
	pid_t child;

	if (file < 0 || read(file, before, sizeof(before) - 1) <= 0 || pwrite(file, "0", 1, 0) != 1)
		check_abort("%s: %s", path, strerror(errno));
	child = fork();
	if (child == 0) {
		if (setuid(ANOTHER_USER))
			_exit(2);
		_exit(dmabuf_try_export(fd, 0, PAGE_BYTES, 0) != -1 || errno != ENFILE);
	}
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	CHECK_EQUAL(pwrite(file, before, strlen(before), 0), strlen(before));
	close(file);
}

/*
 * The descriptor can't be written, as half of it lies in a page that takes no stores:
 * the other half stays as it is, and no descriptor is left open.
 */
static void check_cut(int fd)
{
	struct hgshm_export_dmabuf request = { .length_bytes = PAGE_BYTES, .fd = -77 };
	size_t before = offsetof(struct hgshm_export_dmabuf, fd) + sizeof(request.fd) / 2;
	uint8_t *pages = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *at = pages + PAGE_BYTES - before;
	int lowest = dup(fd);

	close(lowest);
	if (pages == MAP_FAILED)
		check_abort("two pages: %s", strerror(errno));
	memcpy(at, &request, sizeof(request));
	CHECK_EQUAL(mprotect(pages + PAGE_BYTES, PAGE_BYTES, PROT_READ), 0);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_EXPORT_DMABUF, at), EFAULT);
	CHECK(!memcmp(at, &request, sizeof(request)));
	CHECK_EQUAL(dup(fd), lowest);
	close(lowest);
	munmap(pages, 2 * PAGE_BYTES);
}

static void check_refusals(int fd, const struct hgshm_info *info)
{
	uint64_t bytes = info->memory_bytes;

	check_cut(fd);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES, 2), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES, READ_ONLY | 1u << 31), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, 1, PAGE_BYTES, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, PAGE_BYTES + 1, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, 0, bytes + PAGE_BYTES, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, bytes, PAGE_BYTES, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, bytes - PAGE_BYTES, 2 * PAGE_BYTES, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, PAGE_BYTES, -PAGE_BYTES, 0), EINVAL);
	CHECK_ERRNO(dmabuf_try_export(fd, HGSHM_MMAP_DOORBELLS, PAGE_BYTES, 0), ENXIO);
	CHECK_ERRNO(dmabuf_try_export(fd, 3 * HGSHM_MMAP_REGION_BYTES, PAGE_BYTES, 0), ENXIO);
	CHECK_ERRNO(dmabuf_try_export(fd, -PAGE_BYTES, PAGE_BYTES, 0), ENXIO);
	if (!info->peer_bytes)
		CHECK_ERRNO(dmabuf_try_export(fd, HGSHM_MMAP_PEER, PAGE_BYTES, 0), ENXIO);
	check_descriptors(fd);
	check_file_table(fd);
}

static void check_mapping(int dmabuf, volatile uint8_t *memory)
{
	volatile uint8_t *at = map(dmabuf, BYTES, 0);
	volatile uint8_t *part = map(dmabuf, PAGE_BYTES, PAGE_BYTES);

	CHECK_EQUAL(lseek(dmabuf, 0, SEEK_END), BYTES);
	memory[OFFSET] = 1;
	memory[OFFSET + BYTES - 1] = 2;
	CHECK_EQUAL(at[0], 1);
	CHECK_EQUAL(at[BYTES - 1], 2);
	at[PAGE_BYTES] = 3;
	CHECK_EQUAL(memory[OFFSET + PAGE_BYTES], 3);
	CHECK_EQUAL(part[0], 3);

	CHECK_ERRNO((intptr_t)try_map(dmabuf, BYTES + PAGE_BYTES, PROT_READ, MAP_SHARED, 0), EINVAL);
	CHECK_ERRNO((intptr_t)try_map(dmabuf, PAGE_BYTES, PROT_READ, MAP_PRIVATE, 0), EINVAL);
	CHECK_ERRNO((intptr_t)try_map(dmabuf, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EINVAL);
	CHECK_ERRNO(mprotect((void *)part, PAGE_BYTES, PROT_READ | PROT_EXEC), EACCES);
	munmap((void *)at, BYTES);
	munmap((void *)part, PAGE_BYTES);
}

/* Huge pages where the process lines them up. */
static void check_huge_pages(int fd, const struct hgshm_info *info)
{
	uint64_t bytes = info->memory_bytes / HUGE_BYTES * HUGE_BYTES;
	int dmabuf = dmabuf_export(fd, 0, bytes, 0);
	uint8_t *room = mmap(NULL, bytes + HUGE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint8_t *at = (void *)(((uintptr_t)room + HUGE_BYTES) & -HUGE_BYTES);
	struct rusage before, after;

	CHECK(mmap((void *)at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		   dmabuf, 0) == at);
	getrusage(RUSAGE_SELF, &before);
	for (uint64_t i = 0; i < bytes; i += PAGE_BYTES)
		(void)at[i];
	getrusage(RUSAGE_SELF, &after);
	CHECK(after.ru_minflt - before.ru_minflt <=
	      (long)(bytes / HUGE_BYTES) + OTHER_FAULTS);
	munmap(room, bytes + HUGE_BYTES);
	close(dmabuf);
}

static void check_list(const struct importer_map *list)
{
	CHECK_EQUAL(list->bytes, BYTES);
	CHECK_EQUAL(list->dma_bytes, BYTES);
	CHECK_EQUAL(list->largest_bytes, IMPORTER_SEGMENT_BYTES);
	CHECK_EQUAL(list->entries,
		    (BYTES + IMPORTER_SEGMENT_BYTES - 1) / IMPORTER_SEGMENT_BYTES);
	CHECK_EQUAL(list->pieces, 1);
}

static void check_importer(int dmabuf, volatile uint8_t *memory)
{
	struct dma_buf_sync sync = { DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int first = import_attach(dmabuf), second = import_attach(dmabuf);
	struct importer_map list;

	CHECK_EQUAL(import_try_map(first, IMPORTER_FROM_DEVICE, &list), 0);
	check_list(&list);
	CHECK_EQUAL(import_try_map(second, IMPORTER_TO_DEVICE, &list), 0);
	check_list(&list);

	import_store(first, 0, 11);
	import_store(first, BYTES - 1, 12);
	CHECK_EQUAL(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	CHECK_EQUAL(memory[OFFSET], 11);
	CHECK_EQUAL(memory[OFFSET + BYTES - 1], 12);
	memory[OFFSET + IMPORTER_SEGMENT_BYTES] = 13;
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	CHECK_EQUAL(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync), 0);
	CHECK_EQUAL(import_load(second, IMPORTER_SEGMENT_BYTES), 13);

	CHECK_EQUAL(ioctl(first, IMPORTER_UNMAP), 0);
	/* The other has its own list. */
	CHECK_EQUAL(import_load(second, 0), 11);
	close(first);
	close(second);
}

static void check_read_only(int fd, uint64_t region, const volatile uint8_t *memory)
{
	int dmabuf = dmabuf_export(fd, region + OFFSET, BYTES, READ_ONLY);
	int importer = import_attach(dmabuf);
	struct importer_map list;
	volatile uint8_t *at;

	CHECK_ERRNO((intptr_t)try_map(dmabuf, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EACCES);
	at = try_map(dmabuf, BYTES, PROT_READ, MAP_SHARED, 0);
	CHECK(at != MAP_FAILED);
	CHECK_ERRNO(mprotect((void *)at, BYTES, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQUAL(at[BYTES - 1], memory[OFFSET + BYTES - 1]);
	CHECK_ERRNO(import_try_map(importer, IMPORTER_FROM_DEVICE, &list), EACCES);
	import_map(importer, IMPORTER_TO_DEVICE);
	CHECK_EQUAL(import_load(importer, BYTES - 1),
		    memory[OFFSET + BYTES - 1]);
	munmap((void *)at, BYTES);
	close(importer);
	close(dmabuf);
}

/* @memory: slice 0 in the peer region */
static void check_peer(int fd, const struct hgshm_info *info, volatile uint8_t *memory)
{
	volatile uint8_t *at;
	int dmabuf;

	if (info->features & HGSHM_FEATURE_PEER_READONLY) {
		CHECK_ERRNO(dmabuf_try_export(fd, HGSHM_MMAP_PEER + OFFSET, BYTES, 0), EACCES);
		check_read_only(fd, HGSHM_MMAP_PEER, memory);
		return;
	}
	dmabuf = dmabuf_export(fd, HGSHM_MMAP_PEER + OFFSET, BYTES, 0);
	at = map(dmabuf, BYTES, 0);
	at[5] = 55;
	CHECK_EQUAL(memory[OFFSET + 5], 55);
	check_importer(dmabuf, memory);
	munmap((void *)at, BYTES);
	close(dmabuf);
}

int main(void)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory;
	int dmabuf;

	if (!(info.features & HGSHM_FEATURE_GUEST_MMAP)) {
		check_no_memory(fd);
		return check_status();
	}
	memory = device_map_memory(fd, &info);
	check_refusals(fd, &info);
	check_huge_pages(fd, &info);
	check_read_only(fd, HGSHM_MMAP_MEMORY, memory);
	if (info.peer_bytes) {
		bool reads = info.features & HGSHM_FEATURE_PEER_READONLY;
		void *peer = mmap(NULL, info.peer_bytes, PROT_READ | (reads ? 0 : PROT_WRITE),
				  MAP_SHARED, fd, HGSHM_MMAP_PEER);

		if (peer == MAP_FAILED)
			check_abort("mmap of the peer slice: %s", strerror(errno));
		check_peer(fd, &info, peer);
	}
	dmabuf = dmabuf_export(fd, OFFSET, BYTES, 0);
	CHECK_EQUAL(fcntl(dmabuf, F_GETFD), FD_CLOEXEC);
	/* It does not need the descriptor that it came from. */
	close(fd);
	check_mapping(dmabuf, memory);
	check_importer(dmabuf, memory);
	return check_status();
}
