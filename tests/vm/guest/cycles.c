// SPDX-License-Identifier: MIT
/*
 * A device is opened and closed again and again, and bound and unbound, and nothing
 * of that is left in the kernel:
 *
 *   cycles OPENS BINDS UNBIND BIND
 *
 * UNBIND and BIND are shell commands. Each is done as often again before anything
 * is counted, since the first times fill caches.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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
#include "ledger.h"

#define PAGE_BYTES	4096ULL
#define BYTES		(16 * PAGE_BYTES)

static const char *unbind, *bind;

static void set_eventfd(int fd, int target, uint32_t index)
{
	struct hgshm_set_eventfd request = { .fd = target, .index = index };

	if (ioctl(fd, HGSHM_IOC_SET_EVENTFD, &request))
		check_abort("SET_EVENTFD for %#x: %s", index, strerror(errno));
}

static uint8_t *map(int fd, uint64_t offset, uint64_t bytes)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (at == MAP_FAILED)
		check_abort("mmap at %#llx: %s", (unsigned long long)offset, strerror(errno));
	at[0] = 0;
	return at;
}

static void touch_dmabuf(int fd)
{
	int dmabuf = dmabuf_export(fd, PAGE_BYTES, BYTES, 0);
	uint8_t *at = map(dmabuf, 0, BYTES);
	int importer = import_attach(dmabuf);

	import_map(importer, IMPORTER_FROM_DEVICE);
	import_store(importer, 0, 1);
	close(dmabuf);
	munmap(at, BYTES);
	close(importer);
}

/* Everything that has to be taken back when the last descriptor goes. */
static void open_and_close(void)
{
	struct hgshm_set_signal signal = { .signo = SIGUSR1 };
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory = device_map_memory(fd, &info);
	uint8_t *doorbells = map(fd, HGSHM_MMAP_DOORBELLS, PAGE_BYTES);
	int target = eventfd(0, EFD_CLOEXEC);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct hgshm_event event;

	memory[info.memory_bytes - 1]++;
	set_eventfd(fd, target, HGSHM_EVENTFD_ALL);
	set_eventfd(fd, target, HGSHM_EVENTFD_PEERS);
	set_eventfd(fd, target, !info.index);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_SET_SIGNAL, &signal), 0);
	touch_dmabuf(fd);
	CHECK_EQUAL(poll(&pollfd, 1, 0), 0);
	CHECK_ERRNO(read(fd, &event, sizeof(event)), EAGAIN);
	close(target);
	munmap(memory, info.memory_bytes);
	close(fd);
	munmap(doorbells, PAGE_BYTES);
}

/* With a descriptor, a mapping and a dma-buf that are there all the while. */
static void unbind_and_bind(void)
{
	int fd = device_open(device_path(), O_RDWR);
	uint8_t *at = map(fd, 0, BYTES);
	int dmabuf = dmabuf_export(fd, 0, BYTES, 0);

	command_check_end(command_start(unbind));
	command_check_end(command_start(bind));
	munmap(at, BYTES);
	close(fd);
	close(dmabuf);
}

static long module_users(void)
{
	FILE *file = fopen("/sys/module/hgshm/refcnt", "re");
	long users = -1;

	if (!file || fscanf(file, "%ld", &users) != 1)
		check_abort("no count of the module's users");
	fclose(file);
	return users;
}

/* The lowest free descriptor: none is left open if it stays the same. */
static int lowest_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

static void check_cycles(const char *what, void (*cycle)(void), int count)
{
	static struct ledger before, after;
	int fd = lowest_fd();

	for (int i = 0; i < count; i++)
		cycle();
	ledger_take(&before);
	for (int i = 0; i < count; i++)
		cycle();
	ledger_take(&after);
	printf("%d times %s:\n", count, what);
	/* Whatever leaks leaks each time, or half of them. */
	ledger_check_same(&before, &after, count / 2, count / 2 * PAGE_BYTES / 1024);
	CHECK_EQUAL(lowest_fd(), fd);
	CHECK_EQUAL(module_users(), 0);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		check_abort("usage: cycles OPENS BINDS UNBIND BIND");
	unbind = argv[3];
	bind = argv[4];
	signal(SIGUSR1, SIG_IGN);
	check_cycles("opened and closed", open_and_close, atoi(argv[1]));
	check_cycles("unbound and bound", unbind_and_bind, atoi(argv[2]));
	return check_status();
}
