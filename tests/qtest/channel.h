/* SPDX-License-Identifier: MIT */
/**
 * DOC: lines of text over a unix socket, as qtest and QMP speak them
 *
 * Functions fail the running test where the other side is gone or takes longer
 * than WAIT_MS.
 */
#ifndef QTEST_CHANNEL_H
#define QTEST_CHANNEL_H

#include <stddef.h>

#include "process.h"

/**
 * struct channel - one connection
 * @fd: the socket; the listening one until channel_accept(), -1 for none
 * @name: for error messages
 * @line: the line read last, and what was read beyond it
 * @line_bytes: how much of @line the last line took
 * @have: bytes in @line
 * @room: bytes allocated
 */
struct channel {
	int fd;
	const char *name;
	char *line;
	size_t line_bytes;
	size_t have;
	size_t room;
};

/** channel_listen() - wait for one connection at @path from now on */
void channel_listen(struct channel *c, const char *name, const char *path);

/**
 * channel_accept() - take the connection
 * @c: in/out
 * @p: the process that should connect; its end fails the test
 */
void channel_accept(struct channel *c, struct process *p);

/** channel_send() - send text of @bytes bytes, which ends in a newline */
void channel_send(struct channel *c, const char *text, size_t bytes);

/**
 * channel_read_line() - the next line
 *
 * Return: it, without its newline, until the next call.
 */
char *channel_read_line(struct channel *c);

/** channel_close() - close the socket, free the buffer */
void channel_close(struct channel *c);

#endif
