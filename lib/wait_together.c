/* SPDX-License-Identifier: MIT */
/*
 * Several threads that wait at one handle, as the rings of it do. One leads: it sleeps in
 * hgshm_wait() and takes what comes, whomever that is for. Then a new round begins, which
 * wakes the others. One that was not asleep yet sees by the round that it missed something.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define NS_PER_S INT64_C(1000000000)

uint32_t hgshm_wait_round(const struct hgshm *h)
{
	return atomic_load(&h->wait_round);
}

/* Leadership is free before the round begins: who finds it taken sees a later one end. */
static void begin_round(struct hgshm *h)
{
	atomic_store(&h->wait_led, false);
	atomic_fetch_add(&h->wait_round, 1);
	/* Who counts itself only now finds that the round is another, and does not sleep. */
	if (atomic_load(&h->wait_followers))
		syscall(SYS_futex, &h->wait_round, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* A moment, since with one a signal handler ends the sleep whatever its SA_RESTART. */
static struct timespec moment_in(int64_t left_ns)
{
	struct timespec now;
	int64_t left_s = left_ns < 0 ? INT32_MAX : left_ns / NS_PER_S;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += left_s < INT32_MAX ? left_s : INT32_MAX;
	now.tv_nsec += left_ns < 0 ? 0 : left_ns % NS_PER_S;
	if (now.tv_nsec >= NS_PER_S) {
		now.tv_nsec -= NS_PER_S;
		now.tv_sec++;
	}
	return now;
}

static int follow(struct hgshm *h, int64_t timeout_ns, uint32_t round)
{
	struct timespec end = moment_in(timeout_ns);
	int error = 0;

	atomic_fetch_add(&h->wait_followers, 1);
	if (syscall(SYS_futex, &h->wait_round, FUTEX_WAIT_BITSET_PRIVATE, round, &end, NULL,
		    FUTEX_BITSET_MATCH_ANY) < 0)
		error = errno;
	atomic_fetch_sub(&h->wait_followers, 1);
	if (error == ETIMEDOUT)
		return -ETIMEDOUT;
	if (error == EINTR)
		return hgshm_fail(-EINTR, "waiting for a doorbell: a signal handler ran");
	return 0;
}

int hgshm_wait_together(struct hgshm *h, int64_t timeout_ns, uint32_t *round)
{
	uint32_t now = atomic_load(&h->wait_round);
	int ret = 0;

	if (now == *round) {
		if (atomic_exchange(&h->wait_led, true)) {
			ret = follow(h, timeout_ns, now);
		} else {
			/* The one before may have ended its round just now. */
			if (atomic_load(&h->wait_round) == now)
				ret = hgshm_wait(h, timeout_ns, NULL);
			begin_round(h);
		}
	}
	*round = atomic_load(&h->wait_round);
	return ret;
}
