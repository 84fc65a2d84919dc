// SPDX-License-Identifier: MIT
/*
 * Rings all other VMs again and again, also of a device that goes and comes, until it
 * is killed:
 *
 *   ringer
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "device.h"

#define TURN_NS	5000000

int main(void)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };
	struct timespec turn = { .tv_nsec = TURN_NS };

	for (;;) {
		int fd = open(device_path(), O_RDWR | O_CLOEXEC);

		if (fd >= 0) {
			ioctl(fd, HGSHM_IOC_POKE, &poke);
			close(fd);
		}
		nanosleep(&turn, NULL);
	}
}
