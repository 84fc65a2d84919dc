// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "test.h"

void channel_listen(struct channel *c, const char *name, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*c = (struct channel) { .name = name };
	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    bind(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(c->fd, 1) < 0)
		fail_msg("%s socket %s: %s", name, path, strerror(errno));
}


void channel_accept(struct channel *c, struct process *p)
{
	struct pollfd pfds[] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = p->pidfd, .events = POLLIN },
	};
	int listening = c->fd;

	if (poll(pfds, ARRAY_SIZE(pfds), WAIT_MS) == 0)
		fail_msg("%s: QEMU did not connect within %d ms", c->name,
			 WAIT_MS);
	if (!pfds[0].revents)
		fail_msg("%s: QEMU ended instead of connecting: %s", c->name,
			 process_take_output(p));
	c->fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	close(listening);
	if (c->fd < 0)
		fail_msg("%s: accept: %s", c->name, strerror(errno));
}

void channel_send(struct channel *c, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(c->fd, text, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail_msg("%s: QEMU is gone: %s", c->name,
				 strerror(errno));
		text += n;
		bytes -= n;
	}
}

static void receive_more(struct channel *c)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	if (c->have + 1 >= c->room) {
		c->room = c->room ? 2 * c->room : 4096;
		c->line = realloc(c->line, c->room);
		assert_non_null(c->line);
	}
	if (poll(&pfd, 1, WAIT_MS) == 0)
		fail_msg("%s: no answer within %d ms", c->name, WAIT_MS);
	n = recv(c->fd, c->line + c->have, c->room - c->have - 1, 0);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		fail_msg("%s: QEMU is gone: %s", c->name,
			 n ? strerror(errno) : "end of file");
	c->have += n;
}

char *channel_read_line(struct channel *c)
{
	size_t searched = 0;
	char *end;

	memmove(c->line, c->line + c->line_bytes, c->have - c->line_bytes);
	c->have -= c->line_bytes;
	c->line_bytes = 0;
	for (;;) {
		end = memchr(c->line + searched, '\n', c->have - searched);
		if (end)
			break;
		searched = c->have;
		receive_more(c);
	}
	*end = '\0';
	c->line_bytes = end + 1 - c->line;
	if (end > c->line && end[-1] == '\r')
		end[-1] = '\0';
	return c->line;
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->line);
	*c = (struct channel) { .fd = -1 };
}
