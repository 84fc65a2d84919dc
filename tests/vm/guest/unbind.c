// SPDX-License-Identifier: MIT
/*
 * The device goes away under a program that uses it, and comes back:
 *
 *   unbind HOW
 *
 * HOW is a shell command that makes the device go away, and returns when it is
 * gone. It may have to wait for I/O into the memory, and does, but for nothing
 * else that programs do.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"
#include "sigbus.h"

#define PAGE_BYTES	4096
#define PINNED_PAGES	4
#define LEFT_NODE	"/dev/left-over"

/* Ends with 0 if a read() that blocks is ended by ENODEV. */
static pid_t fork_reader(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		struct hgshm_event events[HGSHM_VECTORS_MAX];
		ssize_t bytes;

		do {
			bytes = read(fd, events, sizeof(events));
		} while (bytes > 0);
		_exit(errno == ENODEV ? 0 : 1);
	}
	return child;
}

/* Ends with 0 if a poll() that blocks is ended by a hang-up. */
static pid_t fork_poller(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		struct pollfd pollfd = { .fd = fd, .events = 0 };
		int ready = poll(&pollfd, 1, DEVICE_PATIENCE_MS);

		_exit(ready == 1 && pollfd.revents == (POLLHUP | POLLERR) ? 0 : 1);
	}
	return child;
}

/* Pages of the memory in a pipe, as a network card's queue would hold them. */
static void pin_pages(uint8_t *memory, int pipe_fds[2])
{
	struct iovec iovec = { .iov_base = memory, .iov_len = PINNED_PAGES * PAGE_BYTES };

	if (pipe(pipe_fds))
		check_abort("pipe: %s", strerror(errno));
	CHECK_EQUAL(vmsplice(pipe_fds[1], &iovec, 1, 0), PINNED_PAGES * PAGE_BYTES);
}

static void unpin_pages(int pipe_fds[2], uint8_t wanted)
{
	uint8_t bytes[PINNED_PAGES * PAGE_BYTES];

	CHECK_EQUAL(read(pipe_fds[0], bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_EQUAL(bytes[0], wanted);
	CHECK_EQUAL(bytes[sizeof(bytes) - 1], wanted);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void check_gone(int fd)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct hgshm_irq_enable enable = { .enable = 1 };
	struct hgshm_set_signal signal = { .signo = 0 };
	struct hgshm_set_eventfd eventfd = { .fd = -1, .index = HGSHM_EVENTFD_ALL };
	struct hgshm_info info = { .struct_bytes = sizeof(info) }, before = info;
	struct hgshm_event event;

	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, &info), ENODEV);
	CHECK(!memcmp(&info, &before, sizeof(info)));
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_POKE, &poke), ENODEV);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_IRQ_ENABLE, &enable), ENODEV);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_SET_SIGNAL, &signal), ENODEV);
	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &eventfd), ENODEV);
	CHECK_ERRNO(read(fd, &event, sizeof(event)), ENODEV);
	CHECK_ERRNO((intptr_t)mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_ERRNO((intptr_t)mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd,
				   HGSHM_MMAP_DOORBELLS), ENODEV);
	CHECK_EQUAL(poll(&pollfd, 1, 0), 1);
	CHECK_EQUAL(pollfd.revents, POLLHUP | POLLERR);
}

int main(int argc, char **argv)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory = device_map_memory(fd, &info);
	volatile uint8_t *doorbells = (volatile uint8_t *)device_map_doorbells(fd);
	int pipe_fds[2];
	pid_t reader, poller, command;
	struct stat node;

	if (argc != 2)
		check_abort("usage: unbind HOW");
	CHECK_EQUAL(fstat(fd, &node), 0);
	CHECK_EQUAL(mknod(LEFT_NODE, S_IFCHR | 0600, node.st_rdev), 0);
	sigbus_catch();
	memset(memory, 77, PINNED_PAGES * PAGE_BYTES);
	memory[info.memory_bytes - 1] = 78;
	CHECK(!load_gives_sigbus(memory));
	CHECK(!load_gives_sigbus(doorbells));

	reader = fork_reader(fd);
	poller = fork_poller(fd);
	pin_pages(memory, pipe_fds);
	command = command_start(argv[1]);
	/* Both are told at once, though the pages keep the command waiting. */
	command_check_end(poller);
	command_check_end(reader);
	poll(NULL, 0, DEVICE_QUIET_MS);
	CHECK(command_runs(command));
	check_gone(fd);
	CHECK(load_gives_sigbus(memory));
	CHECK(load_gives_sigbus(memory + info.memory_bytes - 1));
	CHECK(load_gives_sigbus(doorbells));
	CHECK(store_gives_sigbus((volatile uint32_t *)doorbells));

	unpin_pages(pipe_fds, 77);
	command_check_end(command);
	check_gone(fd);
	CHECK(load_gives_sigbus(memory));
	CHECK_ERRNO(open(device_path(), O_RDWR), ENOENT);
	/* A node that was left over leads nowhere. */
	CHECK_ERRNO(open(LEFT_NODE, O_RDWR), ENXIO);
	unlink(LEFT_NODE);
	return check_status();
}
