// SPDX-License-Identifier: MIT
/*
 * The device is taken away while calls stand still at a page of their argument that
 * is not there yet:
 *
 *   busy HOW
 *
 * HOW is a shell command that makes the device go away. It must not wait for who may
 * keep such a call for ever.
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
#define CALLS		2

struct call {
	int fd;
	unsigned int number;
	void *argument;
	int ret;
	int error;
};

static void *make_call(void *arg)
{
	struct call *call = arg;

	call->ret = ioctl(call->fd, call->number, call->argument);
	call->error = errno;
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

static void give_page(int uffd, void *page, const void *start, size_t bytes)
{
	static uint8_t content[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page,
		.src = (uintptr_t)content,
		.len = PAGE_BYTES,
	};

	memset(content, 0, sizeof(content));
	memcpy(content, start, bytes);
	CHECK_EQUAL(ioctl(uffd, UFFDIO_COPY, &copy), 0);
}

int main(int argc, char **argv)
{
	struct hgshm_info info = { .struct_bytes = sizeof(info) };
	struct hgshm_export_dmabuf export = { .length_bytes = PAGE_BYTES, .fd = -77 };
	int fd = device_open(device_path(), O_RDWR);
	struct call calls[] = {
		{ .fd = fd, .number = HGSHM_IOC_INFO },
		{ .fd = fd, .number = HGSHM_IOC_EXPORT_DMABUF },
	};
	const void *arguments[CALLS] = { &info, &export };
	const size_t bytes[CALLS] = { sizeof(info), sizeof(export) };
	struct pollfd gone = { .fd = fd };
	pthread_t threads[CALLS];
	int uffds[CALLS];

	if (argc != 2)
		check_abort("usage: busy HOW");
	for (int i = 0; i < CALLS; i++) {
		uffds[i] = make_late_page(&calls[i].argument);
		if (pthread_create(&threads[i], NULL, make_call, &calls[i]))
			check_abort("no thread");
		wait_first_use(uffds[i]);
	}

	command_check_end(command_start(argv[1]));
	CHECK_EQUAL(poll(&gone, 1, 0), 1);
	CHECK_EQUAL(gone.revents, POLLHUP | POLLERR);

	for (int i = 0; i < CALLS; i++) {
		give_page(uffds[i], calls[i].argument, arguments[i], bytes[i]);
		pthread_join(threads[i], NULL);
		CHECK_EQUAL(calls[i].ret, -1);
		CHECK_EQUAL(calls[i].error, ENODEV);
		CHECK(!memcmp(calls[i].argument, arguments[i], bytes[i]));
	}
	return check_status();
}
