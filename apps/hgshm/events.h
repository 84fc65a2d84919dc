/* SPDX-License-Identifier: MIT */
/* Waiting for events without missing a signal that asks to stop. */
#ifndef HGSHM_EVENTS_H
#define HGSHM_EVENTS_H

#include <hgshm/hgshm.h>

#include "problem.h"

/* Never, as an end. */
#define EVENTS_NO_END	INT64_MAX

/* When a wait that lasts so long ends; a negative timeout means never. */
int64_t events_end(int64_t timeout_ns);

/*
 * Waits until the clock shows end_ns. Return: 0, -ETIMEDOUT, -EINTR once "interrupted" is
 * set (problem not set in these two), or another -errno with the problem set.
 */
int events_wait(struct hgshm *h, int64_t end_ns, struct hgshm_events *events,
		struct problem *problem);

#endif /* HGSHM_EVENTS_H */
