// SPDX-License-Identifier: MIT
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

const char *device_path(void)
{
	const char *path = getenv("DEVICE");

	return path ? path : "/dev/hgshm0";
}

int device_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		check_abort("open %s: %s", path, strerror(errno));
	return fd;
}

struct hgshm_info device_info(int fd)
{
	struct hgshm_info info = { .struct_bytes = sizeof(info) };

	if (ioctl(fd, HGSHM_IOC_INFO, &info))
		check_abort("INFO: %s", strerror(errno));
	return info;
}

static void *map_region(int fd, int prot, uint64_t bytes, uint64_t offset)
{
	void *region;

	if (!bytes)
		return NULL;
	region = mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);
	if (region == MAP_FAILED)
		check_abort("mmap of %llu bytes at %#llx: %s",
			    (unsigned long long)bytes,
			    (unsigned long long)offset, strerror(errno));
	return region;
}

void *device_map_memory(int fd, const struct hgshm_info *info)
{
	return map_region(fd, PROT_READ | PROT_WRITE, info->memory_bytes, HGSHM_MMAP_MEMORY);
}

void *device_map_peer(int fd, const struct hgshm_info *info)
{
	int prot = PROT_READ;

	if (!(info->features & HGSHM_FEATURE_PEER_READONLY))
		prot |= PROT_WRITE;
	return map_region(fd, prot, info->peer_bytes, HGSHM_MMAP_PEER);
}

void *device_map_slice_0(int fd, const struct hgshm_info *info)
{
	if (info->index == 0)
		return device_map_memory(fd, info);
	return info->mapidx == 0 ? device_map_peer(fd, info) : NULL;
}

volatile uint32_t *device_map_doorbells(int fd)
{
	return map_region(fd, PROT_READ | PROT_WRITE, device_info(fd).doorbells_bytes,
			  HGSHM_MMAP_DOORBELLS);
}

static void store_to_doorbell(int fd, uint32_t index)
{
	static volatile uint32_t *doorbells;

	if (!doorbells)
		doorbells = device_map_doorbells(fd);
	if (!doorbells)
		check_abort("the driver offers no doorbells");
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	doorbells[index] = 1;
}

void device_poke(int fd, uint32_t index)
{
	const char *how = getenv("RING");
	struct hgshm_poke poke = { .index = index };

	if (how && !strcmp(how, "store"))
		store_to_doorbell(fd, index);
	else if (ioctl(fd, HGSHM_IOC_POKE, &poke))
		check_abort("POKE of VM %u: %s", index, strerror(errno));
}

void device_irq_enable(int fd, bool enable)
{
	struct hgshm_irq_enable request = { .enable = enable };

	if (ioctl(fd, HGSHM_IOC_IRQ_ENABLE, &request))
		check_abort("IRQ_ENABLE %d: %s", enable, strerror(errno));
}

bool device_take_ring(int fd, struct hgshm_event *event, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	do {
		if (poll(&pollfd, 1, timeout_ms) == 0)
			return false;
		if (read(fd, event, sizeof(*event)) != sizeof(*event))
			check_abort("read: %s", strerror(errno));
	} while (event->type != HGSHM_EVENT_DOORBELL);
	return true;
}

uint64_t device_wait_ring(int fd, uint32_t index)
{
	struct hgshm_event event;

	if (!device_take_ring(fd, &event, DEVICE_PATIENCE_MS))
		check_abort("VM %u did not ring within %d ms", index,
			    DEVICE_PATIENCE_MS);
	if (event.index != index)
		check_abort("a ring of VM %u was due, but VM %u rang", index, event.index);
	return event.count;
}

void device_drain(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct hgshm_event events[HGSHM_VECTORS_MAX];

	while (poll(&pollfd, 1, 0) > 0) {
		if (read(fd, events, sizeof(events)) < 0)
			check_abort("read: %s", strerror(errno));
	}
}
