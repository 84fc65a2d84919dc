/* SPDX-License-Identifier: MIT */
/*
 * The group's memory as a member on the host has it: made, or taken from a mapper's
 * WELCOME.
 *
 *   shm     one named object; those that join open it themselves
 *   memfd   one sealed memfd a slice; those that join get those that they may see
 *   whole   one descriptor of all of it, from a QEMU with memdev=
 */
#ifndef HGSHM_LIB_SHARED_MEMORY_H
#define HGSHM_LIB_SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hgshm/proto.h>

#include "internal.h"
#include "uri.h"

/* What WELCOME says of it. The descriptors stay the message's. */
struct hgshm_offer {
	uint32_t clients;
	uint32_t index;
	uint32_t kind;
	uint64_t size_bytes;
	uint64_t slice_bytes;
	uint64_t shm_dev;
	uint64_t shm_ino;
	char shmid[HGSHM_SHMID_BYTES];
	unsigned int fd_count;
	const int *fds;
};

struct hgshm_memory {
	char shmid[HGSHM_SHMID_BYTES];	/* NUL-padded */
	uint32_t clients;
	uint32_t mapidx;
	bool mapidx_ro;
	uint64_t size_bytes;
	uint64_t slice_bytes;
	uint64_t shm_dev;
	uint64_t shm_ino;

	bool founded;
	bool unlink;		/* the object's name goes with this member */
	bool memfd;
	int fd;			/* all of it, or -1; the founder's holds the lock */
	uint32_t own_index;	/* one that joined */
	int slice_fd[HGSHM_CLIENTS_MAX]; /* memfd: those that this member has, or -1 */
};

void hgshm_memory_init(struct hgshm_memory *memory);
void hgshm_memory_close(struct hgshm_memory *memory);

/* shared_memory.c */
int hgshm_memory_join(struct hgshm_memory *memory, const struct hgshm_offer *offer,
		      const char *socket);
int hgshm_memory_create(struct hgshm_memory *memory, const struct hgshm_uri *uri);
int hgshm_memory_map(const struct hgshm_memory *memory, enum hgshm_region region, size_t bytes,
		     bool writable, void **ptr);
/* What a client gets with its WELCOME. The descriptors stay the memory's. */
unsigned int hgshm_memory_grant(const struct hgshm_memory *memory, uint32_t index,
				uint32_t mapidx, uint32_t *kind, int *fds);

/* shm_object.c: /dev/shm/<shmid>. They return the descriptor. */
int hgshm_shm_found(struct hgshm_memory *memory, bool unlink);
int hgshm_shm_open(const struct hgshm_memory *memory, const char *socket);
void hgshm_shm_remove(struct hgshm_memory *memory);

/* memfd.c */
int hgshm_memfd_create_slice(const struct hgshm_memory *memory, uint32_t index);
bool hgshm_memfd_sealed(int fd, uint64_t bytes);

#endif /* HGSHM_LIB_SHARED_MEMORY_H */
