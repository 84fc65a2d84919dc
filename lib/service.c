/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"
#include "service.h"

#define STACK_BYTES (256 * 1024)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* One at a time: what is done for one may end another that is ready as well. */
static void *serve(void *of)
{
	struct hgshm_service *service = of;

	for (;;) {
		struct epoll_event event;
		struct hgshm_source *source;

		if (epoll_wait(service->epoll_fd, &event, 1, -1) != 1)
			continue;
		source = event.data.ptr;
		if (!source)
			return NULL;
		source->ready(source->of);
	}
}

int hgshm_service_init(struct hgshm_service *service, void (*alarm)(void *of), void *of)
{
	struct epoll_event stop = { .events = EPOLLIN };
	int error;

	service->runs = false;
	service->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	service->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	service->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (service->epoll_fd >= 0 && service->stop_fd >= 0 && service->timer_fd >= 0 &&
	    epoll_ctl(service->epoll_fd, EPOLL_CTL_ADD, service->stop_fd, &stop) == 0 &&
	    hgshm_service_watch(service, &service->timer, service->timer_fd, alarm, of) == 0)
		return 0;
	error = -errno;
	hgshm_service_stop(service);
	return hgshm_fail(error, "no descriptors to serve a group: %s", strerror(-error));
}

int hgshm_service_start(struct hgshm_service *service, uint32_t index)
{
	char name[16];
	sigset_t all, before;
	pthread_attr_t attr;
	int error;

	error = pthread_attr_init(&attr);
	if (error)
		return hgshm_fail(-error, "no thread to serve a group: %s", strerror(error));
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&service->thread, &attr, serve, service);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (error)
		return hgshm_fail(-error, "no thread to serve a group: %s", strerror(error));
	snprintf(name, sizeof(name), "hgshm:%u", index);
	pthread_setname_np(service->thread, name);
	service->runs = true;
	return 0;
}

void hgshm_service_stop(struct hgshm_service *service)
{
	if (service->runs) {
		eventfd_write(service->stop_fd, 1);
		pthread_join(service->thread, NULL);
		service->runs = false;
	}
	close_fd(&service->epoll_fd);
	close_fd(&service->stop_fd);
	close_fd(&service->timer_fd);
}

int hgshm_service_watch(struct hgshm_service *service, struct hgshm_source *source, int fd,
			void (*ready)(void *of), void *of)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

	*source = (struct hgshm_source){ .fd = fd, .ready = ready, .of = of };
	return epoll_ctl(service->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void hgshm_service_forget(struct hgshm_service *service, struct hgshm_source *source)
{
	if (source->fd >= 0)
		epoll_ctl(service->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
}

void hgshm_service_set_alarm(struct hgshm_service *service, int64_t at_ns)
{
	struct itimerspec at = {
		.it_value = { at_ns / 1000000000, at_ns % 1000000000 },
	};

	/* Setting it makes an alarm that has come and was not taken void. */
	timerfd_settime(service->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}
