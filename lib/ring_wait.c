/* SPDX-License-Identifier: MIT */
/* Waiting for the other side of a ring: poll, then sleep until it rings. */
#include <errno.h>
#include <time.h>

#include "ring_internal.h"

/* Looks between two looks at the clock, which takes longer than they do. */
#define LOOKS_PER_CLOCK 64

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static int ready(struct hgshm_ring *ring, size_t bytes, uint64_t *wanted)
{
	if (ring->side == HGSHM_RING_PRODUCER)
		return hgshm_ring_room_ready(ring, bytes, wanted);
	return hgshm_ring_data_ready(ring, wanted);
}

static int check_either(const struct hgshm_ring *ring, size_t bytes, const char *function)
{
	if (!ring)
		return hgshm_fail(-EINVAL, "%s: the ring is NULL", function);
	if (ring->side == HGSHM_RING_CONSUMER && bytes)
		return hgshm_fail(-EINVAL, "%s: a consumer asks for %zu bytes, must be 0", function,
				  bytes);
	return ring->error ? hgshm_ring_failed(ring) : 0;
}

void hgshm_ring_disarm(struct hgshm_ring *ring)
{
	if (!ring || !(ring->sleeping & 1))
		return;
	ring->sleeping++;
	/* A side that was replaced leaves its place alone. */
	if (shared_load(&ring->own->owner) == ring->owner)
		shared_store(&ring->own->sleeping, ring->sleeping);
}

static int arm(struct hgshm_ring *ring, size_t bytes)
{
	uint64_t wanted;
	int ret;

	hgshm_ring_disarm(ring);
	ret = ready(ring, bytes, &wanted);
	if (ret)
		return ret;
	ring->sleeping++;
	shared_store(&ring->own->wanted, wanted);
	ordered_store(&ring->own->sleeping, ring->sleeping);
	ring->sleeps++;
	/* Again: what came before the other could see that this side sleeps. */
	ret = ready(ring, bytes, &wanted);
	if (ret)
		hgshm_ring_disarm(ring);
	return ret;
}

int hgshm_ring_arm(struct hgshm_ring *ring, size_t bytes)
{
	int ret;

	ret = check_either(ring, bytes, "hgshm_ring_arm");
	return ret ? ret : arm(ring, bytes);
}

static int poll_until(struct hgshm_ring *ring, size_t bytes, int64_t end_ns)
{
	uint64_t wanted;
	int ret;

	do {
		for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
			ret = ready(ring, bytes, &wanted);
			if (ret)
				return ret;
			relax();
		}
	} while (now_ns() < end_ns);
	return 0;
}

static int out_of_time(struct hgshm_ring *ring)
{
	return hgshm_fail(-ETIMEDOUT, ring->side == HGSHM_RING_PRODUCER ?
			  "the consumer made no room in time" : "no message came in time");
}

/* Returns 1 once it is ready, or an error. */
static int sleep_until(struct hgshm_ring *ring, size_t bytes, int64_t end_ns)
{
	uint64_t wanted;
	int ret, woken;

	for (;;) {
		int64_t left_ns = end_ns < 0 ? -1 : end_ns - now_ns();

		if (end_ns >= 0 && left_ns <= 0)
			return out_of_time(ring);
		ret = arm(ring, bytes);
		if (ret)
			return ret;
		woken = ring->options.wait(ring->options.context, left_ns);
		hgshm_ring_disarm(ring);
		/* What has come counts, even if it was the last before the other's end. */
		ret = ready(ring, bytes, &wanted);
		if (ret)
			return ret;
		if (woken && woken != -ETIMEDOUT)
			return woken;
	}
}

int hgshm_ring_wait(struct hgshm_ring *ring, size_t bytes, int64_t timeout_ns)
{
	int64_t start_ns, end_ns = -1, spin_end_ns;
	uint64_t wanted;
	int ret;

	ret = check_either(ring, bytes, "hgshm_ring_wait");
	if (ret)
		return ret;
	ret = ready(ring, bytes, &wanted);
	if (ret)
		return ret < 0 ? ret : 0;
	if (!timeout_ns)
		return out_of_time(ring);
	if (!ring->options.wait)
		return hgshm_fail(-EOPNOTSUPP, "this ring has no way to wait: wait is NULL");
	if (ring->side == HGSHM_RING_PRODUCER) {
		ret = hgshm_ring_show(ring);
		if (ret < 0)
			return ret;
	}
	start_ns = now_ns();
	if (timeout_ns > 0 && timeout_ns <= INT64_MAX - start_ns)
		end_ns = start_ns + timeout_ns;
	spin_end_ns = start_ns + ring->options.spin_us * INT64_C(1000);
	if (end_ns >= 0 && spin_end_ns > end_ns)
		spin_end_ns = end_ns;
	ret = ring->options.spin_us ? poll_until(ring, bytes, spin_end_ns) : 0;
	if (!ret)
		ret = sleep_until(ring, bytes, end_ns);
	return ret < 0 ? ret : 0;
}
