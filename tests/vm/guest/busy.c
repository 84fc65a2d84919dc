// SPDX-License-Identifier: MIT
/*
 * The device is taken away while a call is inside the driver:
 *
 *   busy HOW
 *
 * HOW is a shell command that makes the device go away. It must wait for the
 * call, which here stands still in the middle, at a page that is not there yet.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"

#define PAGE_BYTES	4096

struct call {
	int fd;
	struct hgshm_info *info;
	int ret;
};

static void *call_info(void *arg)
{
	struct call *call = arg;

	call->ret = ioctl(call->fd, HGSHM_IOC_INFO, call->info);
	return NULL;
}

/* A page of whose first use the returned descriptor tells. */
static int make_late_page(void **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	*page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)*page;
	range.range.len = PAGE_BYTES;
	if (uffd < 0 || *page == MAP_FAILED || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &range))
		check_abort("userfaultfd: %s", strerror(errno));
	return uffd;
}

static void wait_first_use(int uffd)
{
	struct pollfd pollfd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1 ||
	    read(uffd, &message, sizeof(message)) != sizeof(message))
		check_abort("the call did not touch its argument");
}

static void give_page(int uffd, void *page, const struct hgshm_info *info)
{
	static uint8_t content[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page,
		.src = (uintptr_t)content,
		.len = PAGE_BYTES,
	};

	memcpy(content, info, sizeof(*info));
	CHECK_EQUAL(ioctl(uffd, UFFDIO_COPY, &copy), 0);
}

int main(int argc, char **argv)
{
	struct hgshm_info asked = { .struct_bytes = sizeof(asked) }, before;
	struct call call = { .fd = device_open(device_path(), O_RDWR), .ret = -1 };
	struct pollfd gone = { .fd = call.fd };
	pthread_t thread;
	pid_t command;
	void *page;
	int uffd;

	if (argc != 2)
		check_abort("usage: busy HOW");
	before = device_info(call.fd);
	uffd = make_late_page(&page);
	call.info = page;
	if (pthread_create(&thread, NULL, call_info, &call))
		check_abort("no thread");
	wait_first_use(uffd);

	command = command_start(argv[1]);
	/* Told at once that the device goes, though it is still in use. */
	CHECK_EQUAL(poll(&gone, 1, DEVICE_PATIENCE_MS), 1);
	CHECK_EQUAL(gone.revents, POLLHUP | POLLERR);
	poll(NULL, 0, DEVICE_QUIET_MS);
	CHECK(command_runs(command));

	give_page(uffd, page, &asked);
	pthread_join(thread, NULL);
	/* It had come in before, so it ends as if nothing had happened. */
	CHECK_EQUAL(call.ret, 0);
	CHECK_EQUAL(call.info->slice_bytes, before.slice_bytes);
	command_check_end(command);
	CHECK_ERRNO(ioctl(call.fd, HGSHM_IOC_INFO, &before), ENODEV);
	return check_status();
}
