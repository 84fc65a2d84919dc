/* SPDX-License-Identifier: MIT */
/*
 * The thread that serves a member's sockets and lines. All signals are blocked in it.
 *
 * All but start and stop is called by that thread itself, or before it runs.
 */
#ifndef HGSHM_LIB_SERVICE_H
#define HGSHM_LIB_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is watched, and what is done when it can be read or has hung up. */
struct hgshm_source {
	int fd;
	void (*ready)(void *of);
	void *of;
};

struct hgshm_service {
	int epoll_fd;
	int timer_fd;
	int stop_fd;
	pthread_t thread;
	bool runs;
	struct hgshm_source timer;
};

/* alarm(of) is called when the moment of hgshm_service_set_alarm() has come. */
int hgshm_service_init(struct hgshm_service *service, void (*alarm)(void *of), void *of);
int hgshm_service_start(struct hgshm_service *service, uint32_t index);
/* Returns when the thread has ended. Also for a service that was not started. */
void hgshm_service_stop(struct hgshm_service *service);

int hgshm_service_watch(struct hgshm_service *service, struct hgshm_source *source, int fd,
			void (*ready)(void *of), void *of);
/* The descriptor stays the caller's, who closes it after this. */
void hgshm_service_forget(struct hgshm_service *service, struct hgshm_source *source);

/* One alarm, CLOCK_MONOTONIC; 0 for none. It replaces the one before. */
void hgshm_service_set_alarm(struct hgshm_service *service, int64_t at_ns);

#endif /* HGSHM_LIB_SERVICE_H */
