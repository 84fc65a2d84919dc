// SPDX-License-Identifier: MIT
#include "uring.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

#define RINGS_BYTES	4096
#define ENTRIES		1

static void *map_ring(int fd, size_t bytes, uint64_t offset)
{
	void *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (ring == MAP_FAILED)
		check_abort("mmap of io_uring: %s", strerror(errno));
	return ring;
}

void uring_open(struct uring *u)
{
	struct io_uring_params params = { 0 };
	char *rings;

	u->fd = syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (u->fd < 0)
		check_abort("io_uring: %s", strerror(errno));
	if (!(params.features & IORING_FEAT_SINGLE_MMAP))
		check_abort("io_uring has two rings apart: a kernel before 5.4");
	rings = map_ring(u->fd, RINGS_BYTES, IORING_OFF_SQ_RING);
	u->sqes = map_ring(u->fd, ENTRIES * sizeof(*u->sqes), IORING_OFF_SQES);
	u->sq_tail = (void *)(rings + params.sq_off.tail);
	u->sq_mask = (void *)(rings + params.sq_off.ring_mask);
	u->sq_array = (void *)(rings + params.sq_off.array);
	u->cq_head = (void *)(rings + params.cq_off.head);
	u->cq_mask = (void *)(rings + params.cq_off.ring_mask);
	u->cqes = (void *)(rings + params.cq_off.cqes);
}

int uring_register_buffer(struct uring *u, void *at, size_t bytes)
{
	struct iovec buffer = { .iov_base = at, .iov_len = bytes };

	return syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_BUFFERS, &buffer, 1);
}

int uring_unregister_buffers(struct uring *u)
{
	return syscall(SYS_io_uring_register, u->fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
}

int uring_run(struct uring *u, int operation, int fd, void *at, size_t bytes)
{
	unsigned int tail = *u->sq_tail, slot = tail & *u->sq_mask;
	unsigned int head = *u->cq_head;

	u->sqes[slot] = (struct io_uring_sqe){
		.opcode = operation, .fd = fd, .addr = (uintptr_t)at, .len = bytes,
	};
	u->sq_array[slot] = slot;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		check_abort("io_uring_enter: %s", strerror(errno));
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return u->cqes[head & *u->cq_mask].res;
}
