/* SPDX-License-Identifier: MIT */
/*
 * Inside libhgshm: the handle, and what a transport provides.
 */
#ifndef HGSHM_LIB_INTERNAL_H
#define HGSHM_LIB_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <hgshm/hgshm.h>
#include <hgshm/regs.h>

enum hgshm_region {
	HGSHM_REGION_MEMORY,
	HGSHM_REGION_PEER,
	HGSHM_REGIONS,
};

/**
 * struct hgshm_transport - how a handle reaches its group
 * @get_info: fills all of hgshm_info
 * @map: maps a whole region of @bytes
 * @unmap: undoes @map
 * @export_dmabuf: makes a dma-buf of a part of a region; NULL: there is no such thing
 * @poke: rings one member, or all for %HGSHM_POKE_ALL
 * @read_events: up to @max events without blocking; returns how many, -EAGAIN if there
 *	are none
 * @sleep: returns 0 when @read_events may have something, or -ETIMEDOUT; sleeps for
 *	@left_ns at most, without end if that is negative. NULL: polls @fd
 * @fd: a descriptor that polls readable when @read_events has something
 * @close: ends it and frees @state
 *
 * Each gets the state that the transport's opener gave to hgshm_open_transport(), and
 * returns a negative errno on failure, after hgshm_fail() has kept the words for it.
 */
struct hgshm_transport {
	int (*get_info)(void *state, struct hgshm_info *info);
	int (*map)(void *state, enum hgshm_region region, size_t bytes, bool writable, void **ptr);
	void (*unmap)(void *state, void *ptr, size_t bytes);
	int (*export_dmabuf)(void *state, enum hgshm_region region, uint64_t offset_bytes,
			     uint64_t length_bytes, uint32_t flags, int *fd);
	int (*poke)(void *state, uint32_t index);
	int (*read_events)(void *state, struct hgshm_event *events, size_t max);
	int (*sleep)(void *state, int64_t left_ns);
	int (*fd)(void *state);
	void (*close)(void *state);
};

/* A struct_bytes that was never set is not believed, lest it be read. */
#define HGSHM_OPTIONS_BYTES_MAX 4096

struct hgshm {
	const struct hgshm_transport *transport;
	void *state;
	uint32_t spin_us;

	/* fixed for the handle's life, from the first INFO */
	uint32_t index;
	uint32_t clients;
	uint32_t mapidx;
	size_t slice_bytes;
	size_t region_bytes[HGSHM_REGIONS];
	bool mappable;
	bool peer_readonly;

	pthread_mutex_t map_lock; /* protects region */
	void *region[HGSHM_REGIONS];

	_Atomic uint64_t sent[HGSHM_PEERS_MAX];
	_Atomic uint64_t received[HGSHM_PEERS_MAX];
	_Atomic uint64_t waits;
	_Atomic uint64_t sleeps;
	_Atomic uint32_t peer_changes;	/* told by hgshm_wait(), to whomever */

	/* wait_together.c */
	_Atomic bool wait_led;		/* a thread is in hgshm_wait() for all */
	_Atomic uint32_t wait_round;	/* how often one has been; a futex */
	_Atomic uint32_t wait_followers; /* that sleep for the next round */
};

/* On success the handle owns state; on failure the caller still does. */
int hgshm_open_transport(struct hgshm **out, const struct hgshm_transport *transport, void *state,
			 const struct hgshm_options *options);

int hgshm_device_open(const char *path, const struct hgshm_transport **transport, void **state);

/*
 * hgshm_wait() for any number of threads at once, each of which looks by itself for what it
 * waits for: it returns for whatever has come to the handle since the caller's last time.
 * round is the caller's, and starts at what hgshm_wait_round() says.
 */
int hgshm_wait_together(struct hgshm *h, int64_t timeout_ns, uint32_t *round);
uint32_t hgshm_wait_round(const struct hgshm *h);

/* Returns error, for which its general meaning is enough. */
int hgshm_fail_plain(int error);

/* Where a slice lies, or why it does not: hgshm_slice()'s errors. */
int hgshm_locate_slice(const struct hgshm *h, uint32_t index, enum hgshm_region *region,
		       size_t *offset_bytes);

/* Keeps the words for hgshm_strerror() and returns error. */
int hgshm_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* HGSHM_LIB_INTERNAL_H */
