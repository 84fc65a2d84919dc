// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire_fixture.h"

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int setup(void **state, int type)
{
	static struct fixture f;
	int pair[2];

	f.fds_before = count_fds();
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	f.from = pair[0];
	f.to = pair[1];
	for (unsigned int i = 0; i < ARRAY_SIZE(f.files); i++) {
		f.files[i] = memfd_create("wire", MFD_CLOEXEC);
		if (f.files[i] < 0)
			return -1;
	}
	hgshm_wire_init(&f.m);
	*state = &f;
	return 0;
}

int setup_stream(void **state)
{
	return setup(state, SOCK_STREAM);
}

int setup_line(void **state)
{
	return setup(state, SOCK_SEQPACKET);
}

/* Every test ends with as many open files as it began with. */
int teardown(void **state)
{
	struct fixture *f = *state;

	hgshm_wire_reset(&f->m);
	close(f->from);
	close(f->to);
	for (unsigned int i = 0; i < ARRAY_SIZE(f->files); i++)
		close(f->files[i]);
	if (count_fds() != f->fds_before) {
		print_error("file descriptors are left open\n");
		return -1;
	}
	return 0;
}

void fill_body(union any *message, size_t bytes)
{
	for (size_t i = sizeof(message->h); i < bytes; i++)
		message->bytes[i] = 3 * i + 1;
}

void make(union any *message, unsigned int type, size_t bytes, unsigned int fds)
{
	memset(message, 0, sizeof(*message));
	fill_body(message, bytes);
	message->h = (struct hgshm_msg) {
		.magic = htole32(HGSHM_MSG_MAGIC),
		.version = htole16(HGSHM_PROTO_VERSION),
		.type = htole16(type),
		.length = htole32(bytes),
		.fds = htole32(fds),
	};
}

void send_raw(int sock, const void *bytes, size_t count, const int *fds,
	      unsigned int fd_count)
{
	union {
		char bytes[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = count };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), count);
}

void expect_same_file(int a, int b)
{
	struct stat of_a, of_b;

	assert_int_not_equal(a, b);
	assert_int_equal(fstat(a, &of_a), 0);
	assert_int_equal(fstat(b, &of_b), 0);
	assert_int_equal(of_a.st_ino, of_b.st_ino);
}

void expect_received(struct fixture *f, const union any *sent, size_t bytes,
		     unsigned int fds)
{
	assert_int_equal(f->m.have, bytes);
	assert_memory_equal(&f->m.header, sent, bytes);
	assert_int_equal(f->m.fd_count, fds);
	for (unsigned int i = 0; i < fds; i++) {
		expect_same_file(f->m.fds[i], f->files[i]);
		assert_int_equal(fcntl(f->m.fds[i], F_GETFD), FD_CLOEXEC);
	}
}

void expect_fault(struct fixture *f, const char *text)
{
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EPROTO);
	assert_string_equal(hgshm_wire_fault(&f->m, -EPROTO), text);
	hgshm_wire_reset(&f->m);
}
