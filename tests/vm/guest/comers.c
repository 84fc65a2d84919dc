// SPDX-License-Identifier: MIT
/*
 * VMs that come and go while this one lives, and what each opener is told of it:
 *
 *   comers
 *
 * $DEVICE is the mapper's, of a group of four where nobody else is yet. What is written
 * to the port "ask" the host does: "come N", "go N", "flap N" (go, and come back).
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define ASK_PORT	"/dev/hgshm.ask"
#define BIT(index)	(1ULL << (index))
#define TURN_NS		1000000

/* What one opener was told since the last look. */
struct told {
	uint64_t came;
	uint64_t went;
	uint64_t changes;
	uint32_t epoch;
};

static int nonblocking_open(void)
{
	return device_open(device_path(), O_RDWR | O_NONBLOCK);
}

static void ask(const char *what, uint32_t index)
{
	int fd = open(ASK_PORT, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%s %u\n", what, index) < 0)
		check_abort("%s: %s", ASK_PORT, strerror(errno));
	close(fd);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) > 0 && pollfd.revents == POLLIN;
}

static struct hgshm_event read_one(int fd)
{
	struct hgshm_event event;

	if (!readable(fd, DEVICE_PATIENCE_MS))
		check_abort("no event came within %d ms", DEVICE_PATIENCE_MS);
	if (read(fd, &event, sizeof(event)) != sizeof(event))
		check_abort("read: %s", strerror(errno));
	return event;
}

/* Until INFO says so; no event is read. */
static struct hgshm_info wait_info(int fd, uint64_t peers, uint32_t epoch)
{
	struct timespec turn = { .tv_nsec = TURN_NS };
	struct hgshm_info info;

	for (info = device_info(fd); info.peers != peers || info.epoch != epoch;
	     info = device_info(fd)) {
		if ((int32_t)(info.epoch - epoch) > 0)
			check_abort("epoch %u with peers %#llx, but %u with %#llx was due",
				    info.epoch, (unsigned long long)info.peers, epoch,
				    (unsigned long long)peers);
		nanosleep(&turn, NULL);
	}
	return info;
}

static void tell(struct told *told, const struct hgshm_event *event)
{
	CHECK(event->type == HGSHM_EVENT_PEERS || event->type == HGSHM_EVENT_PEER_UP ||
	      event->type == HGSHM_EVENT_PEER_DOWN);
	told->epoch = event->epoch;
	if (event->type == HGSHM_EVENT_PEERS) {
		CHECK_EQUAL(event->index, HGSHM_EVENT_NO_INDEX);
		told->changes += event->count;
		return;
	}
	/* PEERS comes before who it was, and each is told once. */
	CHECK(told->changes >= 1);
	CHECK_EQUAL(event->count, 1);
	CHECK(!((told->came | told->went) & BIT(event->index)));
	if (event->type == HGSHM_EVENT_PEER_UP)
		told->came |= BIT(event->index);
	else
		told->went |= BIT(event->index);
}

/* One read() of at most @batch records. */
static void read_batch(int fd, size_t batch, struct told *told)
{
	struct hgshm_event events[HGSHM_VECTORS_MAX];
	ssize_t bytes = read(fd, events, batch * sizeof(*events));

	if (bytes <= 0 || bytes % sizeof(*events))
		check_abort("read returned %zd: %s", bytes, strerror(errno));
	for (size_t i = 0; i < bytes / sizeof(*events); i++)
		tell(told, &events[i]);
}

/* Reads, by @batch records at a time, until told that much and nothing is left. */
static struct told wait_told(int fd, size_t batch, uint64_t came, uint64_t went)
{
	struct told told = { 0 };

	do {
		if (!readable(fd, DEVICE_PATIENCE_MS))
			check_abort("told of %#llx and %#llx only within %d ms",
				    (unsigned long long)told.came,
				    (unsigned long long)told.went, DEVICE_PATIENCE_MS);
		read_batch(fd, batch, &told);
	} while (told.came != came || told.went != went || readable(fd, DEVICE_QUIET_MS));
	return told;
}

static int listen_for(int fd, uint32_t index)
{
	struct hgshm_set_eventfd request = {
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.index = index,
	};

	if (request.fd < 0 || ioctl(fd, HGSHM_IOC_SET_EVENTFD, &request))
		check_abort("an eventfd at %#x: %s", index, strerror(errno));
	return request.fd;
}

static uint64_t taken(int eventfd)
{
	uint64_t count = 0;

	if (read(eventfd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		check_abort("reading an eventfd: %s", strerror(errno));
	return count;
}

/* The first comes: one change, all ways of being told agree. */
static void check_one_comes(int fd, uint32_t epoch)
{
	int changes = listen_for(fd, HGSHM_EVENTFD_PEERS);
	int all = listen_for(fd, HGSHM_EVENTFD_ALL);
	int rings = listen_for(fd, 2);
	struct hgshm_set_signal request = { .signo = SIGUSR1 };
	struct timespec patience = { .tv_sec = DEVICE_PATIENCE_MS / 1000 };
	struct hgshm_event event;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_SIGNAL, &request), 0);
	ask("come", 2);
	CHECK_EQUAL(sigtimedwait(&set, NULL, &patience), SIGUSR1);

	event = read_one(fd);
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEERS);
	CHECK_EQUAL(event.index, HGSHM_EVENT_NO_INDEX);
	CHECK_EQUAL(event.epoch, epoch + 1);
	CHECK_EQUAL(event.count, 1);
	/* The next record is due: poll says so, and the small buffer lost nothing. */
	CHECK(readable(fd, 0));
	event = read_one(fd);
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEER_UP);
	CHECK_EQUAL(event.index, 2);
	CHECK_EQUAL(event.epoch, epoch + 1);
	CHECK_EQUAL(event.count, 1);
	CHECK(!readable(fd, DEVICE_QUIET_MS));
	CHECK_EQUAL(taken(changes), 1);
	CHECK_EQUAL(taken(all), 1);
	CHECK_EQUAL(taken(rings), 0);
	wait_info(fd, BIT(0) | BIT(2), epoch + 1);
	close(changes);
	close(all);
	close(rings);
}

/* One that reads late is told of all at once; one record at a time says the same. */
static void check_more_come(int fd, int late, uint32_t epoch)
{
	struct told told;

	ask("come", 1);
	ask("come", 3);
	wait_info(fd, 0xF, epoch + 3);
	told = wait_told(fd, 1, BIT(1) | BIT(3), 0);
	CHECK(told.changes == 1 || told.changes == 2);
	CHECK_EQUAL(told.epoch, epoch + 3);

	told = (struct told){ 0 };
	read_batch(late, HGSHM_VECTORS_MAX, &told);
	CHECK_EQUAL(told.came, BIT(1) | BIT(2) | BIT(3));
	CHECK_EQUAL(told.went, 0);
	CHECK(told.changes == 2 || told.changes == 3);
	CHECK_EQUAL(told.epoch, epoch + 3);
	CHECK(!readable(late, 0));
}

/* What was half read is told to its end before what came later. */
static void check_half_read(int fd, uint32_t epoch)
{
	struct hgshm_event event;
	struct told told;

	ask("go", 1);
	event = read_one(fd);
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEERS);
	CHECK_EQUAL(event.epoch, epoch + 4);
	ask("come", 1);
	wait_info(fd, 0xF, epoch + 5);
	event = read_one(fd);
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEER_DOWN);
	CHECK_EQUAL(event.index, 1);
	CHECK_EQUAL(event.epoch, epoch + 4);
	told = wait_told(fd, 1, BIT(1), 0);
	CHECK_EQUAL(told.changes, 1);
	CHECK_EQUAL(told.epoch, epoch + 5);
}

/* Gone and back before it was read: a change, but nobody came or went. */
static void check_flap(int fd, uint32_t epoch)
{
	struct told told;

	ask("flap", 2);
	wait_info(fd, 0xF, epoch + 7);
	told = wait_told(fd, HGSHM_VECTORS_MAX, 0, 0);
	CHECK(told.changes == 1 || told.changes == 2);
	CHECK_EQUAL(told.epoch, epoch + 7);
}

/* Whoever opens now knows who is there now, and is told of what changes then. */
static void check_held_back(int fd, uint32_t epoch)
{
	struct hgshm_event event;
	int young;
	struct told told;

	device_irq_enable(fd, false);
	ask("go", 3);
	wait_info(fd, 0x7, epoch + 8);
	CHECK(!readable(fd, DEVICE_QUIET_MS));
	young = nonblocking_open();
	device_irq_enable(fd, true);
	told = wait_told(fd, HGSHM_VECTORS_MAX, 0, BIT(3));
	CHECK_EQUAL(told.changes, 1);
	event = read_one(young);
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEERS);
	CHECK(!readable(young, 0));
	ask("go", 2);
	told = wait_told(young, HGSHM_VECTORS_MAX, 0, BIT(2));
	CHECK_EQUAL(told.epoch, epoch + 9);
	close(young);
}

int main(void)
{
	int fd = nonblocking_open(), late = nonblocking_open();
	struct hgshm_info info = device_info(fd);
	struct told told;

	CHECK_EQUAL(info.index, 0);
	CHECK_EQUAL(info.clients, 4);
	CHECK_EQUAL(info.peers, BIT(0));
	CHECK(!readable(fd, 0));
	check_one_comes(fd, info.epoch);
	check_more_come(fd, late, info.epoch);
	check_half_read(fd, info.epoch);
	check_flap(fd, info.epoch);
	check_held_back(fd, info.epoch);
	/* In nine changes, one that read all along and one that did not. */
	told = wait_told(fd, HGSHM_VECTORS_MAX, 0, BIT(2));
	CHECK_EQUAL(told.epoch, info.epoch + 9);
	told = wait_told(late, HGSHM_VECTORS_MAX, 0, BIT(2) | BIT(3));
	CHECK_EQUAL(told.epoch, info.epoch + 9);
	return check_status();
}
