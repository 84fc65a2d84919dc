/* SPDX-License-Identifier: MIT */
/*
 * A group of VMs inside one process: libhgshm handles over a memfd and eventfds.
 */
#ifndef UNIT_FAKE_GROUP_H
#define UNIT_FAKE_GROUP_H

#include <stdatomic.h>
#include <stdint.h>

#include <hgshm/hgshm.h>

#define FAKE_CLIENTS_MAX 8

struct fake_group {
	uint32_t clients;
	size_t slice_bytes;
	unsigned char *memory;
	_Atomic uint64_t peers;
	_Atomic uint32_t epoch;
	int doorbell[FAKE_CLIENTS_MAX][FAKE_CLIENTS_MAX]; /* [sender][receiver] */
	int peers_changed[FAKE_CLIENTS_MAX];
	int epoll[FAKE_CLIENTS_MAX];
};

/* Ends the test program if the system has no room for it. */
void fake_group_make(struct fake_group *group, uint32_t clients, size_t slice_bytes);
void fake_group_free(struct fake_group *group);

/* A VM comes; its peer slice is slice 0. */
struct hgshm *fake_group_join(struct fake_group *group, uint32_t index);
struct hgshm *fake_group_join_with(struct fake_group *group, uint32_t index,
				   const struct hgshm_options *options);

/* A VM dies; the handle stays usable, as memory does that nobody looks at. */
void fake_group_kill(struct fake_group *group, uint32_t index);

unsigned char *fake_group_slice(struct fake_group *group, uint32_t index);

#endif /* UNIT_FAKE_GROUP_H */
