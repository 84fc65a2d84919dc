/* SPDX-License-Identifier: MIT */
/*
 * The eventfds of a member on the host: out to the others, in from them.
 *
 * Three parties use them at once without a lock: threads that ring, one that waits,
 * and the service thread, which alone replaces them. So a doorbell keeps its
 * descriptor's number for the handle's life, and another eventfd is put behind that
 * number by dup3(), which is atomic.
 */
#ifndef HGSHM_LIB_DOORBELLS_H
#define HGSHM_LIB_DOORBELLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <hgshm/regs.h>

#define HGSHM_DOORBELLS_READY_MAX (2 * HGSHM_CLIENTS_MAX + 1)

struct hgshm_doorbells {
	int epoll_fd;	/* readable when there is a ring or news */
	int news_fd;	/* the service thread has something to tell the waiting one */
	int sink_fd;	/* behind the doorbell of a member that is gone */
	_Atomic uint64_t connected;	/* bit i: out[i] rings member i */
	_Atomic int out[HGSHM_CLIENTS_MAX];
	_Atomic int in[HGSHM_CLIENTS_MAX];
	/* what in[] was before; the other side may not know of the new one yet */
	_Atomic int previous[HGSHM_CLIENTS_MAX];
	/* rings read from an eventfd that had to go */
	_Atomic uint64_t kept[HGSHM_CLIENTS_MAX];

	/* the waiting thread's: what its sleep has found ready */
	struct epoll_event ready[HGSHM_DOORBELLS_READY_MAX];
	int ready_count;
};

/* What hgshm_doorbells_take() found. */
struct hgshm_rings {
	uint64_t counts[HGSHM_CLIENTS_MAX];
	bool news;
};

int hgshm_doorbells_init(struct hgshm_doorbells *d);
void hgshm_doorbells_close(struct hgshm_doorbells *d);

/* Both take the descriptor, also on failure. The other side made it or has it too, so
 * it is made non-blocking. */
int hgshm_doorbells_connect_out(struct hgshm_doorbells *d, uint32_t index, int fd);
int hgshm_doorbells_connect_in(struct hgshm_doorbells *d, uint32_t index, int fd);

/* What the member rang before it went can still be taken. */
void hgshm_doorbells_disconnect(struct hgshm_doorbells *d, uint32_t index);

/* -ENOTCONN if there is nobody to ring. Any thread. */
int hgshm_doorbells_ring(struct hgshm_doorbells *d, uint32_t index);

void hgshm_doorbells_tell_news(struct hgshm_doorbells *d);

/* The waiting thread. Sleeps until something is there: 0, or -ETIMEDOUT, or -EINTR. */
int hgshm_doorbells_sleep(struct hgshm_doorbells *d, int64_t left_ns);

/* The waiting thread. Returns whether anything was there. */
bool hgshm_doorbells_take(struct hgshm_doorbells *d, struct hgshm_rings *rings);

#endif /* HGSHM_LIB_DOORBELLS_H */
