// SPDX-License-Identifier: MIT
/*
 * The kernel gets at the memory by its pages, and not by way of the mapping:
 *
 *   pins DISK SEED
 *
 * io_uring with and without registered buffers, vmsplice, another process. DISK
 * holds the pattern of SEED, and can be written to. And what there is no way to: pages
 * of the doorbells, a futex that processes share, msync.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "import.h"
#include "kernel.h"
#include "pattern.h"
#include "uring.h"

#define BYTES		(1UL << 20)
#define PIPE_BYTES	(16UL * 4096)
#define SEED_BACK	77

/*
 * Before 6.5 io_uring itself refuses to register what is mapped from any file but
 * one of tmpfs or hugetlbfs, whatever its pages are.
 */
static void check_fixed(struct uring *u, int disk, uint8_t *at, uint32_t seed)
{
	if (!kernel_is_at_least(6, 5)) {
		CHECK_ERRNO(uring_register_buffer(u, at, BYTES), EOPNOTSUPP);
		return;
	}
	memset(at, 0, BYTES);
	CHECK_EQUAL(uring_register_buffer(u, at, BYTES), 0);
	CHECK_EQUAL(uring_run(u, IORING_OP_READ_FIXED, disk, at, BYTES), BYTES);
	CHECK_EQUAL(pattern_find_other(at, BYTES, seed), BYTES);
	CHECK_EQUAL(uring_run(u, IORING_OP_WRITE_FIXED, disk, at, BYTES), BYTES);
	CHECK_EQUAL(uring_unregister_buffers(u), 0);
}

/* Pins for long go by the device's own mapping, whatever the kernel. */
static void check_dmabuf_refused(struct uring *u, int device)
{
	int dmabuf = dmabuf_export(device, 0, BYTES, 0);
	uint8_t *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	CHECK(at != MAP_FAILED);
	CHECK_ERRNO(uring_register_buffer(u, at, BYTES), EOPNOTSUPP);
	munmap(at, BYTES);
	close(dmabuf);
}

static void check_uring(int device, const char *path, uint8_t *at, uint32_t seed)
{
	int disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	struct uring u;

	if (disk < 0)
		check_abort("open %s: %s", path, strerror(errno));
	uring_open(&u);
	check_fixed(&u, disk, at, seed);
	check_dmabuf_refused(&u, device);

	memset(at, 0, BYTES);
	CHECK_EQUAL(uring_run(&u, IORING_OP_READ, disk, at, BYTES), BYTES);
	CHECK_EQUAL(pattern_find_other(at, BYTES, seed), BYTES);
	pattern_fill(at, BYTES, SEED_BACK);
	CHECK_EQUAL(uring_run(&u, IORING_OP_WRITE, disk, at, BYTES), BYTES);
	memset(at, 0, BYTES);
	CHECK_EQUAL(pread(disk, at, BYTES, 0), BYTES);
	CHECK_EQUAL(pattern_find_other(at, BYTES, SEED_BACK), BYTES);
	close(u.fd);
	close(disk);
}

static void check_vmsplice(uint8_t *at)
{
	struct iovec iovec = { .iov_base = at, .iov_len = PIPE_BYTES };
	uint8_t *bytes = malloc(PIPE_BYTES);
	int fds[2];

	if (pipe(fds) || !bytes)
		check_abort("pipe: %s", strerror(errno));
	memset(at, 0, PIPE_BYTES);
	CHECK_EQUAL(vmsplice(fds[1], &iovec, 1, 0), PIPE_BYTES);
	/* The pipe holds the pages, not what was in them. */
	pattern_fill(at, PIPE_BYTES, SEED_BACK);
	CHECK_EQUAL(read(fds[0], bytes, PIPE_BYTES), PIPE_BYTES);
	CHECK_EQUAL(pattern_find_other(bytes, PIPE_BYTES, SEED_BACK), PIPE_BYTES);
	close(fds[0]);
	close(fds[1]);
	free(bytes);
}

static void check_other_process(uint8_t *at)
{
	struct iovec far = { .iov_base = at, .iov_len = BYTES };
	struct iovec near = { .iov_base = malloc(BYTES), .iov_len = BYTES };
	pid_t child;

	if (!near.iov_base)
		check_abort("no memory");
	pattern_fill(at, BYTES, SEED_BACK);
	/* It has the mapping, and none of its pages yet. */
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	CHECK_EQUAL(process_vm_readv(child, &near, 1, &far, 1, 0), BYTES);
	CHECK_EQUAL(pattern_find_other(near.iov_base, BYTES, SEED_BACK), BYTES);
	pattern_fill(near.iov_base, BYTES, SEED_BACK + 1);
	CHECK_EQUAL(process_vm_writev(child, &near, 1, &far, 1, 0), BYTES);
	CHECK_EQUAL(pattern_find_other(at, BYTES, SEED_BACK + 1), BYTES);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	free(near.iov_base);
}

static void check_no_pages_of_doorbells(int device)
{
	volatile uint32_t *doorbells = device_map_doorbells(device);
	struct iovec iovec = { .iov_base = (void *)doorbells, .iov_len = sizeof(*doorbells) };
	int fds[2];

	if (!doorbells || pipe(fds))
		check_abort("no doorbells, or pipe: %s", strerror(errno));
	CHECK_EQUAL(*doorbells, 0);
	CHECK_ERRNO(vmsplice(fds[1], &iovec, 1, 0), EFAULT);
	close(fds[0]);
	close(fds[1]);
}

/* The kernel tells a shared futex by the file of its page, and these pages have none. */
static void check_futex(uint8_t *at)
{
	struct timespec timeout = { .tv_nsec = 1000000 };
	uint32_t *word = (uint32_t *)at;

	*word = 0;
	CHECK_ERRNO(syscall(SYS_futex, word, FUTEX_WAIT, 0, &timeout, NULL, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0),
		    ETIMEDOUT);
}

int main(int argc, char **argv)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	uint8_t *at = (uint8_t *)device_map_memory(fd, &info) + info.memory_bytes - BYTES;

	if (argc != 3)
		check_abort("usage: pins DISK SEED");
	check_uring(fd, argv[1], at, atoi(argv[2]));
	check_vmsplice(at);
	check_other_process(at);
	check_no_pages_of_doorbells(fd);
	check_futex(at);
	CHECK_ERRNO(msync(at, BYTES, MS_SYNC), EINVAL);
	return check_status();
}
