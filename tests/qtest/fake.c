// SPDX-License-Identifier: MIT
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake.h"
#include "test.h"

#define FDS_MAX		16

static struct sockaddr_un address_of(const struct group *g)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, g->socket);
	return address;
}

static int new_socket(void)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0);
	return sock;
}

int fake_connect(const struct group *g)
{
	struct sockaddr_un address = address_of(g);
	int sock = new_socket();

	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail_msg("connect %s: %s", g->socket, strerror(errno));
	return sock;
}

int fake_listen(const struct group *g)
{
	struct sockaddr_un address = address_of(g);
	int sock = new_socket();

	if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(sock, 4) < 0)
		fail_msg("listen %s: %s", g->socket, strerror(errno));
	return sock;
}

int fake_accept(int listener, struct vm *vm)
{
	struct pollfd pfds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = vm->process.pidfd, .events = POLLIN },
	};
	int sock;

	if (poll(pfds, ARRAY_SIZE(pfds), WAIT_MS) == 0)
		fail_msg("no client came within %d ms", WAIT_MS);
	if (!pfds[0].revents)
		fail_msg("QEMU ended instead of connecting: %s",
			 process_take_output(&vm->process));
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(sock >= 0);
	return sock;
}

void fake_send(int sock, const void *bytes, size_t count, const int *fds,
	       unsigned int fd_count)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = count };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	assert_in_range(fd_count, 0, FDS_MAX);
	if (fd_count) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), count);
}

int64_t fake_deadline_ns(void)
{
	return hgshm_wire_now_ns() + WAIT_MS * INT64_C(1000000);
}

void fake_receive(int sock, struct hgshm_wire_message *m, unsigned int type)
{
	int error;

	hgshm_wire_init(m);
	error = hgshm_wire_receive_until(sock, m, fake_deadline_ns());
	if (error)
		fail_msg("no message of type %u came: %s", type,
			 hgshm_wire_fault(m, error));
	assert_int_equal(le16toh(m->header.type), type);
}

void fake_expect_closed(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	ssize_t n;
	char byte;

	if (poll(&pfd, 1, WAIT_MS) == 0)
		fail_msg("the other side did not close within %d ms", WAIT_MS);
	n = recv(sock, &byte, 1, MSG_DONTWAIT);
	/* A reset tells that it closed without reading all that was sent. */
	if (n > 0 || (n < 0 && errno != ECONNRESET))
		fail_msg("the other side did not close but said something");
}

struct hgshm_msg fake_header(unsigned int type, size_t bytes, unsigned int fds)
{
	return (struct hgshm_msg) {
		.magic = htole32(HGSHM_MSG_MAGIC),
		.version = htole16(HGSHM_PROTO_VERSION),
		.type = htole16(type),
		.length = htole32(bytes),
		.fds = htole32(fds),
	};
}

void fake_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
