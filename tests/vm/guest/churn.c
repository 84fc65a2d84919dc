// SPDX-License-Identifier: MIT
/*
 * Programs that use a device in every way while it goes and comes:
 *
 *   churn CYCLES UNBIND BIND
 *
 * UNBIND and BIND are shell commands. The programs may see the device gone at any
 * moment, by the error that the contract gives for that, and by no other.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"

#define USERS		4
#define PAGE_BYTES	4096

static sigjmp_buf after_sigbus;
static volatile sig_atomic_t ending;

static void on_sigbus(int signo)
{
	siglongjmp(after_sigbus, 1);
}

static void on_sigterm(int signo)
{
	ending = 1;
}

static bool is_gone(int error)
{
	return error == ENODEV || error == ENOENT || error == ENXIO;
}

/* One pass over all calls; ends where the device turns out to be gone. */
static void use_device(uint64_t bytes)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };
	struct hgshm_info info = { .struct_bytes = sizeof(info) };
	struct hgshm_event events[HGSHM_VECTORS_MAX];
	struct pollfd pollfd = { .events = POLLIN };
	volatile uint8_t *memory = MAP_FAILED;
	int fd = open(device_path(), O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		CHECK(is_gone(errno));
		return;
	}
	CHECK(ioctl(fd, HGSHM_IOC_INFO, &info) == 0 || errno == ENODEV);
	CHECK(ioctl(fd, HGSHM_IOC_POKE, &poke) == 0 || errno == ENODEV);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED || errno == ENODEV);
	if (memory != MAP_FAILED) {
		if (!sigsetjmp(after_sigbus, 1)) {
			for (uint64_t at = 0; at < bytes; at += 16 * PAGE_BYTES)
				memory[at]++;
		}
		munmap((void *)memory, bytes);
	}
	pollfd.fd = fd;
	CHECK(poll(&pollfd, 1, 1) >= 0 || errno == EINTR);
	CHECK(read(fd, events, sizeof(events)) > 0 || errno == EAGAIN ||
	      errno == ENODEV);
	close(fd);
}

static pid_t fork_user(uint64_t bytes)
{
	pid_t child = fork();

	if (child == 0) {
		signal(SIGBUS, on_sigbus);
		signal(SIGTERM, on_sigterm);
		while (!ending)
			use_device(bytes);
		exit(check_status());
	}
	return child;
}

int main(int argc, char **argv)
{
	struct hgshm_info info;
	pid_t users[USERS];
	int fd;

	if (argc != 4)
		check_abort("usage: churn CYCLES UNBIND BIND");
	fd = device_open(device_path(), O_RDWR);
	info = device_info(fd);
	close(fd);

	for (int i = 0; i < USERS; i++)
		users[i] = fork_user(info.memory_bytes);
	for (int cycle = 0; cycle < atoi(argv[1]); cycle++) {
		command_check_end(command_start(argv[2]));
		command_check_end(command_start(argv[3]));
	}
	for (int i = 0; i < USERS; i++) {
		kill(users[i], SIGTERM);
		command_check_end(users[i]);
	}
	use_device(info.memory_bytes);
	return check_status();
}
