/* SPDX-License-Identifier: MIT */
/* Waiting for doorbells: poll, then sleep. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "internal.h"

/* a change, who came or went, who rang */
#define EVENTS_MAX (1 + 2 * HGSHM_PEERS_MAX)

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* One that comes and goes within what is told at once has done neither. */
static void note_change(uint64_t bit, uint64_t *now, uint64_t *opposite)
{
	if (*opposite & bit)
		*opposite &= ~bit;
	else
		*now |= bit;
}

static int note_event(const struct hgshm *h, const struct hgshm_event *event,
		      struct hgshm_events *events)
{
	bool of_member = event->index < h->clients;
	uint64_t bit = of_member ? UINT64_C(1) << event->index : 0;

	events->epoch = event->epoch;
	if (event->type == HGSHM_EVENT_PEERS) {
		events->peers_changed = 1;
	} else if (event->type == HGSHM_EVENT_PEER_UP && of_member) {
		note_change(bit, &events->came, &events->went);
	} else if (event->type == HGSHM_EVENT_PEER_DOWN && of_member) {
		note_change(bit, &events->went, &events->came);
	} else if (event->type == HGSHM_EVENT_DOORBELL && of_member) {
		events->rung |= bit;
		events->counts[event->index] += event->count;
	} else {
		return hgshm_fail(-EPROTO, "the driver returned event type %u index %u",
				  event->type, event->index);
	}
	return 0;
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
		int ret = note_event(h, &batch[i], &events);

		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < h->clients; i++)
		if (events.counts[i])
			atomic_fetch_add_explicit(&h->received[i], events.counts[i],
						  memory_order_relaxed);
	if (events.peers_changed)
		atomic_fetch_add(&h->peer_changes, 1);
	if (out)
		*out = events;
	return 0;
}

static int poll_fd(int fd, int64_t left_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct timespec left = { left_ns / 1000000000, left_ns % 1000000000 };
	int ready = ppoll(&pollfd, 1, left_ns < 0 ? NULL : &left, NULL);

	if (ready < 0)
		return -errno;
	return ready ? 0 : -ETIMEDOUT;
}

static int sleep_until(struct hgshm *h, int64_t end_ns)
{
	int64_t left_ns = -1;
	int ret;

	if (end_ns != INT64_MAX) {
		left_ns = end_ns - now_ns();
		if (left_ns <= 0)
			return -ETIMEDOUT;
	}
	atomic_fetch_add_explicit(&h->sleeps, 1, memory_order_relaxed);
	if (h->transport->sleep)
		ret = h->transport->sleep(h->state, left_ns);
	else
		ret = poll_fd(h->transport->fd(h->state), left_ns);
	if (ret && ret != -ETIMEDOUT)
		return hgshm_fail(ret, "waiting for a doorbell: %s", strerror(-ret));
	return ret;
}

/* A transport that sleeps by itself looks as it does so: one call of the kernel less. */
static bool looks_first(const struct hgshm *h, int64_t timeout_ns)
{
	return timeout_ns == 0 || h->spin_us || !h->transport->sleep;
}

int hgshm_wait(struct hgshm *h, int64_t timeout_ns, struct hgshm_events *events)
{
	int64_t start_ns, end_ns, spin_end_ns;
	int ret = -EAGAIN;

	if (!h)
		return hgshm_fail(-EINVAL, "hgshm_wait: the handle is NULL");
	atomic_fetch_add_explicit(&h->waits, 1, memory_order_relaxed);
	if (looks_first(h, timeout_ns))
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
		int slept = 0;

		if (now_ns() >= spin_end_ns)
			slept = sleep_until(h, end_ns);
		if (slept && slept != -ETIMEDOUT)
			return slept;
		ret = take_events(h, events);
		if (slept && ret == -EAGAIN)
			return slept;
	} while (ret == -EAGAIN);
	return ret;
}

int hgshm_fd(struct hgshm *h)
{
	if (!h)
		return hgshm_fail(-EINVAL, "hgshm_fd: the handle is NULL");
	return h->transport->fd(h->state);
}
