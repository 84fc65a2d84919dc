// SPDX-License-Identifier: MIT
/*
 * The device goes away, by whatever way, under processes that use it in each way
 * there is, and comes back:
 *
 *   users GO COME
 *
 * GO and COME are shell commands that make the device go, and come again; it may
 * take its time after the command has ended. Each user must be ended by the error
 * that ioctl.h gives for that, and see nothing else that is not right. What was of
 * the device that went stays dead when it is back.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"
#include "import.h"
#include "sigbus.h"

#define PAGE_BYTES	4096ULL
#define STEP_MS		20

/* What the users share, made before any of them. */
static int fd, dmabuf;
static struct hgshm_info info;
static volatile uint8_t *memory, *dmabuf_memory;
static volatile uint32_t *doorbells;

static bool read_ends(void)
{
	struct hgshm_event events[HGSHM_VECTORS_MAX];
	ssize_t bytes;

	do {
		bytes = read(fd, events, sizeof(events));
	} while (bytes > 0);
	return errno == ENODEV;
}

static bool poll_ends(void)
{
	struct pollfd pollfd = { .fd = fd, .events = 0 };

	return poll(&pollfd, 1, DEVICE_PATIENCE_MS) == 1 &&
	       pollfd.revents == (POLLHUP | POLLERR);
}

static bool poke_ends(void)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };

	while (ioctl(fd, HGSHM_IOC_POKE, &poke) == 0)
		;
	return errno == ENODEV;
}

/* Registers of a device that is not there any more read as all ones. */
static bool info_ends(void)
{
	struct hgshm_info now = { .struct_bytes = sizeof(now) };

	while (ioctl(fd, HGSHM_IOC_INFO, &now) == 0) {
		if (now.epoch != info.epoch || now.peers != info.peers ||
		    now.status != info.status)
			return false;
	}
	return errno == ENODEV;
}

/* A file in sysfs says what it said, or that there is no device. */
static bool sysfs_ends(void)
{
	const char *name = strrchr(device_path(), '/') + 1;
	char path[128], text[32] = "";
	unsigned long epoch;
	int file;

	snprintf(path, sizeof(path), "/sys/class/hgshm/%s/epoch", name);
	while ((file = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
		ssize_t bytes = read(file, text, sizeof(text) - 1);

		close(file);
		if (bytes <= 0)
			return errno == ENODEV;
		epoch = strtoul(text, NULL, 10);
		if (epoch != info.epoch)
			return false;
	}
	return errno == ENOENT || errno == ENODEV;
}

static bool load_ends(void)
{
	while (!load_gives_sigbus(memory + info.memory_bytes - 1))
		;
	return true;
}

static bool dmabuf_ends(void)
{
	while (!load_gives_sigbus(dmabuf_memory))
		;
	return true;
}

/* Its own doorbell is deaf, so a store there disturbs nobody. */
static bool doorbell_ends(void)
{
	while (!store_gives_sigbus(doorbells + info.index))
		;
	return true;
}

static bool map_ends(void)
{
	void *at;

	while ((at = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED) {
		load_gives_sigbus(at);
		munmap(at, PAGE_BYTES);
	}
	return errno == ENODEV;
}

static const struct {
	const char *what;
	bool (*ends)(void);
} users[] = {
	{ "read", read_ends },	       { "poll", poll_ends },
	{ "POKE", poke_ends },	       { "INFO", info_ends },
	{ "load", load_ends },	       { "load by dma-buf", dmabuf_ends },
	{ "doorbell", doorbell_ends }, { "mmap", map_ends },
	{ "sysfs", sysfs_ends },
};

#define USERS	(sizeof(users) / sizeof(users[0]))

static pid_t fork_user(size_t i)
{
	pid_t child = fork();

	if (child == 0) {
		bool right = users[i].ends();

		if (!right)
			printf("FAIL: %s was ended by: %s\n", users[i].what,
			       strerror(errno));
		fflush(stdout);
		_exit(right ? 0 : 1);
	}
	return child;
}

static void *map_part(int from, uint64_t bytes, uint64_t offset)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, from, offset);

	if (at == MAP_FAILED)
		check_abort("mmap at %#llx: %s", (unsigned long long)offset, strerror(errno));
	return at;
}

static void use(void)
{
	struct hgshm_set_eventfd eventfd_of_all = {
		.fd = eventfd(0, EFD_CLOEXEC), .index = HGSHM_EVENTFD_ALL,
	};

	fd = device_open(device_path(), O_RDWR);
	info = device_info(fd);
	memory = map_part(fd, info.memory_bytes, HGSHM_MMAP_MEMORY);
	doorbells = map_part(fd, PAGE_BYTES, HGSHM_MMAP_DOORBELLS);
	dmabuf = dmabuf_export(fd, 0, info.slice_bytes, 0);
	dmabuf_memory = map_part(dmabuf, info.slice_bytes, 0);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_EVENTFD, &eventfd_of_all), 0);
	memory[info.memory_bytes - 1] = 1;
	dmabuf_memory[0] = 2;
}

static void check_dead(void)
{
	struct hgshm_info now = { .struct_bytes = sizeof(now) };

	CHECK_ERRNO(ioctl(fd, HGSHM_IOC_INFO, &now), ENODEV);
	CHECK_ERRNO((intptr_t)mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_ERRNO((intptr_t)mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, dmabuf, 0), ENODEV);
	CHECK(load_gives_sigbus(memory));
	CHECK(load_gives_sigbus(memory + info.memory_bytes - 1));
	CHECK(load_gives_sigbus(dmabuf_memory));
	CHECK(store_gives_sigbus(doorbells + info.index));
}

/* sysfs tells no one, so look again and again. */
static void wait_node(bool there)
{
	int left_ms = DEVICE_PATIENCE_MS;

	while ((access(device_path(), F_OK) == 0) != there && left_ms > 0)
		left_ms -= STEP_MS + poll(NULL, 0, STEP_MS);
	CHECK(left_ms > 0);
}

static void check_alive(void)
{
	int again = device_open(device_path(), O_RDWR);
	struct hgshm_info now = device_info(again);
	volatile uint8_t *now_memory = map_part(again, now.memory_bytes, 0);

	CHECK_EQUAL(now.index, info.index);
	CHECK_EQUAL(now.peers, info.peers);
	CHECK_EQUAL(now_memory[info.memory_bytes - 1], 1);
	now_memory[0] = 3;
	CHECK_EQUAL(now_memory[0], 3);
	munmap((void *)now_memory, now.memory_bytes);
	close(again);
}

int main(int argc, char **argv)
{
	pid_t pids[USERS];

	if (argc != 3)
		check_abort("usage: users GO COME");
	sigbus_catch();
	use();
	for (size_t i = 0; i < USERS; i++)
		pids[i] = fork_user(i);
	poll(NULL, 0, DEVICE_QUIET_MS);

	command_check_end(command_start(argv[1]));
	for (size_t i = 0; i < USERS; i++)
		command_check_end(pids[i]);
	wait_node(false);
	check_dead();

	command_check_end(command_start(argv[2]));
	wait_node(true);
	check_dead();
	check_alive();
	return check_status();
}
