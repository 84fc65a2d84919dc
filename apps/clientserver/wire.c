/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "wire.h"

#define SOCKET_BUFFER_BYTES (4 << 20)
#define LOOK_NS (250 * NS_PER_MS)
#define PARTS_MAX 2

void wire_tune(int fd)
{
	const int on = 1, bytes = SOCKET_BUFFER_BYTES;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/*
	 * Without the right to force it, the kernel's own tuning goes further than a plain
	 * SO_RCVBUF may, which would also turn that tuning off.
	 */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

void wire_address(const struct sockaddr_storage *address, socklen_t length,
		  char text[WIRE_ADDRESS_BYTES])
{
	char host[48], port[8];

	if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, WIRE_ADDRESS_BYTES, "unknown address");
	else
		snprintf(text, WIRE_ADDRESS_BYTES,
			 address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int wait_ready(int fd, short events, const struct wire_patience *patience)
{
	int64_t end_ns = clock_ns() + patience->deadline_ns;
	struct pollfd pollfd = { .fd = fd, .events = events };

	for (;;) {
		int64_t left_ns = end_ns - clock_ns();
		int ready;

		if (patience->interrupted && *patience->interrupted)
			return -EINTR;
		if (left_ns <= 0)
			return -ETIMEDOUT;
		if (left_ns > LOOK_NS)
			left_ns = LOOK_NS;
		ready = poll(&pollfd, 1, left_ns / NS_PER_MS + 1);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
	}
}

int wire_receive(int fd, void *to, size_t bytes, const struct wire_patience *patience)
{
	size_t have = 0;

	while (have < bytes) {
		ssize_t got = recv(fd, (char *)to + have, bytes - have, MSG_DONTWAIT);
		int ret;

		if (got > 0) {
			have += got;
			continue;
		}
		if (got == 0)
			return have ? -EPIPE : -ENOTCONN;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		ret = wait_ready(fd, POLLIN, patience);
		if (ret)
			return ret;
	}
	return 0;
}

int wire_send(int fd, const struct iovec *parts, int count, const struct wire_patience *patience)
{
	struct iovec left[PARTS_MAX];
	struct msghdr message = { .msg_iov = left, .msg_iovlen = count };

	if (count > PARTS_MAX)
		return -EINVAL;
	memcpy(left, parts, count * sizeof(*parts));
	while (message.msg_iovlen) {
		ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		int ret;

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0) {
			ret = wait_ready(fd, POLLOUT, patience);
			if (ret)
				return ret;
			continue;
		}
		while (message.msg_iovlen && (size_t)sent >= message.msg_iov->iov_len) {
			sent -= message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen) {
			message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
			message.msg_iov->iov_len -= sent;
		}
	}
	return 0;
}

const char *wire_strerror(int error)
{
	switch (error) {
	case -EPIPE:
	case -ENOTCONN:
		return "closed the connection";
	case -ECONNRESET:
		return "reset the connection";
	case -ETIMEDOUT:
		return "has sent nothing for too long (--deadline)";
	case -EINTR:
		return "interrupted";
	}
	return strerror(-error);
}
