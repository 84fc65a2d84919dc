// SPDX-License-Identifier: MIT
/*
 * A VM goes, and the others are told:
 *
 *   peers gone INDEX    VM INDEX goes now or has just gone; events say so, INFO
 *                       does, and it can't be rung any more
 *
 * Uses the descriptor that the script has held open since all were there.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

/* The next event that is no ring. */
static struct hgshm_event wait_change(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct hgshm_event event;

	do {
		if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1)
			check_abort("no event came within %d ms", DEVICE_PATIENCE_MS);
		if (read(fd, &event, sizeof(event)) != sizeof(event))
			check_abort("read: %s", strerror(errno));
	} while (event.type == HGSHM_EVENT_DOORBELL);
	return event;
}

/* Told of all that came since the descriptor was opened, and then of one that went. */
static struct hgshm_event wait_gone(int fd, uint32_t index)
{
	struct hgshm_event event;
	bool told = false;

	for (;;) {
		event = wait_change(fd);
		CHECK(event.count >= 1);
		if (event.type == HGSHM_EVENT_PEERS) {
			CHECK_EQUAL(event.index, HGSHM_EVENT_NO_INDEX);
			told = true;
			continue;
		}
		CHECK(told);
		CHECK_EQUAL(event.count, 1);
		if (event.type == HGSHM_EVENT_PEER_DOWN)
			break;
		CHECK_EQUAL(event.type, HGSHM_EVENT_PEER_UP);
	}
	CHECK_EQUAL(event.index, index);
	return event;
}

static void check_gone(int fd, uint32_t index)
{
	struct hgshm_poke poke = { .index = index };
	struct hgshm_event event = wait_gone(fd, index);
	struct hgshm_info info = device_info(fd);

	/* Nobody else comes or goes. */
	CHECK_EQUAL(event.epoch, info.epoch);
	CHECK(info.peers >> info.index & 1);
	CHECK_EQUAL(info.peers, ((1ULL << info.clients) - 1) & ~(1ULL << index));
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_POKE, &poke), ENOTCONN);
	poke.index = HGSHM_POKE_ALL;
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_POKE, &poke), 0);
}

int main(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "gone"))
		check_abort("usage: peers gone INDEX");
	check_gone(DEVICE_INHERITED_FD, atoi(argv[2]));
	return check_status();
}
