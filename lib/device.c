/* SPDX-License-Identifier: MIT */
/* The transport of a guest: the driver's /dev/hgshmN. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

struct device {
	int fd;
	char path[64];
};

static int device_get_info(void *state, struct hgshm_info *info)
{
	struct device *device = state;

	info->struct_bytes = sizeof(*info);
	info->flags = 0;
	/* What the driver never says to this, other devices do, each in its way. */
	if (ioctl(device->fd, HGSHM_IOC_INFO, info) < 0)
		return errno == ENOTTY || errno == EINVAL ?
			hgshm_fail(-ENOTTY, "%s is not an hgshm device", device->path) :
			hgshm_fail(-errno, "%s: INFO: %s", device->path, strerror(errno));
	if (info->struct_bytes < HGSHM_INFO_BYTES_MIN)
		return hgshm_fail(-EPROTO, "%s: INFO filled %u bytes, must be at least %d",
				  device->path, info->struct_bytes, HGSHM_INFO_BYTES_MIN);
	return 0;
}

static uint64_t region_offset(enum hgshm_region region)
{
	return region == HGSHM_REGION_PEER ? HGSHM_MMAP_PEER : HGSHM_MMAP_MEMORY;
}

static int device_map(void *state, enum hgshm_region region, size_t bytes, bool writable,
		      void **ptr)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct device *device = state;
	void *start;

	start = mmap(NULL, bytes, protection, MAP_SHARED, device->fd, region_offset(region));
	if (start == MAP_FAILED)
		return hgshm_fail(-errno, "%s: mapping %zu bytes of %s: %s", device->path, bytes,
				  region == HGSHM_REGION_PEER ? "the peer slice" : "memory",
				  strerror(errno));
	*ptr = start;
	return 0;
}

static void device_unmap(void *state, void *ptr, size_t bytes)
{
	munmap(ptr, bytes);
}

static int device_export_dmabuf(void *state, enum hgshm_region region, uint64_t offset_bytes,
				uint64_t length_bytes, uint32_t flags, int *fd)
{
	struct hgshm_export_dmabuf buffer = {
		.offset_bytes = region_offset(region) + offset_bytes,
		.length_bytes = length_bytes,
		.flags = flags,
	};
	struct device *device = state;

	if (ioctl(device->fd, HGSHM_IOC_EXPORT_DMABUF, &buffer) == 0) {
		*fd = buffer.fd;
		return 0;
	}
	/* ENOTTY: a driver that does not know the call */
	if (errno == ENOTTY || errno == EOPNOTSUPP)
		return hgshm_fail(-EOPNOTSUPP, "%s: its driver or kernel has no dma-buf",
				  device->path);
	return hgshm_fail(-errno, "%s: a dma-buf of %llu bytes: %s", device->path,
			  (unsigned long long)length_bytes, strerror(errno));
}

static int device_poke(void *state, uint32_t index)
{
	struct hgshm_poke poke = { .index = index };
	struct device *device = state;

	if (ioctl(device->fd, HGSHM_IOC_POKE, &poke) == 0)
		return 0;
	if (errno == ENOTCONN)
		return hgshm_fail(-ENOTCONN, "%s: VM %u is not there", device->path, index);
	return hgshm_fail(-errno, "%s: ringing VM %u: %s", device->path, index, strerror(errno));
}

static int device_read_events(void *state, struct hgshm_event *events, size_t max)
{
	struct device *device = state;
	ssize_t got = read(device->fd, events, max * sizeof(*events));

	if (got < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (got < 0)
		return hgshm_fail(-errno, "%s: reading events: %s", device->path, strerror(errno));
	if (got % sizeof(*events))
		return hgshm_fail(-EPROTO, "%s: half an event, %zd bytes", device->path, got);
	return got / sizeof(*events);
}

static int device_fd(void *state)
{
	struct device *device = state;

	return device->fd;
}

static void device_close(void *state)
{
	struct device *device = state;

	close(device->fd);
	free(device);
}

static const struct hgshm_transport device_transport = {
	.get_info = device_get_info,
	.map = device_map,
	.unmap = device_unmap,
	.export_dmabuf = device_export_dmabuf,
	.poke = device_poke,
	.read_events = device_read_events,
	.fd = device_fd,
	.close = device_close,
};

static int find_first(char *path, size_t path_bytes)
{
	unsigned long lowest = -1UL;
	struct dirent *entry;
	DIR *dev = opendir("/dev");

	if (!dev)
		return hgshm_fail(-errno, "/dev: %s", strerror(errno));
	while ((entry = readdir(dev))) {
		unsigned long number;
		char *end;

		if (strncmp(entry->d_name, "hgshm", 5) || entry->d_name[5] < '0' ||
		    entry->d_name[5] > '9')
			continue;
		number = strtoul(entry->d_name + 5, &end, 10);
		if (!*end && number < lowest)
			lowest = number;
	}
	closedir(dev);
	if (lowest == -1UL)
		return hgshm_fail(-ENODEV, "no hgshm device: /dev has no hgshm0 "
				  "(is the driver loaded, and was the VM started with -device hgshm?)");
	snprintf(path, path_bytes, "/dev/hgshm%lu", lowest);
	return 0;
}

int hgshm_device_open(const char *path, const struct hgshm_transport **transport, void **state)
{
	struct device *device;
	int ret;

	device = calloc(1, sizeof(*device));
	if (!device)
		return hgshm_fail(-ENOMEM, "no memory for a handle");
	if (!path) {
		ret = find_first(device->path, sizeof(device->path));
		if (ret)
			goto free_device;
		path = device->path;
	} else {
		snprintf(device->path, sizeof(device->path), "%s", path);
	}
	device->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (device->fd < 0) {
		ret = hgshm_fail(-errno, "%s: %s", path, strerror(errno));
		goto free_device;
	}
	*transport = &device_transport;
	*state = device;
	return 0;

free_device:
	free(device);
	return ret;
}
