/* SPDX-License-Identifier: MIT */
/*
 * A place in a group that a process on the host has: what those that join and those
 * that found have in common. It is the transport's state of their handles.
 */
#ifndef HGSHM_LIB_MEMBER_H
#define HGSHM_LIB_MEMBER_H

#include <pthread.h>

#include "doorbells.h"
#include "internal.h"
#include "shared_memory.h"
#include "service.h"
#include "uri.h"

struct hgshm_member {
	/* fixed once the place is taken */
	char socket[HGSHM_SOCKET_PATH_BYTES];
	uint32_t index;
	struct hgshm_memory memory;

	struct hgshm_doorbells doorbells;
	struct hgshm_service service;

	pthread_mutex_t lock; /* protects peers, epoch, status */
	uint64_t peers;
	uint32_t epoch;
	uint32_t status;

	/* the waiting thread's: what it has told of */
	uint64_t told_peers;
	uint32_t told_epoch;

	/* gives back what is not a member's own, after the thread has ended */
	void (*end)(struct hgshm_member *member);
};

extern const struct hgshm_transport hgshm_member_transport;

/* alarm gets the member. On failure there is nothing to close. */
int hgshm_member_init(struct hgshm_member *member, const struct hgshm_uri *uri,
		      void (*alarm)(void *of), void (*end)(struct hgshm_member *member));
/* Ends the thread, then all else, and frees the member. */
void hgshm_member_close(void *state);

/* The member is complete: who is there now is no news. */
void hgshm_member_settle(struct hgshm_member *member);

/* The service thread's. */
uint64_t hgshm_member_peers(struct hgshm_member *member);
void hgshm_member_set_peers(struct hgshm_member *member, uint64_t peers);
void hgshm_member_set_stale(struct hgshm_member *member);

/* Both descriptors are taken. The peer is known from then on. */
int hgshm_member_connect(struct hgshm_member *member, uint32_t index, int out_fd, int in_fd);
void hgshm_member_disconnect(struct hgshm_member *member, uint32_t index);

/* join.c, found.c */
int hgshm_join_open(const struct hgshm_uri *uri, struct hgshm_member **member);
int hgshm_found_open(const struct hgshm_uri *uri, struct hgshm_member **member);

static inline uint64_t hgshm_bit(uint32_t index)
{
	return UINT64_C(1) << index;
}

#endif /* HGSHM_LIB_MEMBER_H */
