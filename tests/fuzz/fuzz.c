// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

uint8_t fuzz_take(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->bytes++;
}

const uint8_t *fuzz_take_bytes(struct fuzz_input *in, size_t want, size_t *got)
{
	const uint8_t *bytes = in->bytes;

	*got = want < in->left ? want : in->left;
	in->bytes += *got;
	in->left -= *got;
	return bytes;
}

unsigned int fuzz_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;
	struct dirent *entry;

	fuzz_check(dir, "/proc/self/fd can't be read");
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count - 1;
}

void fuzz_send(int sock, const void *bytes, size_t count, const int *fds,
	       unsigned int fd_count)
{
	union {
		char bytes[CMSG_SPACE(FUZZ_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = count };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, CMSG_SPACE(fd_count * sizeof(int)));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	/* Whether it goes out is the other side's affair too. */
	(void)!sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}
