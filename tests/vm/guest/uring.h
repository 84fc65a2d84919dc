/* SPDX-License-Identifier: MIT */
/*
 * As little of io_uring as a test needs: one request at a time. Guests have no
 * liburing.
 */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <stddef.h>

struct uring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_mask;
	struct io_uring_cqe *cqes;
	struct io_uring_sqe *sqes;
};

/* Ends the program if the kernel has no io_uring. */
void uring_open(struct uring *u);

/* -1 and errno if the kernel refuses. */
int uring_register_buffer(struct uring *u, void *at, size_t bytes);
int uring_unregister_buffers(struct uring *u);

/* IORING_OP_* at offset 0 of @fd; what the request returned. */
int uring_run(struct uring *u, int operation, int fd, void *at, size_t bytes);

#endif /* URING_H */
