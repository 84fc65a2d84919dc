/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "doorbells.h"
#include "internal.h"

#define NS_PER_MS 1000000

/* epoll's data: a member's index, with a bit for what was its eventfd before */
#define KEY_PREVIOUS	0x100u
#define KEY_NEWS	0x200u

static int watch(struct hgshm_doorbells *d, int fd, uint32_t key)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = key };

	return epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/*
 * An eventfd is shared with the other side, which may turn O_NONBLOCK off or read it
 * empty at any moment; RWF_NOWAIT is this call's own.
 */
static uint64_t drain(int fd)
{
	uint64_t count = 0;
	struct iovec iov = { &count, sizeof(count) };

	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count) ? count : 0;
}

int hgshm_doorbells_init(struct hgshm_doorbells *d)
{
	int error;

	atomic_init(&d->connected, 0);
	for (int i = 0; i < HGSHM_CLIENTS_MAX; i++) {
		atomic_init(&d->out[i], -1);
		atomic_init(&d->in[i], -1);
		atomic_init(&d->previous[i], -1);
		atomic_init(&d->kept[i], 0);
	}
	d->ready_count = 0;
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->sink_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->epoll_fd >= 0 && d->news_fd >= 0 && d->sink_fd >= 0 &&
	    watch(d, d->news_fd, KEY_NEWS) == 0)
		return 0;
	error = -errno;
	hgshm_doorbells_close(d);
	return hgshm_fail(error, "no descriptors for doorbells: %s", strerror(-error));
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void hgshm_doorbells_close(struct hgshm_doorbells *d)
{
	for (int i = 0; i < HGSHM_CLIENTS_MAX; i++) {
		close_fd(atomic_load(&d->out[i]));
		close_fd(atomic_load(&d->in[i]));
		close_fd(atomic_load(&d->previous[i]));
	}
	close_fd(d->epoll_fd);
	close_fd(d->news_fd);
	close_fd(d->sink_fd);
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Puts the eventfd behind the slot's number, or makes its number the slot's. */
static int fill_slot(_Atomic int *slot, int fd)
{
	int number = atomic_load(slot);
	int ret = 0;

	if (number < 0) {
		atomic_store(slot, fd);
		return 0;
	}
	if (dup3(fd, number, O_CLOEXEC) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int hgshm_doorbells_connect_out(struct hgshm_doorbells *d, uint32_t index, int fd)
{
	int ret;

	set_nonblocking(fd);
	ret = fill_slot(&d->out[index], fd);
	if (!ret)
		atomic_fetch_or(&d->connected, UINT64_C(1) << index);
	return ret;
}

/* epoll watches a file behind a number; it must forget that before another comes there. */
static void unwatch(struct hgshm_doorbells *d, int fd)
{
	epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void keep_rings(struct hgshm_doorbells *d, uint32_t index, int fd)
{
	uint64_t count = drain(fd);

	if (count) {
		atomic_fetch_add(&d->kept[index], count);
		hgshm_doorbells_tell_news(d);
	}
}

/* What is behind in[index] goes behind previous[index]. */
static void move_to_previous(struct hgshm_doorbells *d, uint32_t index)
{
	int in = atomic_load(&d->in[index]);
	int previous = atomic_load(&d->previous[index]);
	int copy;

	if (previous >= 0) {
		unwatch(d, previous);
		keep_rings(d, index, previous);
	}
	unwatch(d, in);
	copy = fcntl(in, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0 && fill_slot(&d->previous[index], copy) == 0 &&
	    watch(d, atomic_load(&d->previous[index]), index | KEY_PREVIOUS) == 0)
		return;
	/* No descriptors left: only what was rung until now is taken along. */
	keep_rings(d, index, in);
}

int hgshm_doorbells_connect_in(struct hgshm_doorbells *d, uint32_t index, int fd)
{
	int ret;

	set_nonblocking(fd);
	if (atomic_load(&d->in[index]) >= 0)
		move_to_previous(d, index);
	ret = fill_slot(&d->in[index], fd);
	return ret ? ret : watch(d, atomic_load(&d->in[index]), index);
}

void hgshm_doorbells_disconnect(struct hgshm_doorbells *d, uint32_t index)
{
	int out = atomic_load(&d->out[index]);

	atomic_fetch_and(&d->connected, ~(UINT64_C(1) << index));
	if (out >= 0)
		dup3(d->sink_fd, out, O_CLOEXEC);
}

int hgshm_doorbells_ring(struct hgshm_doorbells *d, uint32_t index)
{
	static const uint64_t one = 1;

	if (!(atomic_load(&d->connected) >> index & 1))
		return -ENOTCONN;
	/* One that is full can't be written, but is rung. */
	if (write(atomic_load(&d->out[index]), &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

void hgshm_doorbells_tell_news(struct hgshm_doorbells *d)
{
	eventfd_write(d->news_fd, 1);
}

/* epoll_wait() itself is cheaper than to poll its descriptor, but knows only whole ms. */
int hgshm_doorbells_sleep(struct hgshm_doorbells *d, int64_t left_ns)
{
	struct pollfd pollfd = { .fd = d->epoll_fd, .events = POLLIN };
	struct timespec left = { .tv_nsec = left_ns % NS_PER_MS };
	int64_t left_ms = left_ns / NS_PER_MS;
	int count;

	if (left_ns >= 0 && !left_ms) {
		count = ppoll(&pollfd, 1, &left, NULL);
		if (!count)
			return -ETIMEDOUT;
		return count < 0 ? -errno : 0;
	}
	if (left_ns < 0)
		left_ms = -1;
	else if (left_ms > INT32_MAX)
		left_ms = INT32_MAX;
	count = epoll_wait(d->epoll_fd, d->ready, HGSHM_DOORBELLS_READY_MAX, left_ms);
	d->ready_count = count > 0 ? count : 0;
	return count < 0 ? -errno : 0;
}

bool hgshm_doorbells_take(struct hgshm_doorbells *d, struct hgshm_rings *rings)
{
	if (!d->ready_count)
		d->ready_count = epoll_wait(d->epoll_fd, d->ready, HGSHM_DOORBELLS_READY_MAX, 0);
	if (d->ready_count <= 0) {
		d->ready_count = 0;
		return false;
	}
	memset(rings, 0, sizeof(*rings));
	for (int i = 0; i < d->ready_count; i++) {
		uint32_t key = d->ready[i].data.u32;
		uint32_t index = key & (HGSHM_CLIENTS_MAX - 1);

		if (key == KEY_NEWS) {
			drain(d->news_fd);
			rings->news = true;
		} else if (key & KEY_PREVIOUS) {
			rings->counts[index] += drain(atomic_load(&d->previous[index]));
		} else {
			rings->counts[index] += drain(atomic_load(&d->in[index]));
		}
	}
	d->ready_count = 0;
	for (uint32_t i = 0; rings->news && i < HGSHM_CLIENTS_MAX; i++)
		rings->counts[i] += atomic_exchange(&d->kept[i], 0);
	return true;
}
