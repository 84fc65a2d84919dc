/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <time.h>

#include "clock.h"
#include "heartbeat.h"
#include "stream.h"

static void *ring_on(void *arg)
{
	struct heartbeat *beat = arg;
	int64_t next_ns = clock_ns();

	pthread_mutex_lock(&beat->lock);
	while (!beat->ends) {
		struct timespec next;

		/* one that is gone is noticed by who waits for it */
		hgshm_poke(beat->h, beat->peer);
		next_ns += STREAM_BEAT_NS;
		next.tv_sec = next_ns / NS_PER_SECOND;
		next.tv_nsec = next_ns % NS_PER_SECOND;
		while (!beat->ends && clock_ns() < next_ns)
			pthread_cond_timedwait(&beat->changed, &beat->lock, &next);
	}
	pthread_mutex_unlock(&beat->lock);
	return NULL;
}

int heartbeat_start(struct heartbeat *beat, struct hgshm *h, uint32_t peer)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int error;

	*beat = (struct heartbeat){ .h = h, .peer = peer };
	pthread_mutex_init(&beat->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&beat->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* signals are for the thread that waits */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&beat->thread, NULL, ring_on, beat);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		pthread_cond_destroy(&beat->changed);
		pthread_mutex_destroy(&beat->lock);
	}
	return -error;
}

void heartbeat_stop(struct heartbeat *beat)
{
	pthread_mutex_lock(&beat->lock);
	beat->ends = true;
	pthread_cond_signal(&beat->changed);
	pthread_mutex_unlock(&beat->lock);
	pthread_join(beat->thread, NULL);
	pthread_cond_destroy(&beat->changed);
	pthread_mutex_destroy(&beat->lock);
}
