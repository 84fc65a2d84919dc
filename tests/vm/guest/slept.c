// SPDX-License-Identifier: MIT
/*
 * The VM sleeps, and wakes to find all as it should be:
 *
 *   slept STATE GONE
 *
 * STATE is a word for /sys/power/state. While this VM sleeps, VM 0 rings it once and
 * VM GONE goes. Mappings, the eventfd and the descriptor that the script holds open
 * are from before the sleep.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096

static void sleep_in(const char *state)
{
	int power = open("/sys/power/state", O_WRONLY | O_CLOEXEC);

	if (power < 0 || write(power, state, strlen(state)) < 0)
		check_abort("/sys/power/state takes no %s: %s", state, strerror(errno));
	close(power);
}

/* All that was to be told is told, and each but once. */
static void check_events(int fd, uint32_t gone)
{
	bool rang = false, changed = false, went = false;
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
	int fd = DEVICE_INHERITED_FD;
	struct hgshm_info before = device_info(fd), after;
	volatile uint8_t *memory = device_map_memory(fd, &before);
	volatile uint32_t *doorbells;
	int rings_fd = make_eventfd(fd);
	uint64_t rings = 0;

	if (argc != 3)
		check_abort("usage: slept STATE GONE");
	doorbells = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 HGSHM_MMAP_DOORBELLS);
	CHECK(doorbells != MAP_FAILED);
	memory[before.memory_bytes - 1] = 41;
	device_drain(fd);

	sleep_in(argv[1]);

	check_events(fd, gone);
	CHECK_EQUAL(read(rings_fd, &rings, sizeof(rings)), sizeof(rings));
	CHECK_EQUAL(rings, 1);
	after = device_info(fd);
	CHECK_EQUAL(after.peers, before.peers & ~(1ULL << gone));
	CHECK_EQUAL(after.epoch, before.epoch + 1);
	CHECK_EQUAL(after.irq_enabled, 1);
	CHECK_EQUAL(memory[before.memory_bytes - 1], 41);
	memory[before.memory_bytes - 1] = 42;
	CHECK_EQUAL(memory[before.memory_bytes - 1], 42);
	doorbells[0] = 1;
	return check_status();
}
