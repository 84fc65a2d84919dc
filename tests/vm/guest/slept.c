// SPDX-License-Identifier: MIT
/*
 * The VM sleeps, and wakes to find all as it should be:
 *
 *   slept STATE GONE     STATE is a word for /sys/power/state. While this VM sleeps,
 *                        VM 0 rings it once and VM GONE goes
 *   slept DISK GONE      DISK is a block device that takes the image of hibernation.
 *                        When it is taken VM GONE is rung, goes, and the image is
 *                        restored
 *
 * Mappings, the eventfd and the descriptor that the script holds open are from before
 * the sleep.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "hibernate.h"

#define PAGE_BYTES	4096
#define TURN_NS		1000000
#define STORED_BEFORE	41
#define STORED_BETWEEN	42

static void sleep_in(const char *state)
{
	int power = open("/sys/power/state", O_WRONLY | O_CLOEXEC);

	if (power < 0 || write(power, state, strlen(state)) < 0)
		check_abort("/sys/power/state takes no %s: %s", state, strerror(errno));
	close(power);
}

struct in_between {
	uint32_t gone;
	volatile uint8_t *memory;
};

/* A VM goes, of which this system is told, but not the one that comes back. */
static void have_gone(void *argument)
{
	struct in_between *in_between = argument;
	struct timespec turn = { .tv_nsec = TURN_NS };

	*in_between->memory = STORED_BETWEEN;
	device_poke(DEVICE_INHERITED_FD, in_between->gone);
	while (device_info(DEVICE_INHERITED_FD).peers >> in_between->gone & 1)
		nanosleep(&turn, NULL);
	device_drain(DEVICE_INHERITED_FD);
}

/* All that was to be told is told, and each but once. */
static void check_events(int fd, uint32_t gone, bool ring_is_due)
{
	bool rang = !ring_is_due, changed = false, went = false;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct hgshm_event event;

	while (!rang || !changed || !went) {
		if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1 ||
		    read(fd, &event, sizeof(event)) != sizeof(event))
			check_abort("after the sleep, a ring: %d, a change: %d, a VM that went: %d",
				    rang, changed, went);
		switch (event.type) {
		case HGSHM_EVENT_DOORBELL:
			CHECK(!rang);
			CHECK_EQUAL(event.index, 0);
			CHECK_EQUAL(event.count, 1);
			rang = true;
			break;
		case HGSHM_EVENT_PEERS:
			changed = true;
			break;
		case HGSHM_EVENT_PEER_DOWN:
			CHECK(!went);
			CHECK_EQUAL(event.index, gone);
			went = true;
			break;
		default:
			check_abort("event of type %u of VM %u", event.type, event.index);
		}
	}
	CHECK_EQUAL(poll(&pollfd, 1, DEVICE_QUIET_MS), 0);
}

static int make_eventfd(int fd)
{
	struct hgshm_set_eventfd request = {
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .index = 0,
	};

	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &request), 0);
	return request.fd;
}

int main(int argc, char **argv)
{
	uint32_t gone = argc == 3 ? atoi(argv[2]) : 0;
	bool hibernates = argc == 3 && argv[1][0] == '/';
	struct in_between in_between = { .gone = gone };
	int fd = DEVICE_INHERITED_FD;
	struct hgshm_info before = device_info(fd), after;
	volatile uint8_t *memory = device_map_memory(fd, &before);
	volatile uint32_t *doorbells;
	int rings_fd = make_eventfd(fd);
	uint64_t rings = 0;

	if (argc != 3)
		check_abort("usage: slept STATE|DISK GONE");
	doorbells = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 HGSHM_MMAP_DOORBELLS);
	CHECK(doorbells != MAP_FAILED);
	in_between.memory = memory + before.memory_bytes - 1;
	*in_between.memory = STORED_BEFORE;
	device_drain(fd);

	if (hibernates)
		hibernate(argv[1], have_gone, &in_between);
	else
		sleep_in(argv[1]);

	check_events(fd, gone, !hibernates);
	CHECK_EQUAL(read(rings_fd, &rings, sizeof(rings)),
		    hibernates ? -1 : (ssize_t)sizeof(rings));
	CHECK_EQUAL(rings, !hibernates);
	after = device_info(fd);
	CHECK_EQUAL(after.peers, before.peers & ~(1ULL << gone));
	CHECK_EQUAL(after.epoch, before.epoch + 1);
	CHECK_EQUAL(after.irq_enabled, 1);
	/* The image has nothing of the shared memory. */
	CHECK_EQUAL(*in_between.memory, hibernates ? STORED_BETWEEN : STORED_BEFORE);
	*in_between.memory = 0;
	CHECK_EQUAL(*in_between.memory, 0);
	doorbells[0] = 1;
	return check_status();
}
