// SPDX-License-Identifier: MIT
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

/* The kernel's SCM_MAX_FD: room for as many as a sender can attach, so that
 * none is left behind unseen. */
#define FDS_RECEIVED_MAX	253

struct shape {
	size_t bytes;
	unsigned int fds_min, fds_max;
};

static const struct shape *shape_of(unsigned int type)
{
	static const struct shape shapes[] = {
		[HGSHM_MSG_HELLO] = { sizeof(struct hgshm_msg_hello), 2, 2 },
		[HGSHM_MSG_WELCOME] = { sizeof(struct hgshm_msg_welcome),
					1, 1 + HGSHM_MEMORY_FDS_MAX },
		[HGSHM_MSG_REFUSED] = { sizeof(struct hgshm_msg_refused), 0, 0 },
		[HGSHM_MSG_PEERS] = { sizeof(struct hgshm_msg_peers), 0, 0 },
		[HGSHM_MSG_PEER_UP] = { sizeof(struct hgshm_msg_peer), 2, 2 },
		[HGSHM_MSG_PEER_DOWN] = { sizeof(struct hgshm_msg_peer), 0, 0 },
	};

	if (type >= sizeof(shapes) / sizeof(shapes[0]) || !shapes[type].bytes)
		return NULL;
	return &shapes[type];
}

void hgshm_wire_init(struct hgshm_wire_message *m)
{
	memset(m, 0, sizeof(*m));
}

void hgshm_wire_reset(struct hgshm_wire_message *m)
{
	for (unsigned int i = 0; i < m->fd_count; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	}
	hgshm_wire_init(m);
}

int hgshm_wire_take_fd(struct hgshm_wire_message *m, unsigned int i)
{
	int fd = m->fds[i];

	m->fds[i] = -1;
	return fd;
}

static int fault(struct hgshm_wire_message *m, const char *text)
{
	m->fault = text;
	return -EPROTO;
}

/* Moves the fds that came with one recvmsg() into the message, closes the rest. */
static int collect_fds(struct hgshm_wire_message *m, struct msghdr *msg)
{
	bool too_many = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (m->fd_count < HGSHM_MSG_FDS_MAX) {
				m->fds[m->fd_count++] = fd;
			} else {
				close(fd);
				too_many = true;
			}
		}
	}
	if (too_many)
		return fault(m, "it carries too many file descriptors");
	/* There is room for all, so it is this process that can't have more. */
	return msg->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

/* Looks at what has come so far: 0 whole, -EAGAIN incomplete, or refused. */
static int check(struct hgshm_wire_message *m)
{
	const struct shape *shape;
	unsigned int fds;

	if (m->have < sizeof(m->header))
		return -EAGAIN;
	if (le32toh(m->header.magic) != HGSHM_MSG_MAGIC)
		return fault(m, "it does not start with the magic number");
	if (le16toh(m->header.version) != HGSHM_PROTO_VERSION)
		return -EPROTONOSUPPORT;
	shape = shape_of(le16toh(m->header.type));
	if (!shape)
		return fault(m, "its type is unknown");
	if (le32toh(m->header.length) != shape->bytes)
		return fault(m, "its length is not that of its type");
	fds = le32toh(m->header.fds);
	if (fds < shape->fds_min || fds > shape->fds_max)
		return fault(m, "it announces the wrong number of file descriptors");
	if (m->have > shape->bytes)
		return fault(m, "bytes follow it that belong to no message");
	if (m->have < shape->bytes)
		return -EAGAIN;
	if (m->fd_count != fds)
		return fault(m, "it carries the wrong number of file descriptors");
	return 0;
}

int hgshm_wire_receive(int sock, struct hgshm_wire_message *m)
{
	union {
		char bytes[CMSG_SPACE(FDS_RECEIVED_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {
		.iov_base = (char *)&m->header + m->have,
		.iov_len = HGSHM_MSG_BYTES_MAX - m->have,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int ret;

	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;

	ret = collect_fds(m, &msg);
	if (ret)
		return ret;
	if (n == 0)
		return m->have ? fault(m, "it ends in the middle") : -ECONNRESET;
	if (msg.msg_flags & MSG_TRUNC)
		return fault(m, "it is longer than any message");
	m->have += n;
	return check(m);
}

int64_t hgshm_wire_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int hgshm_wire_receive_until(int sock, struct hgshm_wire_message *m,
			     int64_t deadline_ns)
{
	for (;;) {
		struct pollfd pfd = { .fd = sock, .events = POLLIN };
		int64_t left_ns;
		int ret = hgshm_wire_receive(sock, m);

		if (ret != -EAGAIN)
			return ret;
		left_ns = deadline_ns - hgshm_wire_now_ns();
		if (left_ns <= 0)
			return -ETIMEDOUT;
		/* Rounded up, so that the last round does not spin. */
		if (poll(&pfd, 1, (int)((left_ns + 999999) / 1000000)) < 0 &&
		    errno != EINTR)
			return -errno;
	}
}

int hgshm_wire_send_fds(int sock, unsigned int type, void *message,
			const int *fds, unsigned int fd_count)
{
	const struct shape *shape = shape_of(type);
	struct hgshm_msg *header = message;
	union {
		char bytes[CMSG_SPACE(HGSHM_MSG_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_base = message };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (!shape || fd_count < shape->fds_min || fd_count > shape->fds_max)
		return -EINVAL;
	header->magic = htole32(HGSHM_MSG_MAGIC);
	header->version = htole16(HGSHM_PROTO_VERSION);
	header->type = htole16(type);
	header->length = htole32(shape->bytes);
	header->fds = htole32(fd_count);
	iov.iov_len = shape->bytes;

	if (fd_count) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}

	do
		n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return (size_t)n == shape->bytes ? 0 : -EAGAIN;
}

int hgshm_wire_send(int sock, unsigned int type, void *message, const int *fds)
{
	const struct shape *shape = shape_of(type);

	return hgshm_wire_send_fds(sock, type, message, fds,
				   shape ? shape->fds_min : 0);
}

const char *hgshm_wire_fault(const struct hgshm_wire_message *m, int error)
{
	switch (error) {
	case -EPROTO:
		return m->fault;
	case -EPROTONOSUPPORT:
		return "it is of another protocol version";
	case -ECONNRESET:
		return "the connection was closed";
	case -ETIMEDOUT:
		return "it did not come in time";
	default:
		return hgshm_error_text(error);
	}
}

const char *hgshm_error_text(int error)
{
	switch (error) {
	case -EMFILE:
		return "this process has no file descriptors left; allow it more (ulimit -n)";
	case -ETOOMANYREFS:
		return "too many file descriptors of this user are on their way to processes that "
		       "are slow to take them; start fewer at once or allow more (ulimit -n)";
	default:
		return strerror(-error);
	}
}

bool hgshm_wire_is_eventfd(int fd)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	char path[32];
	char target[sizeof(eventfd)];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target));
	return n == (ssize_t)sizeof(eventfd) - 1 && !memcmp(target, eventfd, n);
}

bool hgshm_wire_is_line(int fd)
{
	struct sockaddr_storage peer;
	socklen_t peer_bytes = sizeof(peer);
	int domain, type;
	socklen_t domain_bytes = sizeof(domain), type_bytes = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_bytes) &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) &&
	       domain == AF_UNIX && type == SOCK_SEQPACKET &&
	       !getpeername(fd, (struct sockaddr *)&peer, &peer_bytes);
}
