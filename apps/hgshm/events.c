/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "clock.h"
#include "events.h"
#include "interrupt.h"

int64_t events_end(int64_t timeout_ns)
{
	int64_t now = clock_ns();

	return timeout_ns < 0 || timeout_ns > EVENTS_NO_END - now ? EVENTS_NO_END :
								     now + timeout_ns;
}

/* Signals are let in only while it sleeps, so that none comes between look and sleep. */
static int sleep_until(int fd, int64_t end_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int64_t left_ns = end_ns - clock_ns();
	sigset_t stopping, before;
	struct timespec timeout;
	int ready;

	if (left_ns < 0)
		left_ns = 0;
	timeout.tv_sec = left_ns / NS_PER_SECOND;
	timeout.tv_nsec = left_ns % NS_PER_SECOND;
	sigemptyset(&stopping);
	sigaddset(&stopping, SIGINT);
	sigaddset(&stopping, SIGTERM);
	sigaddset(&stopping, SIGHUP);
	sigprocmask(SIG_BLOCK, &stopping, &before);
	ready = interrupted ? 0 : ppoll(&pollfd, 1, end_ns == EVENTS_NO_END ? NULL : &timeout,
					&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (interrupted || (ready < 0 && errno == EINTR))
		return -EINTR;
	return ready < 0 ? -errno : ready ? 0 : -ETIMEDOUT;
}

int events_wait(struct hgshm *h, int64_t end_ns, struct hgshm_events *events,
		struct problem *problem)
{
	int ret;

	do {
		ret = sleep_until(hgshm_fd(h), end_ns);
		if (ret == -ETIMEDOUT || (ret == -EINTR && interrupted))
			return ret;
		if (ret && ret != -EINTR)
			return problem_set(problem, ret, "waiting for a doorbell: %s",
					   strerror(-ret));
		ret = hgshm_wait(h, 0, events);
	} while (ret == -ETIMEDOUT || ret == -EINTR);
	return ret ? problem_set(problem, ret, "%s", hgshm_strerror(ret)) : 0;
}
