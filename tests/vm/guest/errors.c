// SPDX-License-Identifier: MIT
/*
 * Each errno that ioctl.h documents, and that a failed call leaves the caller's
 * struct alone:
 *
 *   errors [DEAD_PEER]
 *
 * Checks what the device at hand allows: with guestmmap=0 that mmap is not
 * permitted, with DEAD_PEER that a VM that is not alive can't be rung.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096ULL
#define POISON		0xA5

static void check_unknown_numbers(int fd)
{
	unsigned char buffer[256];

	memset(buffer, POISON, sizeof(buffer));
	CHECK_ERRNO(ioctl(fd, _IOWR(HGSHM_IOC_TYPE, 4, struct hgshm_info), buffer), ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOC(0, HGSHM_IOC_TYPE, 0, 0), buffer), ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOW(HGSHM_IOC_TYPE, 1, struct hgshm_info), buffer), ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOR(HGSHM_IOC_TYPE, 1, struct hgshm_poke), buffer), ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IOWR('T', 0, struct hgshm_info), buffer), ENOTTY);
	for (size_t i = 0; i < sizeof(buffer); i++) {
		if (buffer[i] != POISON) {
			CHECK_EQUAL(buffer[i], POISON);
			break;
		}
	}
}

/* INFO with these inputs fails, and writes nothing. */
static void check_info_refused(int fd, uint32_t struct_bytes, uint32_t flags)
{
	struct hgshm_info info, before;

	memset(&info, POISON, sizeof(info));
	info.struct_bytes = struct_bytes;
	info.flags = flags;
	before = info;
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, &info), EINVAL);
	CHECK(!memcmp(&info, &before, sizeof(info)));
}

static void check_info(int fd)
{
	struct {
		struct hgshm_info info;
		unsigned char tail[64];
	} grown;
	struct hgshm_info info = device_info(fd);

	check_info_refused(fd, sizeof(info), 1);
	check_info_refused(fd, sizeof(info), 1u << 31);
	check_info_refused(fd, HGSHM_INFO_BYTES_MIN - 1, 0);
	check_info_refused(fd, 0, 0);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, -PAGE_BYTES), EFAULT);

	CHECK_EQUAL(info.struct_bytes, sizeof(info));
	CHECK_EQUAL(info.flags, 0);
	CHECK_EQUAL(info.version, HGSHM_VERSION);
	CHECK_EQUAL(info.vectors, HGSHM_VECTORS(info.clients));
	CHECK(info.index < info.clients);
	CHECK(info.peers >> info.index & 1);
	CHECK_EQUAL(info.bar_bytes[HGSHM_BAR_REGS], HGSHM_BAR_REGS_BYTES);
	CHECK(info.bar_bytes[HGSHM_BAR_MEMORY] >= info.memory_bytes);
	CHECK(info.bar_bytes[HGSHM_BAR_PEER] >= info.peer_bytes);

	/* A program of a later header: more room, and a number that says so. */
	memset(&grown, POISON, sizeof(grown));
	grown.info.struct_bytes = sizeof(grown);
	grown.info.flags = 0;
	CHECK_EQUAL(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, HGSHM_IOC_TYPE,
				   _IOC_NR(HGSHM_IOC_INFO), sizeof(grown)),
			  &grown), 0);
	CHECK_EQUAL(grown.info.struct_bytes, sizeof(info));
	CHECK_EQUAL(grown.info.slice_bytes, info.slice_bytes);
	CHECK_EQUAL(grown.tail[0], POISON);
	CHECK_EQUAL(grown.tail[sizeof(grown.tail) - 1], POISON);
}

#ifdef __x86_64__
/* The way of a 32-bit program into the same driver. */
static int compat_ioctl(int fd, unsigned int number, void *arg)
{
	int ret = 54; /* ioctl in the 32-bit table */

	asm volatile("int $0x80" : "+a" (ret)
		     : "b" (fd), "c" (number), "d" ((uint32_t)(uintptr_t)arg)
		     : "memory");
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static void check_compat(int fd)
{
	struct hgshm_info info = device_info(fd), *low;

	low = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (low == MAP_FAILED)
		check_abort("mmap below 2 GiB: %s", strerror(errno));
	low->struct_bytes = sizeof(*low);
	CHECK_EQUAL(compat_ioctl(fd, HGSHM_IOC_INFO, low), 0);
	CHECK_EQUAL(low->size_bytes, info.size_bytes);
	CHECK_EQUAL(low->bar_bytes[5], info.bar_bytes[5]);
	CHECK_ERRNO(compat_ioctl(fd, HGSHM_IOC_INFO, NULL), EFAULT);
	munmap(low, PAGE_BYTES);
}
#else
static void check_compat(int fd)
{
}
#endif

static int poke(int fd, uint32_t index, uint32_t flags)
{
	struct hgshm_poke request = { .index = index, .flags = flags };

	return ioctl(fd, HGSHM_IOC_POKE, &request);
}

static void check_poke(int fd, const char *dead_peer)
{
	struct hgshm_info info = device_info(fd);

	CHECK_ERRNO(poke(fd, info.clients, 0), EINVAL);
	CHECK_ERRNO(poke(fd, info.index, 0), EINVAL);
	CHECK_ERRNO(poke(fd, HGSHM_POKE_ALL - 1, 0), EINVAL);
	CHECK_ERRNO(poke(fd, HGSHM_POKE_ALL, 1), EINVAL);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_POKE, NULL), EFAULT);
	if (!dead_peer)
		return;
	CHECK_ERRNO(poke(fd, atoi(dead_peer), 0), ENOTCONN);
	CHECK_ERRNO(poke(fd, atoi(dead_peer), 1), EINVAL);
	CHECK_EQUAL(poke(fd, HGSHM_POKE_ALL, 0), 0);
}

static int irq_enable(int fd, uint32_t enable, uint32_t flags)
{
	struct hgshm_irq_enable request = { .enable = enable, .flags = flags };

	return ioctl(fd, HGSHM_IOC_IRQ_ENABLE, &request);
}

static void check_irq_enable(int fd)
{
	CHECK_ERRNO(irq_enable(fd, 2, 0), EINVAL);
	CHECK_ERRNO(irq_enable(fd, 0, 1), EINVAL);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_IRQ_ENABLE, NULL), EFAULT);
	CHECK_EQUAL(device_info(fd).irq_enabled, 1);
}

static int set_signal(int fd, int signo, uint32_t flags)
{
	struct hgshm_set_signal request = { .signo = signo, .flags = flags };

	return ioctl(fd, HGSHM_IOC_SET_SIGNAL, &request);
}

static void check_set_signal(int fd)
{
	CHECK_ERRNO(set_signal(fd, -1, 0), EINVAL);
	CHECK_ERRNO(set_signal(fd, 65, 0), EINVAL);
	CHECK_ERRNO(set_signal(fd, 10, 1), EINVAL);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_SET_SIGNAL, NULL), EFAULT);
	CHECK_EQUAL(set_signal(fd, 64, 0), 0);
	CHECK_EQUAL(set_signal(fd, 0, 0), 0);
}

/* The errno of a mapping that must not work, as a return value like others. */
static int try_map(int fd, int prot, int flags, uint64_t bytes, uint64_t offset)
{
	void *at = mmap(NULL, bytes, prot, flags, fd, offset);

	if (at == MAP_FAILED)
		return -1;
	munmap(at, bytes);
	return 0;
}

static int try_shared(int fd, uint64_t bytes, uint64_t offset)
{
	return try_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, bytes, offset);
}

/* A region of @bytes at @start can be mapped to its end, and not past it. */
static void check_region(int fd, uint64_t start, uint64_t bytes)
{
	CHECK_EQUAL(try_shared(fd, bytes, start), 0);
	CHECK_EQUAL(try_shared(fd, PAGE_BYTES, start + bytes - PAGE_BYTES), 0);
	CHECK_ERRNO(try_shared(fd, bytes + PAGE_BYTES, start), EINVAL);
	CHECK_ERRNO(try_shared(fd, PAGE_BYTES, start + bytes), EINVAL);
	CHECK_ERRNO(try_shared(fd, 2 * PAGE_BYTES, start + bytes - PAGE_BYTES), EINVAL);
	CHECK_ERRNO(try_shared(fd, bytes, start + PAGE_BYTES), EINVAL);
	CHECK_ERRNO(try_shared(fd, PAGE_BYTES,
			       start + HGSHM_MMAP_REGION_BYTES - PAGE_BYTES), EINVAL);
	CHECK_ERRNO(try_map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, PAGE_BYTES, start),
		    EINVAL);
	CHECK_ERRNO(try_map(fd, PROT_READ, MAP_PRIVATE, PAGE_BYTES, start), EINVAL);
}

static void check_no_region(int fd, uint64_t start, int error)
{
	CHECK_ERRNO(try_shared(fd, PAGE_BYTES, start), error);
	CHECK_ERRNO(try_shared(fd, PAGE_BYTES, start + (1 << 21)), error);
}

static void check_mmap(const char *path, int fd)
{
	struct hgshm_info info = device_info(fd);
	int read_only;

	if (!(info.features & HGSHM_FEATURE_GUEST_MMAP)) {
		check_no_region(fd, HGSHM_MMAP_MEMORY, EPERM);
		check_no_region(fd, HGSHM_MMAP_PEER, EPERM);
		CHECK_EQUAL(info.memory_bytes, 0);
		CHECK_EQUAL(info.peer_bytes, 0);
		CHECK_EQUAL(info.bar_bytes[HGSHM_BAR_MEMORY], 0);
		CHECK_EQUAL(info.bar_bytes[HGSHM_BAR_PEER], 0);
		return;
	}

	check_region(fd, HGSHM_MMAP_MEMORY, info.memory_bytes);
	if (info.peer_bytes)
		check_region(fd, HGSHM_MMAP_PEER, info.peer_bytes);
	else
		check_no_region(fd, HGSHM_MMAP_PEER, ENXIO);
	check_no_region(fd, 2 * HGSHM_MMAP_REGION_BYTES, ENXIO);
	check_no_region(fd, 1ULL << 62, ENXIO);

	read_only = device_open(path, O_RDONLY);
	CHECK_EQUAL(try_map(read_only, PROT_READ, MAP_SHARED, PAGE_BYTES, 0), 0);
	CHECK_ERRNO(try_shared(read_only, PAGE_BYTES, 0), EACCES);
	close(read_only);
}

static void check_other_calls(int fd)
{
	char byte = 0;

	CHECK_ERRNO(write(fd, &byte, 1), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(fd, &byte, 1, 0), ESPIPE);
	CHECK_ERRNO(read(fd, &byte, 0), EINVAL);
}

int main(int argc, char **argv)
{
	const char *path = device_path();
	int fd = device_open(path, O_RDWR | O_NONBLOCK);

	check_unknown_numbers(fd);
	check_info(fd);
	check_compat(fd);
	check_poke(fd, argv[1]);
	check_irq_enable(fd);
	check_set_signal(fd);
	check_mmap(path, fd);
	check_other_calls(fd);
	return check_status();
}
