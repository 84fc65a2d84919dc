// SPDX-License-Identifier: MIT
/*
 * Each errno that ioctl.h documents for ioctls, and that a failed call leaves the
 * caller's struct alone:
 *
 *   errors [DEAD_PEER]
 *
 * With DEAD_PEER also that a VM that is not alive can't be rung. Says the group's name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096ULL
#define POISON		0xA5

/*
 * A page at whose end a struct can stand, and behind it one that can't be written;
 * nor read, if @prot says so.
 */
static uint8_t *page_before(int prot)
{
	uint8_t *pages = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + PAGE_BYTES, PAGE_BYTES, prot))
		check_abort("two pages: %s", strerror(errno));
	return pages;
}

/* The request fails with @error, and @request stays as it was. */
static void check_refused(int fd, unsigned int number, const void *request, size_t bytes,
			  int error, int line)
{
	uint8_t *pages = page_before(PROT_READ | PROT_WRITE);
	uint8_t *given = memset(pages, POISON, 2 * PAGE_BYTES);
	uint8_t before[2 * PAGE_BYTES];
	int ret, got;

	memcpy(given + PAGE_BYTES, request, bytes);
	memcpy(before, given, sizeof(before));
	errno = 0;
	ret = ioctl(fd, number, given + PAGE_BYTES);
	got = errno;
	if (ret != -1 || got != error || memcmp(given, before, sizeof(before)))
		printf("the check in line %d fails:\n", line);
	CHECK_EQUAL(ret, -1);
	CHECK_EQUAL(got, error);
	CHECK(!memcmp(given, before, sizeof(before)));
	munmap(pages, 2 * PAGE_BYTES);
}

#define CHECK_REFUSED(fd, number, request, error) \
	check_refused(fd, number, &(request), sizeof(request), error, __LINE__)

/* A struct that is not there, is in the kernel's part, or only begins where it may. */
static void check_bad_pointers(int fd, unsigned int number, size_t bytes)
{
	uint8_t *pages = page_before(PROT_NONE);

	memset(pages, 0, PAGE_BYTES);
	CHECK_ERRNO(ioctl(fd, number, NULL), EFAULT);
	CHECK_ERRNO(ioctl(fd, number, -PAGE_BYTES), EFAULT);
	CHECK_ERRNO(ioctl(fd, number, pages + PAGE_BYTES), EFAULT);
	CHECK_ERRNO(ioctl(fd, number, pages + PAGE_BYTES - bytes / 2), EFAULT);
	munmap(pages, 2 * PAGE_BYTES);
}

static void check_unknown_numbers(int fd)
{
	const unsigned int numbers[] = {
		_IOWR(HGSHM_IOC_TYPE, 4, struct hgshm_info),
		_IOWR(HGSHM_IOC_TYPE, 6, struct hgshm_info),
		_IO(HGSHM_IOC_TYPE, 255),
		_IOC(0, HGSHM_IOC_TYPE, 0, 0),
		_IOC(_IOC_READ | _IOC_WRITE, HGSHM_IOC_TYPE, 0, HGSHM_INFO_BYTES_MIN - 1),
		_IOW(HGSHM_IOC_TYPE, 0, struct hgshm_info),
		_IOW(HGSHM_IOC_TYPE, 1, struct hgshm_info),
		_IOR(HGSHM_IOC_TYPE, 1, struct hgshm_poke),
		_IOWR('T', 0, struct hgshm_info),
		0,
		~0u,
	};
	struct hgshm_info info;

	memset(&info, POISON, sizeof(info));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		CHECK_REFUSED(fd, numbers[i], info, ENOTTY);
}

/* INFO with these inputs fails, and writes nothing. */
static void check_info_refused(int fd, uint32_t struct_bytes, uint32_t flags)
{
	struct hgshm_info info;

	memset(&info, POISON, sizeof(info));
	info.struct_bytes = struct_bytes;
	info.flags = flags;
	CHECK_REFUSED(fd, HGSHM_IOC_INFO, info, EINVAL);
}

/* The end of the struct can't be written: neither is its beginning. */
static void check_info_cut(int fd, size_t bytes_before)
{
	uint8_t *pages = page_before(PROT_READ), *at = pages + PAGE_BYTES - bytes_before;
	const uint32_t asked[] = { sizeof(struct hgshm_info), 0 };
	uint8_t before[PAGE_BYTES];

	memset(pages, POISON, PAGE_BYTES);
	memcpy(at, asked, sizeof(asked));
	memcpy(before, pages, sizeof(before));
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, at), EFAULT);
	CHECK(!memcmp(pages, before, sizeof(before)));
	munmap(pages, 2 * PAGE_BYTES);
}

/* A program that was compiled with a struct of @bytes; @filled come back. */
static void check_info_of_size(int fd, uint32_t bytes, uint32_t filled)
{
	struct {
		struct hgshm_info info;
		uint8_t tail[64];
	} grown;
	const uint8_t *first = (const uint8_t *)&grown;
	struct hgshm_info info = device_info(fd);

	memset(&grown, POISON, sizeof(grown));
	grown.info.struct_bytes = bytes;
	grown.info.flags = 0;
	CHECK_EQUAL(ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, HGSHM_IOC_TYPE,
				   _IOC_NR(HGSHM_IOC_INFO), sizeof(grown)),
			  &grown), 0);
	CHECK_EQUAL(grown.info.struct_bytes, filled);
	info.struct_bytes = filled;
	CHECK(!memcmp(&grown, &info, filled));
	for (size_t i = filled; i < sizeof(grown); i++)
		if (first[i] != POISON) {
			printf("byte %zu of %u was written\n", i, bytes);
			CHECK_EQUAL(first[i], POISON);
		}
}

static void check_info_tail(const struct hgshm_info *info)
{
	bool memory = info->features & HGSHM_FEATURE_GUEST_MMAP;
	size_t length = strnlen((const char *)info->shmid, sizeof(info->shmid));

	CHECK_EQUAL(info->status, 0);
	CHECK_EQUAL(info->cache, memory ? HGSHM_CACHE_WRITE_BACK : HGSHM_CACHE_NO_MEMORY);
	CHECK_EQUAL(info->doorbells_bytes, PAGE_BYTES);
	CHECK(info->features & HGSHM_FEATURE_SHMID);
	CHECK(length > 0 && length < sizeof(info->shmid));
	for (size_t i = length; i < sizeof(info->shmid); i++)
		CHECK_EQUAL(info->shmid[i], 0);
	printf("group %s\n", (const char *)info->shmid);
}

static void check_info(int fd)
{
	struct hgshm_info info = device_info(fd);

	check_info_refused(fd, sizeof(info), 1);
	check_info_refused(fd, sizeof(info), 1u << 31);
	check_info_refused(fd, HGSHM_INFO_BYTES_MIN - 1, 0);
	check_info_refused(fd, 0, 0);
	check_bad_pointers(fd, HGSHM_IOC_INFO, 8);
	check_info_cut(fd, 8);
	check_info_cut(fd, HGSHM_INFO_BYTES_MIN);
	check_info_cut(fd, sizeof(info) - 1);

	CHECK_EQUAL(info.struct_bytes, sizeof(info));
	CHECK_EQUAL(info.flags, 0);
	CHECK_EQUAL(info.version, HGSHM_VERSION);
	CHECK_EQUAL(info.vectors, HGSHM_VECTORS(info.clients));
	CHECK(info.index < info.clients);
	CHECK(info.peers >> info.index & 1);
	CHECK_EQUAL(info.bar_bytes[HGSHM_BAR_REGS], HGSHM_BAR_REGS_BYTES);
	CHECK(info.bar_bytes[HGSHM_BAR_MEMORY] >= info.memory_bytes);
	CHECK(info.bar_bytes[HGSHM_BAR_PEER] >= info.peer_bytes);
	check_info_tail(&info);

	check_info_of_size(fd, HGSHM_INFO_BYTES_MIN, HGSHM_INFO_BYTES_MIN);
	check_info_of_size(fd, HGSHM_INFO_BYTES_MIN + 4, HGSHM_INFO_BYTES_MIN + 4);
	check_info_of_size(fd, sizeof(info) + 64, sizeof(info));
	check_info_of_size(fd, UINT32_MAX, sizeof(info));
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

static void check_poke_refused(int fd, uint32_t index, uint32_t flags, int error)
{
	struct hgshm_poke poke = { .index = index, .flags = flags };

	CHECK_REFUSED(fd, HGSHM_IOC_POKE, poke, error);
}

static void check_poke(int fd, const char *dead_peer)
{
	struct hgshm_poke all = { .index = HGSHM_POKE_ALL };
	struct hgshm_info info = device_info(fd);

	check_poke_refused(fd, info.clients, 0, EINVAL);
	check_poke_refused(fd, info.index, 0, EINVAL);
	check_poke_refused(fd, HGSHM_POKE_ALL - 1, 0, EINVAL);
	check_poke_refused(fd, HGSHM_POKE_ALL, 1, EINVAL);
	check_bad_pointers(fd, HGSHM_IOC_POKE, sizeof(all));
	if (!dead_peer)
		return;
	check_poke_refused(fd, atoi(dead_peer), 0, ENOTCONN);
	check_poke_refused(fd, atoi(dead_peer), 1, EINVAL);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_POKE, &all), 0);
}

static void check_irq_enable_refused(int fd, uint32_t enable, uint32_t flags)
{
	struct hgshm_irq_enable request = { .enable = enable, .flags = flags };

	CHECK_REFUSED(fd, HGSHM_IOC_IRQ_ENABLE, request, EINVAL);
}

static void check_irq_enable(int fd)
{
	check_irq_enable_refused(fd, 2, 0);
	check_irq_enable_refused(fd, 0, 1);
	check_irq_enable_refused(fd, 0, 1u << 31);
	check_bad_pointers(fd, HGSHM_IOC_IRQ_ENABLE, sizeof(struct hgshm_irq_enable));
	CHECK_EQUAL(device_info(fd).irq_enabled, 1);
}

static void check_set_signal_refused(int fd, int signo, uint32_t flags)
{
	struct hgshm_set_signal request = { .signo = signo, .flags = flags };

	CHECK_REFUSED(fd, HGSHM_IOC_SET_SIGNAL, request, EINVAL);
}

static void check_set_signal(int fd)
{
	struct hgshm_set_signal request = { .signo = 64 };

	check_set_signal_refused(fd, -1, 0);
	check_set_signal_refused(fd, 65, 0);
	check_set_signal_refused(fd, INT32_MIN, 0);
	check_set_signal_refused(fd, 10, 1);
	check_bad_pointers(fd, HGSHM_IOC_SET_SIGNAL, sizeof(request));
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_SIGNAL, &request), 0);
	request.signo = 0;
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_SIGNAL, &request), 0);
}

static void check_set_eventfd_refused(int fd, const struct hgshm_set_eventfd *good,
				      const struct hgshm_set_eventfd *change, int error)
{
	struct hgshm_set_eventfd request = {
		.fd = good->fd + change->fd,
		.index = good->index + change->index,
		.flags = change->flags,
		.reserved = change->reserved,
	};

	CHECK_REFUSED(fd, HGSHM_IOC_SET_EVENTFD, request, error);
}

/* The eventfds that the refused calls named are not kept: it would show as a leak. */
static void check_set_eventfd(int fd)
{
	struct hgshm_info info = device_info(fd);
	struct hgshm_set_eventfd good = {
		.fd = eventfd(0, EFD_CLOEXEC),
		.index = HGSHM_EVENTFD_ALL,
	};
	struct hgshm_set_eventfd wrong;

	if (good.fd < 0)
		check_abort("eventfd: %s", strerror(errno));
	check_set_eventfd_refused(fd, &good, &(struct hgshm_set_eventfd){ .flags = 1 }, EINVAL);
	check_set_eventfd_refused(fd, &good, &(struct hgshm_set_eventfd){ .flags = 1u << 31 },
				  EINVAL);
	check_set_eventfd_refused(fd, &good, &(struct hgshm_set_eventfd){ .reserved = 1 },
				  EINVAL);
	check_set_eventfd_refused(fd, &good,
				  &(struct hgshm_set_eventfd){ .index = info.clients + 1 },
				  EINVAL);
	check_set_eventfd_refused(fd, &good,
				  &(struct hgshm_set_eventfd){ .index = info.index + 1 },
				  EINVAL);
	check_set_eventfd_refused(fd, &good, &(struct hgshm_set_eventfd){ .index = -2 },
				  EINVAL);
	/* Neither is an eventfd, nor open. */
	wrong = (struct hgshm_set_eventfd){ .fd = fd, .index = HGSHM_EVENTFD_ALL };
	CHECK_REFUSED(fd, HGSHM_IOC_SET_EVENTFD, wrong, EINVAL);
	wrong.fd = 1000;
	CHECK_REFUSED(fd, HGSHM_IOC_SET_EVENTFD, wrong, EBADF);
	wrong.fd = -2;
	CHECK_REFUSED(fd, HGSHM_IOC_SET_EVENTFD, wrong, EBADF);
	/* A bad index is refused, also to stop at. */
	wrong = (struct hgshm_set_eventfd){ .fd = -1, .index = info.clients };
	CHECK_REFUSED(fd, HGSHM_IOC_SET_EVENTFD, wrong, EINVAL);
	check_bad_pointers(fd, HGSHM_IOC_SET_EVENTFD, sizeof(good));

	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &good), 0);
	close(good.fd);
	good.fd = -1;
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &good), 0);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &good), 0);
}

/* The rest of its errors is dmabuf's to see. */
static void check_export_dmabuf(int fd)
{
	check_bad_pointers(fd, HGSHM_IOC_EXPORT_DMABUF, sizeof(struct hgshm_export_dmabuf));
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
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);

	check_unknown_numbers(fd);
	check_info(fd);
	check_compat(fd);
	check_poke(fd, argv[1]);
	check_irq_enable(fd);
	check_set_signal(fd);
	check_set_eventfd(fd);
	check_export_dmabuf(fd);
	check_other_calls(fd);
	return check_status();
}
