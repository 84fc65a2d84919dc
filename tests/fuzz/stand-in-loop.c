// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of QEMU's main loop: handlers, timers, bottom halves, event notifiers. */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "wire.h"
#include "stand-in.h"

#define HANDLERS_MAX	1024
#define TIMERS_MAX	1024
#define ROUNDS_MAX	10000
#define CLOCK_START_NS	NANOSECONDS_PER_SECOND

struct handler {
	int fd;
	IOHandler *read;
	void *opaque;
};

struct QEMUBH {
	QEMUBHFunc *run;
	void *opaque;
	bool scheduled;
};

static struct handler handlers[HANDLERS_MAX];
static unsigned int handler_count;
static QEMUTimer *timers[TIMERS_MAX];
static unsigned int timer_count;
static QEMUBH *half;	/* the device has one at most */
static int64_t clock_ns;
static void (*waiter)(int64_t longest_ns);

void loop_begin(void)
{
	handler_count = 0;
	timer_count = 0;
	half = NULL;
	waiter = NULL;
	clock_ns = CLOCK_START_NS;
}

void loop_end(void)
{
	fuzz_check(!handler_count, "%u handlers are left, one on fd %d",
		   handler_count, handlers[0].fd);
	fuzz_check(!timer_count, "%u timers are left", timer_count);
	fuzz_check(!half, "a bottom half is left");
}

void loop_set_waiter(void (*wait)(int64_t longest_ns))
{
	waiter = wait;
}

static struct handler *find(int fd)
{
	for (unsigned int i = 0; i < handler_count; i++) {
		if (handlers[i].fd == fd)
			return &handlers[i];
	}
	return NULL;
}

static bool run_ready(void)
{
	struct pollfd pfds[HANDLERS_MAX];
	unsigned int count = handler_count;
	bool ran = false;

	if (half && half->scheduled) {
		half->scheduled = false;
		half->run(half->opaque);
		return true;
	}
	for (unsigned int i = 0; i < count; i++)
		pfds[i] = (struct pollfd) { .fd = handlers[i].fd, .events = POLLIN };
	/* The fuzzer has an alarm of its own. */
	while (poll(pfds, count, 0) < 0)
		fuzz_check(errno == EINTR, "poll: %s", strerror(errno));
	for (unsigned int i = 0; i < count; i++) {
		/* One of the others may have taken it away. */
		struct handler *h = pfds[i].revents ? find(pfds[i].fd) : NULL;

		fuzz_check(!h || !(pfds[i].revents & POLLNVAL),
			   "a handler is left on closed fd %d", pfds[i].fd);
		if (h) {
			h->read(h->opaque);
			ran = true;
		}
	}
	return ran;
}

void loop_run(void)
{
	unsigned int rounds = 0;

	while (run_ready())
		fuzz_check(rounds++ < ROUNDS_MAX, "the main loop does not come to rest");
}

static QEMUTimer *first_until(int64_t ns)
{
	QEMUTimer *first = NULL;

	for (unsigned int i = 0; i < timer_count; i++) {
		if (timers[i]->expire_time <= ns &&
		    (!first || timers[i]->expire_time < first->expire_time))
			first = timers[i];
	}
	return first;
}

void loop_advance(int64_t ns)
{
	int64_t until_ns = clock_ns + ns;
	QEMUTimer *t;

	for (loop_run(); (t = first_until(until_ns)); loop_run()) {
		clock_ns = MAX(clock_ns, t->expire_time);
		timer_del(t);
		t->cb(t->opaque);
	}
	clock_ns = until_ns;
}

void qemu_set_fd_handler(int fd, IOHandler *read, IOHandler *write, void *opaque)
{
	struct handler *h = find(fd);

	fuzz_check(fcntl(fd, F_GETFD) >= 0, "a handler for closed fd %d", fd);
	if (!read) {
		if (h)
			*h = handlers[--handler_count];
		return;
	}
	if (!h) {
		fuzz_check(handler_count < HANDLERS_MAX, "too many handlers");
		h = &handlers[handler_count++];
	}
	*h = (struct handler) { fd, read, opaque };
}

void timer_init_full(QEMUTimer *t, QEMUTimerListGroup *group, QEMUClockType type,
		     int scale, int attributes, QEMUTimerCB *cb, void *opaque)
{
	*t = (QEMUTimer) { .cb = cb, .opaque = opaque, .scale = scale };
}

void timer_mod(QEMUTimer *t, int64_t expire_time)
{
	timer_del(t);
	fuzz_check(timer_count < TIMERS_MAX, "too many timers");
	t->expire_time = expire_time * t->scale;
	timers[timer_count++] = t;
}

bool timer_pending(QEMUTimer *t)
{
	for (unsigned int i = 0; i < timer_count; i++) {
		if (timers[i] == t)
			return true;
	}
	return false;
}

void timer_del(QEMUTimer *t)
{
	for (unsigned int i = 0; i < timer_count; i++) {
		if (timers[i] == t) {
			timers[i] = timers[--timer_count];
			return;
		}
	}
}

int64_t qemu_clock_get_ns(QEMUClockType type)
{
	return clock_ns;
}

/* By the linker's --wrap: the device's calls of these come here. */
int64_t __wrap_hgshm_wire_now_ns(void);
gint __real_g_poll(GPollFD *fds, guint count, gint timeout_ms);
gint __wrap_g_poll(GPollFD *fds, guint count, gint timeout_ms);

int64_t __wrap_hgshm_wire_now_ns(void)
{
	return clock_ns;
}

gint __wrap_g_poll(GPollFD *fds, guint count, gint timeout_ms)
{
	if (timeout_ms) {
		fuzz_check(waiter && timeout_ms > 0, "it waits where it must not");
		waiter(timeout_ms * (int64_t)SCALE_MS);
	}
	for (;;) {
		gint ready = __real_g_poll(fds, count, 0);

		if (ready >= 0 || errno != EINTR)
			return ready;
	}
}

QEMUBH *qemu_bh_new_full(QEMUBHFunc *run, void *opaque, const char *name,
			 MemReentrancyGuard *guard)
{
	fuzz_check(!half, "a second bottom half");
	half = g_new0(QEMUBH, 1);
	half->run = run;
	half->opaque = opaque;
	return half;
}

void qemu_bh_schedule(QEMUBH *bh)
{
	bh->scheduled = true;
}

void qemu_bh_delete(QEMUBH *bh)
{
	fuzz_check(bh == half, "another bottom half");
	g_free(bh);
	half = NULL;
}

int event_notifier_init(EventNotifier *e, int active)
{
	int fd = eventfd(active, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	event_notifier_init_fd(e, fd);
	return 0;
}

void event_notifier_init_fd(EventNotifier *e, int fd)
{
	fuzz_check(hgshm_wire_is_eventfd(fd), "fd %d is no eventfd", fd);
	e->rfd = fd;
	e->wfd = fd;
	e->initialized = true;
}

void event_notifier_cleanup(EventNotifier *e)
{
	fuzz_check(e->initialized, "an event notifier is closed twice");
	fuzz_check(!find(e->rfd), "an event notifier is closed with its handler set");
	close(e->rfd);
	e->initialized = false;
}

int event_notifier_get_fd(const EventNotifier *e)
{
	return e->rfd;
}

void event_notifier_set_handler(EventNotifier *e, EventNotifierHandler *handler)
{
	qemu_set_fd_handler(e->rfd, (IOHandler *)handler, NULL, e);
}

int event_notifier_set(EventNotifier *e)
{
	const uint64_t one = 1;
	int flags = fcntl(e->wfd, F_GETFL);

	fuzz_check(e->initialized, "a closed event notifier is set");
	fuzz_check(flags & O_NONBLOCK, "writing this event notifier may block");
	return write(e->wfd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

int event_notifier_test_and_clear(EventNotifier *e)
{
	uint64_t count;

	fuzz_check(e->initialized, "a closed event notifier is read");
	fuzz_check(fcntl(e->rfd, F_GETFL) & O_NONBLOCK,
		   "reading this event notifier may block");
	return read(e->rfd, &count, sizeof(count)) == sizeof(count);
}
