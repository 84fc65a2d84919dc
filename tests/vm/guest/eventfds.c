// SPDX-License-Identifier: MIT
/*
 * Eventfds that the driver signals, with a VM at the other end that runs "events
 * serve":
 *
 *   eventfds check PEER
 *
 * Each ring is one that PEER was asked for, so every count is exact.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "device.h"

#define MANY	3

static int eventfd_new(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		check_abort("eventfd: %s", strerror(errno));
	return fd;
}

static int set_eventfd(int fd, uint32_t index, int eventfd)
{
	struct hgshm_set_eventfd request = { .fd = eventfd, .index = index };

	return ioctl(fd, HGSHM_IOC_SET_EVENTFD, &request);
}

/* What was added since the last call; waits only if something must come. */
static uint64_t taken(int eventfd, bool must_come)
{
	struct pollfd pollfd = { .fd = eventfd, .events = POLLIN };
	uint64_t count = 0;

	if (must_come && poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1)
		check_abort("no eventfd was signalled within %d ms", DEVICE_PATIENCE_MS);
	if (read(eventfd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		check_abort("reading an eventfd: %s", strerror(errno));
	return count;
}

/* One at a time, so that none merge. */
static void have_rung_apart(struct bench *b, int listener, int count)
{
	for (int i = 0; i < count; i++) {
		bench_have_rung(b, 1);
		CHECK_EQUAL(device_wait_ring(listener, b->peer), 1);
	}
}

static void check_one_peer(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int of_peer = eventfd_new(), of_all = eventfd_new(), of_changes = eventfd_new();

	CHECK_EQUAL(set_eventfd(fd, b->peer, of_peer), 0);
	CHECK_EQUAL(set_eventfd(fd, HGSHM_EVENTFD_ALL, of_all), 0);
	CHECK_EQUAL(set_eventfd(fd, HGSHM_EVENTFD_PEERS, of_changes), 0);
	/* read() tells the same, as if no eventfd were set. */
	have_rung_apart(b, fd, MANY);
	CHECK_EQUAL(taken(of_peer, true), MANY);
	CHECK_EQUAL(taken(of_all, true), MANY);
	CHECK_EQUAL(taken(of_changes, false), 0);

	/* -1 stops one, and leaves the others. */
	CHECK_EQUAL(set_eventfd(fd, b->peer, -1), 0);
	have_rung_apart(b, fd, 1);
	CHECK_EQUAL(taken(of_peer, false), 0);
	CHECK_EQUAL(taken(of_all, false), 1);
	close(fd);
	close(of_peer);
	close(of_all);
	close(of_changes);
}

/* The eventfd of another VM hears nothing of this one. */
static void check_other_peer(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int of_other = eventfd_new();

	for (uint32_t i = 0; i < b->info.clients; i++)
		if (i != b->peer && i != b->info.index)
			CHECK_EQUAL(set_eventfd(fd, i, of_other), 0);
	have_rung_apart(b, fd, 1);
	CHECK_EQUAL(taken(of_other, false), 0);
	close(fd);
	close(of_other);
}

static void check_replaced(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int first = eventfd_new(), second = eventfd_new();
	struct hgshm_set_eventfd wrong = { .fd = second, .index = b->peer, .flags = 1 };

	CHECK_EQUAL(set_eventfd(fd, b->peer, first), 0);
	/* A call that fails changes nothing. */
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &wrong), EINVAL);
	CHECK_ERRNO(set_eventfd(fd, b->peer, fd), EINVAL);
	have_rung_apart(b, fd, 1);
	CHECK_EQUAL(taken(first, true), 1);
	CHECK_EQUAL(taken(second, false), 0);
	CHECK_EQUAL(set_eventfd(fd, b->peer, second), 0);
	have_rung_apart(b, fd, 1);
	CHECK_EQUAL(taken(first, false), 0);
	CHECK_EQUAL(taken(second, true), 1);
	close(fd);
	close(first);
	close(second);
}

/* One for two VMs and for all at once adds up. */
static void check_shared(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int both = eventfd_new();

	CHECK_EQUAL(set_eventfd(fd, b->peer, both), 0);
	CHECK_EQUAL(set_eventfd(fd, HGSHM_EVENTFD_ALL, both), 0);
	have_rung_apart(b, fd, MANY);
	CHECK_EQUAL(taken(both, true), 2 * MANY);
	close(fd);
	close(both);
}

/* Each descriptor of the device has its own; they end with it. */
static void check_openers(struct bench *b)
{
	int first = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int second = device_open(device_path(), O_RDONLY | O_NONBLOCK);
	int listener = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int of_first = eventfd_new(), of_second = eventfd_new();

	CHECK_EQUAL(set_eventfd(first, b->peer, of_first), 0);
	CHECK_EQUAL(set_eventfd(second, b->peer, of_second), 0);
	have_rung_apart(b, listener, 1);
	CHECK_EQUAL(taken(of_first, true), 1);
	CHECK_EQUAL(taken(of_second, true), 1);
	close(second);
	have_rung_apart(b, listener, 1);
	CHECK_EQUAL(taken(of_first, true), 1);
	CHECK_EQUAL(taken(of_second, false), 0);
	close(first);
	close(listener);
	close(of_first);
	close(of_second);
}

/* Whoever holds the eventfd is told, though the program that set it has ended. */
static void check_shared_descriptor(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int eventfd = eventfd_new();
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(set_eventfd(fd, b->peer, eventfd) != 0);
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	have_rung_apart(b, fd, 1);
	CHECK_EQUAL(taken(eventfd, true), 1);
	close(eventfd);
	/* The driver still holds it: a ring finds it there. */
	have_rung_apart(b, fd, 1);
	close(fd);
}

/* What was held back comes as one, as read() says. */
static void check_held_back(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int eventfd = eventfd_new();

	CHECK_EQUAL(set_eventfd(fd, HGSHM_EVENTFD_ALL, eventfd), 0);
	device_irq_enable(fd, false);
	bench_have_rung(b, MANY);
	CHECK_EQUAL(taken(eventfd, false), 0);
	device_irq_enable(fd, true);
	CHECK_EQUAL(taken(eventfd, true), 1);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	close(fd);
	close(eventfd);
}

int main(int argc, char **argv)
{
	struct bench b;

	if (argc != 3 || strcmp(argv[1], "check"))
		check_abort("usage: eventfds check PEER");
	b = bench_open(atoi(argv[2]));
	check_one_peer(&b);
	check_other_peer(&b);
	check_replaced(&b);
	check_shared(&b);
	check_openers(&b);
	check_shared_descriptor(&b);
	check_held_back(&b);
	bench_end(&b);
	return check_status();
}
