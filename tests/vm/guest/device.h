/* SPDX-License-Identifier: MIT */
/*
 * The calls of /dev/hgshmN, for guest programs that test them. Not libhgshm:
 * these tests are of the driver's contract itself. A call that fails ends the
 * program, where nothing else is said.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hgshm/ioctl.h>
#include <hgshm/regs.h>

/* Where a script has opened it for the programs that it runs. */
#define DEVICE_INHERITED_FD	8
/* Longer than any peer needs under emulation on a busy machine. */
#define DEVICE_PATIENCE_MS	60000
/* How long to wait for what must not come. */
#define DEVICE_QUIET_MS		200

/* $DEVICE, or the first device. */
const char *device_path(void);

int device_open(const char *path, int flags);
struct hgshm_info device_info(int fd);

/* All of a region, shared, for reading and where it may be writing; NULL if there is none. */
void *device_map_memory(int fd, const struct hgshm_info *info);
void *device_map_peer(int fd, const struct hgshm_info *info);

/* Slice 0 as this VM sees it, or NULL. Its first pages are the tests' own. */
void *device_map_slice_0(int fd, const struct hgshm_info *info);

/* The word of each VM's doorbell; NULL if the driver offers none. */
volatile uint32_t *device_map_doorbells(int fd);

/* By ioctl, or by a store to the mapped doorbells if $RING is "store". */
void device_poke(int fd, uint32_t index);
void device_irq_enable(int fd, bool enable);

/* Waits until VM @index rang, and returns how many interrupts that made. */
uint64_t device_wait_ring(int fd, uint32_t index);

/*
 * Takes one ring if one comes within @timeout_ms. Events of other types, which
 * come when another test's VM comes or goes, are passed over.
 */
bool device_take_ring(int fd, struct hgshm_event *event, int timeout_ms);

/* Takes all that waits now, of all types. */
void device_drain(int fd);

#endif /* DEVICE_H */
