// SPDX-License-Identifier: MIT
/*
 * The device goes away while another driver has its memory:
 *
 *   dmabuf-gone HOW
 *
 * HOW is a shell command that makes the device go away. It must wait for that
 * driver, whose memory stays what it is, while nobody else gets any more.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"
#include "import.h"
#include "sigbus.h"

#define PAGE_BYTES	4096ULL
#define BYTES		(1ULL << 20)

static void check_gone(int dmabuf, int importer)
{
	struct importer_map list;

	CHECK_ERRNO((intptr_t)mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, dmabuf, 0), ENODEV);
	CHECK_ERRNO(import_try_map(importer, IMPORTER_FROM_DEVICE, &list), ENODEV);
}

static void check_no_attaching(int dmabuf)
{
	int importer = open("/dev/importer", O_RDWR | O_CLOEXEC);
	int32_t fd = dmabuf;

	CHECK(importer >= 0);
	CHECK_ERRNO(ioctl(importer, IMPORTER_ATTACH, &fd), ENODEV);
	close(importer);
}

int main(int argc, char **argv)
{
	int fd = device_open(device_path(), O_RDWR);
	struct pollfd gone = { .fd = fd };
	int dmabuf, mapped, reader, idle;
	volatile uint8_t *memory;
	pid_t command;

	if (argc != 2)
		check_abort("usage: dmabuf-gone HOW");
	sigbus_catch();
	dmabuf = dmabuf_export(fd, 0, BYTES, 0);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK(memory != MAP_FAILED);
	memory[0] = 21;
	memory[BYTES - 1] = 22;
	mapped = import_attach(dmabuf);
	reader = import_attach(dmabuf);
	idle = import_attach(dmabuf);
	import_map(mapped, IMPORTER_FROM_DEVICE);
	import_map(reader, IMPORTER_TO_DEVICE);

	command = command_start(argv[1]);
	CHECK_EQUAL(poll(&gone, 1, DEVICE_PATIENCE_MS), 1);
	poll(NULL, 0, DEVICE_QUIET_MS);
	CHECK(command_runs(command));
	check_gone(dmabuf, idle);
	check_no_attaching(dmabuf);
	CHECK(load_gives_sigbus(memory));
	CHECK(load_gives_sigbus(memory + BYTES - 1));
	CHECK_EQUAL(import_load(mapped, BYTES - 1), 22);

	CHECK_EQUAL(ioctl(mapped, IMPORTER_UNMAP), 0);
	poll(NULL, 0, DEVICE_QUIET_MS);
	CHECK(command_runs(command));
	CHECK_EQUAL(import_load(reader, 0), 21);
	CHECK_EQUAL(ioctl(reader, IMPORTER_UNMAP), 0);
	command_check_end(command);

	check_gone(dmabuf, mapped);
	CHECK(load_gives_sigbus(memory));
	/* The module's code is needed until the last one lets go. */
	close(fd);
	CHECK(access("/sys/module/hgshm", F_OK) == 0);
	command = command_start("! rmmod hgshm 2>/dev/null");
	command_check_end(command);
	munmap((void *)memory, BYTES);
	close(dmabuf);
	CHECK_EQUAL(close(mapped) | close(reader) | close(idle), 0);
	return check_status();
}
