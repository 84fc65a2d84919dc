/* SPDX-License-Identifier: MIT */
/**
 * DOC: sockets and messages of a meeting, in the test's own hands
 *
 * Functions fail the running test where something takes longer than WAIT_MS.
 */
#ifndef QTEST_FAKE_H
#define QTEST_FAKE_H

#include "group.h"
#include "wire.h"

/** fake_connect() - Return: a connection to the group's socket */
int fake_connect(const struct group *g);

/** fake_listen() - Return: a socket that listens where the mapper would */
int fake_listen(const struct group *g);

/** fake_accept() - Return: the connection of @vm, whose end fails the test */
int fake_accept(int listener, struct vm *vm);

/** fake_send() - send bytes as they are, with fds */
void fake_send(int sock, const void *bytes, size_t count, const int *fds,
	       unsigned int fd_count);

/** fake_receive() - the next message, which must be of that type; reset it after */
void fake_receive(int sock, struct hgshm_wire_message *m, unsigned int type);

/** fake_expect_closed() - the other side closes, without another byte */
void fake_expect_closed(int sock);

/** fake_header() - Return: a header as it should be */
struct hgshm_msg fake_header(unsigned int type, size_t bytes, unsigned int fds);

/** fake_close() - close @fd, if it is open, and mark it as closed */
void fake_close(int *fd);

/** fake_deadline_ns() - Return: the moment when waiting ends that starts now */
int64_t fake_deadline_ns(void);

#endif
