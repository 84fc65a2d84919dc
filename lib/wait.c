/* SPDX-License-Identifier: MIT */
/* Waiting for doorbells: poll, then sleep. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "internal.h"

#define EVENTS_MAX (HGSHM_PEERS_MAX + 2)

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Member @index is here now, and not there any more; or the other way round. */
static void move_peer(uint64_t *here, uint64_t *there, uint16_t index)
{
	uint64_t bit = UINT64_C(1) << index;

	if (*there & bit)
		*there &= ~bit;
	else
		*here |= bit;
}

/* Returns 0 if there were events, -EAGAIN if there were none. */
static int take_events(struct hgshm *h, struct hgshm_events *out)
{
	struct hgshm_event batch[EVENTS_MAX];
	struct hgshm_events events = { 0 };
	int taken;

	taken = h->transport->read_events(h->state, batch, EVENTS_MAX);
	if (taken < 0)
		return taken;
	if (!taken)
		return -EAGAIN;
	for (int i = 0; i < taken; i++) {
		const struct hgshm_event *event = &batch[i];

		events.epoch = event->epoch;
		if (event->type == HGSHM_EVENT_PEERS) {
			events.peers_changed = 1;
		} else if (event->type == HGSHM_EVENT_DOORBELL && event->index < h->clients) {
			events.rung |= UINT64_C(1) << event->index;
			events.counts[event->index] += event->count;
		} else if (event->type == HGSHM_EVENT_PEER_UP && event->index < h->clients) {
			move_peer(&events.came, &events.went, event->index);
		} else if (event->type == HGSHM_EVENT_PEER_DOWN && event->index < h->clients) {
			move_peer(&events.went, &events.came, event->index);
		} else {
			return hgshm_fail(-EPROTO, "the driver returned event type %u index %u",
					  event->type, event->index);
		}
	}
	for (uint32_t i = 0; i < h->clients; i++)
		if (events.counts[i])
			atomic_fetch_add_explicit(&h->received[i], events.counts[i],
						  memory_order_relaxed);
	if (out)
		*out = events;
	return 0;
}

static int sleep_until(struct hgshm *h, int64_t end_ns)
{
	struct pollfd pollfd = { .fd = h->transport->fd(h->state), .events = POLLIN };
	struct timespec timeout;
	int64_t left_ns = end_ns - now_ns();
	int ready;

	if (left_ns <= 0)
		return -ETIMEDOUT;
	timeout.tv_sec = left_ns / 1000000000;
	timeout.tv_nsec = left_ns % 1000000000;
	atomic_fetch_add_explicit(&h->sleeps, 1, memory_order_relaxed);
	ready = ppoll(&pollfd, 1, &timeout, NULL);
	if (ready < 0)
		return hgshm_fail(-errno, "waiting for a doorbell: %s", strerror(errno));
	return ready ? 0 : -ETIMEDOUT;
}

int hgshm_wait(struct hgshm *h, int64_t timeout_ns, struct hgshm_events *events)
{
	int64_t start_ns, end_ns, spin_end_ns;
	int ret;

	if (!h)
		return hgshm_fail(-EINVAL, "hgshm_wait: the handle is NULL");
	atomic_fetch_add_explicit(&h->waits, 1, memory_order_relaxed);
	ret = take_events(h, events);
	if (ret != -EAGAIN || timeout_ns == 0)
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	start_ns = now_ns();
	if (timeout_ns < 0 || timeout_ns > INT64_MAX - start_ns)
		end_ns = INT64_MAX;
	else
		end_ns = start_ns + timeout_ns;
	spin_end_ns = start_ns + h->spin_us * INT64_C(1000);
	if (spin_end_ns > end_ns)
		spin_end_ns = end_ns;
	do {
		if (now_ns() >= spin_end_ns) {
			ret = sleep_until(h, end_ns);
			if (ret)
				return ret;
		}
		ret = take_events(h, events);
	} while (ret == -EAGAIN);
	return ret;
}

int hgshm_fd(struct hgshm *h)
{
	if (!h)
		return hgshm_fail(-EINVAL, "hgshm_fd: the handle is NULL");
	return h->transport->fd(h->state);
}
