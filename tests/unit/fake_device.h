/* SPDX-License-Identifier: MIT */
/* A driver that does as it is told: the system calls of libhgshm, scripted. */
#ifndef UNIT_FAKE_DEVICE_H
#define UNIT_FAKE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include <hgshm/ioctl.h>

#define FAKE_EVENTS_MAX 128

struct fake_device {
	/* what fails, as an errno, or 0 */
	int open_errno;
	int info_errno;
	int poke_errno;
	int mmap_errno;
	int read_errno;
	int poll_errno;
	int dmabuf_errno;

	const char *const *names;	/* in /dev, NULL-terminated; or NULL: no /dev */
	struct hgshm_info info;		/* what INFO returns */
	struct hgshm_event events[FAKE_EVENTS_MAX];
	size_t events_used;
	size_t odd_bytes;		/* more than whole events that read returns */
	void (*on_poll)(struct fake_device *device); /* something happens during the sleep */

	/* what was done */
	char opened_path[64];
	int opens, closes, maps, unmaps, polls;
	uint64_t map_offset[4];
	size_t map_bytes[4];
	int map_protection[4];
	struct hgshm_export_dmabuf exported;
	uint32_t poked[64];
	size_t poked_used;
	uint32_t asked_struct_bytes;
};

extern struct fake_device fake_device;

/* VM index of a group of clients with slices of slice_bytes, all well. */
void fake_device_reset(uint32_t index, uint32_t clients, uint64_t slice_bytes);
void fake_device_event(uint16_t type, uint16_t index, uint64_t count);

#endif /* UNIT_FAKE_DEVICE_H */
