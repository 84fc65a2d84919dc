// SPDX-License-Identifier: MIT
/*
 * The device is to go while its memory is held for long: the kernel's log says who
 * holds it, and no task counts as hung:
 *
 *   held HOW
 *
 * HOW is a shell command that makes the device go away. First a dma-buf's importer
 * holds the memory, then a page in a pipe does.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"
#include "import.h"

#define PAGE_BYTES	4096UL
/* Far less than the driver needs to complain. */
#define HUNG_AFTER_S	"2"

static void set_hung_task(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/hung_task_%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		check_abort("%s takes no %s: %s", path, value, strerror(errno));
	close(fd);
}

static void wait_log(int log, const char *text)
{
	struct pollfd pollfd = { .fd = log, .events = POLLIN };
	char record[8192];
	ssize_t bytes;

	do {
		if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1)
			check_abort("the log does not say: %s", text);
		bytes = read(log, record, sizeof(record) - 1);
		if (bytes < 0)
			check_abort("/dev/kmsg: %s", strerror(errno));
		record[bytes] = '\0';
		CHECK(!strstr(record, "blocked for more than"));
	} while (!strstr(record, text));
}

int main(int argc, char **argv)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *memory = device_map_memory(fd, &info);
	struct iovec iovec = { .iov_base = memory, .iov_len = PAGE_BYTES };
	int importer = import_attach(dmabuf_export(fd, 0, PAGE_BYTES, 0));
	int log = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int pipe_fds[2];
	pid_t command;

	if (argc != 2)
		check_abort("usage: held HOW");
	if (log < 0 || lseek(log, 0, SEEK_END) < 0 || pipe2(pipe_fds, O_CLOEXEC))
		check_abort("/dev/kmsg or a pipe: %s", strerror(errno));
	set_hung_task("timeout_secs", HUNG_AFTER_S);
	set_hung_task("check_interval_secs", "1");
	CHECK_EQUAL(vmsplice(pipe_fds[1], &iovec, 1, 0), PAGE_BYTES);
	import_map(importer, IMPORTER_FROM_DEVICE);

	command = command_start(argv[1]);
	wait_log(log, "other drivers have dma-bufs of it in use: 1 ");
	CHECK_EQUAL(ioctl(importer, IMPORTER_UNMAP), 0);
	wait_log(log, "1 pages are in use for I/O");
	CHECK(command_runs(command));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	command_check_end(command);
	set_hung_task("check_interval_secs", "0");
	set_hung_task("timeout_secs", "120");
	return check_status();
}
