// SPDX-License-Identifier: MIT
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ivshmem-server.h"
#include "test.h"

#define PROTOCOL_VERSION	0

/* One message: a number, and a file descriptor unless that is -1. */
static void tell(int sock, int64_t number, int fd)
{
	int64_t wire = htole64(number);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), sizeof(wire));
}

void ivshmem_server_open(struct ivshmem_server *s, const char *path, size_t bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*s = (struct ivshmem_server) { .count = 0 };
	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	s->memory = memfd_create("ivshmem", MFD_CLOEXEC);
	assert_true(s->memory >= 0);
	assert_int_equal(ftruncate(s->memory, bytes), 0);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 2), 0);
}

void ivshmem_server_admit(struct ivshmem_server *s)
{
	struct pollfd pfd = { .fd = s->listener, .events = POLLIN };
	unsigned int id = s->count++;

	assert_in_range(id, 0, 1);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	s->clients[id] = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s->clients[id] >= 0);
	s->doorbells[id] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(s->doorbells[id] >= 0);

	tell(s->clients[id], PROTOCOL_VERSION, -1);
	tell(s->clients[id], id, -1);
	tell(s->clients[id], -1, s->memory);
	if (id == 1) {
		tell(s->clients[0], 1, s->doorbells[1]);
		tell(s->clients[1], 0, s->doorbells[0]);
	}
	tell(s->clients[id], id, s->doorbells[id]);
}

void ivshmem_server_close(struct ivshmem_server *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		close(s->clients[i]);
		close(s->doorbells[i]);
	}
	close(s->memory);
	close(s->listener);
}
