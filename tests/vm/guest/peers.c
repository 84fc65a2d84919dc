// SPDX-License-Identifier: MIT
/*
 * A VM goes, and the others are told:
 *
 *   peers gone INDEX    VM INDEX goes now or has just gone; an event says so, INFO
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

/* The next event of type PEERS; rings of the others are passed over. */
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
	CHECK_EQUAL(event.type, HGSHM_EVENT_PEERS);
	CHECK_EQUAL(event.index, HGSHM_EVENT_NO_INDEX);
	CHECK(event.count >= 1);
	return event;
}

static void check_gone(int fd, uint32_t index)
{
	struct hgshm_poke poke = { .index = index };
	struct hgshm_info info;
	struct hgshm_event event;

	do {
		event = wait_change(fd);
		info = device_info(fd);
	} while (info.peers >> index & 1);

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
