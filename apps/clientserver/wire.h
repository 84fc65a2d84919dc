/* SPDX-License-Identifier: MIT */
/**
 * DOC: the jobs of hgshm-mapreduce over TCP
 *
 * The client connects, sends a &struct hgshm_mr_job, and gets a &struct hgshm_mr_done with
 * only its status set (and its crc32c): 0, or why the server refuses the job. Then the client
 * sends tasks, &struct hgshm_mr_task with all offsets 0, each MAP followed by its input_bytes
 * of input, without waiting for answers. The server does them in order and answers
 * each with a &struct hgshm_mr_done, each FLUSH followed by its result_bytes of result. After
 * END both close, or the client sends another job.
 *
 * Integers are in the byte order of both machines, which must be the same: the job's magic
 * tells.
 */
#ifndef CLIENTSERVER_WIRE_H
#define CLIENTSERVER_WIRE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define WIRE_PORT_DEFAULT "7700"
#define WIRE_CHUNK_BYTES_MAX (UINT64_C(1) << 30)
#define WIRE_ADDRESS_BYTES 64

/* No delay, and buffers for chunks under way; before connect or listen, where it can. */
void wire_tune(int fd);

/* "1.2.3.4:7700" or "[::1]:7700". */
void wire_address(const struct sockaddr_storage *address, socklen_t length,
		  char text[WIRE_ADDRESS_BYTES]);

/**
 * struct wire_patience - how long to wait for the other side
 * @deadline_ns: for the next byte either way
 * @interrupted: becomes not 0 when a person wants to stop; or NULL
 */
struct wire_patience {
	int64_t deadline_ns;
	const atomic_int *interrupted;
};

/*
 * Receives or sends all bytes. 0, or -ENOTCONN if the other side closed before the first byte,
 * -EPIPE if it closed later, -ETIMEDOUT, -EINTR, or the socket's error.
 */
int wire_receive(int fd, void *to, size_t bytes, const struct wire_patience *patience);
int wire_send(int fd, const struct iovec *parts, int count, const struct wire_patience *patience);

/* The words for such an error. */
const char *wire_strerror(int error);

#endif /* CLIENTSERVER_WIRE_H */
