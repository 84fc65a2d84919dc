/* SPDX-License-Identifier: MIT */
/**
 * DOC: carries the messages of include/hgshm/proto.h over AF_UNIX sockets
 *
 * Used by the QEMU device and by the library, so it needs libc alone. It knows
 * the shape of each message (length, number of fds) and refuses all others; what
 * a message means is its caller's business. Nothing here prints or blocks,
 * except where a function's comment says so. Not thread-safe for one socket.
 *
 * Errors are returned as -errno. -EPROTO stands for every message that is not as
 * proto.h says; hgshm_wire_fault() then tells which rule it broke.
 */
#ifndef HGSHM_WIRE_H
#define HGSHM_WIRE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hgshm/proto.h"

/**
 * struct hgshm_wire_message - one message received, and its fds
 * @bytes: the message as it came, little-endian
 * @have: bytes received so far
 * @fds: its file descriptors; -1 where the taker has taken one
 * @fd_count: how many came
 * @fault: what was wrong with it, for -EPROTO
 */
struct hgshm_wire_message {
	union {
		struct hgshm_msg header;
		struct hgshm_msg_hello hello;
		struct hgshm_msg_welcome welcome;
		struct hgshm_msg_refused refused;
		struct hgshm_msg_peers peers;
		struct hgshm_msg_peer peer;
	};
	size_t have;
	int fds[HGSHM_MSG_FDS_MAX];
	unsigned int fd_count;
	const char *fault;
};

/**
 * hgshm_wire_init() - make a message ready to be received
 * @m: out
 */
void hgshm_wire_init(struct hgshm_wire_message *m);

/**
 * hgshm_wire_reset() - close the fds that nobody took, make ready again
 * @m: in/out
 */
void hgshm_wire_reset(struct hgshm_wire_message *m);

/**
 * hgshm_wire_take_fd() - take over one of the message's fds
 * @m: in/out
 * @i: which, below fd_count
 *
 * Return: the fd, which the caller must close; the message forgets it.
 */
int hgshm_wire_take_fd(struct hgshm_wire_message *m, unsigned int i);

/**
 * hgshm_wire_receive() - go on receiving one message
 * @sock: a connected SOCK_STREAM or SOCK_SEQPACKET socket
 * @m: in/out
 *
 * Does not block.
 *
 * Return: 0 if @m is whole and as proto.h says; -EAGAIN if more must come;
 * -ECONNRESET if the other side has closed; -EPROTO if it is no message of
 * proto.h; -EPROTONOSUPPORT if it is one of another protocol version (its
 * header can be read); -EMFILE if this process can't have its fds; or another
 * -errno of recvmsg().
 */
int hgshm_wire_receive(int sock, struct hgshm_wire_message *m);

/**
 * hgshm_wire_receive_until() - the same, waiting until a moment
 * @sock: as above
 * @m: in/out
 * @deadline_ns: CLOCK_MONOTONIC
 *
 * Blocks until then at most.
 *
 * Return: as hgshm_wire_receive(), with -ETIMEDOUT in place of -EAGAIN.
 */
int hgshm_wire_receive_until(int sock, struct hgshm_wire_message *m,
			     int64_t deadline_ns);

/**
 * hgshm_wire_send() - send one message
 * @sock: a connected socket
 * @type: HGSHM_MSG_*
 * @message: the message; its header is filled in here
 * @fds: file descriptors to send with it, as many as @type has at least; kept by
 *	the caller
 *
 * Does not block: a message that does not fit the socket's buffer whole is an
 * error, since only a peer that does not read can cause it.
 *
 * Return: 0, -EAGAIN if the buffer is full, or another -errno of sendmsg().
 */
int hgshm_wire_send(int sock, unsigned int type, void *message, const int *fds);

/**
 * hgshm_wire_send_fds() - send one message of a type whose number of fds varies
 * @sock: a connected socket
 * @type: HGSHM_MSG_*
 * @message: the message; its header is filled in here
 * @fds: file descriptors to send with it; kept by the caller
 * @fd_count: how many
 *
 * Return: as hgshm_wire_send(), and -EINVAL if @type can't have that many.
 */
int hgshm_wire_send_fds(int sock, unsigned int type, void *message,
			const int *fds, unsigned int fd_count);

/**
 * hgshm_wire_fault() - what was wrong, in words
 * @m: a message for which hgshm_wire_receive() failed
 * @error: what it returned
 *
 * Return: a constant string, such as "it has the wrong magic number".
 */
const char *hgshm_wire_fault(const struct hgshm_wire_message *m, int error);

/**
 * hgshm_error_passes() - whether to try the same again soon
 * @error: -errno of what makes, sends or receives file descriptors
 *
 * Return: whether it lacked file descriptors or memory in this process; or, ETOOMANYREFS,
 * more of this user's are on their way between processes than one may have open, as those
 * that they go to are slow to take them.
 */
static inline bool hgshm_error_passes(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ETOOMANYREFS ||
	       error == -ENOMEM || error == -ENOBUFS;
}

/**
 * hgshm_error_text() - such an error in words that say how to mend it
 * @error: -errno
 *
 * Return: a constant string, or strerror()'s.
 */
const char *hgshm_error_text(int error);

/** hgshm_wire_now_ns() - Return: CLOCK_MONOTONIC in nanoseconds */
int64_t hgshm_wire_now_ns(void);

/** hgshm_wire_is_eventfd() - Return: whether @fd is an eventfd */
bool hgshm_wire_is_eventfd(int fd);

/** hgshm_wire_is_line() - Return: whether @fd is a connected AF_UNIX SOCK_SEQPACKET */
bool hgshm_wire_is_line(int fd);

#endif /* HGSHM_WIRE_H */
