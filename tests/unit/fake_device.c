/* SPDX-License-Identifier: MIT */
/* The linker puts these in the place of the C library's (--wrap). */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <hgshm/regs.h>

#include "fake_device.h"

#define DEVICE_FD 7777

struct fake_device fake_device;

static unsigned char memory[2][1 << 16];
static size_t next_name;

int __real_close(int fd);
int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);

int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset);
int __wrap_munmap(void *at, size_t bytes);
ssize_t __wrap_read(int fd, void *to, size_t bytes);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
DIR *__wrap_opendir(const char *path);
struct dirent64 *__wrap_readdir64(DIR *dir);
int __wrap_closedir(DIR *dir);

void fake_device_reset(uint32_t index, uint32_t clients, uint64_t slice_bytes)
{
	fake_device = (struct fake_device){
		.info = {
			.struct_bytes = sizeof(struct hgshm_info),
			.version = HGSHM_VERSION,
			.features = HGSHM_FEATURE_GUEST_MMAP,
			.index = index,
			.clients = clients,
			.mapidx = index ? 0 : HGSHM_INDEX_NONE,
			.vectors = HGSHM_VECTORS(clients),
			.size_bytes = clients * slice_bytes,
			.slice_bytes = slice_bytes,
			.memory_bytes = index ? slice_bytes : clients * slice_bytes,
			.peer_bytes = index ? slice_bytes : 0,
			.peers = clients == 64 ? UINT64_MAX : (UINT64_C(1) << clients) - 1,
			.epoch = clients,
			.irq_enabled = 1,
		},
	};
	next_name = 0;
}

void fake_device_event(uint16_t type, uint16_t index, uint64_t count)
{
	fake_device.events[fake_device.events_used++] =
		(struct hgshm_event){ type, index, 9, count };
}

static int fail(int error)
{
	if (!error)
		return 0;
	errno = error;
	return -1;
}

int __wrap_open64(const char *path, int flags, ...)
{
	snprintf(fake_device.opened_path, sizeof(fake_device.opened_path), "%s", path);
	if (fail(fake_device.open_errno))
		return -1;
	fake_device.opens++;
	return DEVICE_FD;
}

int __wrap_close(int fd)
{
	if (fd != DEVICE_FD)
		return __real_close(fd);
	fake_device.closes++;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == HGSHM_IOC_INFO) {
		struct hgshm_info *info = arg;

		if (fail(fake_device.info_errno))
			return -1;
		fake_device.asked_struct_bytes = info->struct_bytes;
		if (info->flags)
			return fail(EINVAL);
		*info = fake_device.info;
		return 0;
	}
	if (request == HGSHM_IOC_POKE) {
		const struct hgshm_poke *poke = arg;

		if (fail(fake_device.poke_errno))
			return -1;
		fake_device.poked[fake_device.poked_used++] = poke->index;
		return 0;
	}
	if (request == HGSHM_IOC_EXPORT_DMABUF) {
		struct hgshm_export_dmabuf *buffer = arg;

		if (fail(fake_device.dmabuf_errno))
			return -1;
		fake_device.exported = *buffer;
		buffer->fd = 4242;
		return 0;
	}
	return fail(ENOTTY);
}

void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
	if (fail(fake_device.mmap_errno))
		return MAP_FAILED;
	fake_device.map_offset[fake_device.maps] = offset;
	fake_device.map_bytes[fake_device.maps] = bytes;
	fake_device.map_protection[fake_device.maps] = protection;
	return memory[fake_device.maps++];
}

int __wrap_munmap(void *at, size_t bytes)
{
	fake_device.unmaps++;
	return 0;
}

ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	size_t count = bytes / sizeof(struct hgshm_event);

	if (fail(fake_device.read_errno))
		return -1;
	if (count > fake_device.events_used)
		count = fake_device.events_used;
	if (!count)
		return fail(EAGAIN);
	memcpy(to, fake_device.events, count * sizeof(struct hgshm_event));
	fake_device.events_used = 0;
	return count * sizeof(struct hgshm_event) + fake_device.odd_bytes;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	fake_device.polls++;
	if (fail(fake_device.poll_errno))
		return -1;
	if (fake_device.on_poll)
		fake_device.on_poll(&fake_device);
	fds->revents = POLLIN;
	return fake_device.events_used ? 1 : 0;
}

DIR *__wrap_opendir(const char *path)
{
	static char token;

	next_name = 0;
	if (fake_device.names)
		return (DIR *)&token;
	errno = EACCES;
	return NULL;
}

struct dirent64 *__wrap_readdir64(DIR *dir)
{
	static struct dirent64 entry;

	if (!fake_device.names[next_name])
		return NULL;
	snprintf(entry.d_name, sizeof(entry.d_name), "%s", fake_device.names[next_name++]);
	return &entry;
}

int __wrap_closedir(DIR *dir)
{
	return 0;
}
