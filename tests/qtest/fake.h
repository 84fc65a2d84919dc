/* SPDX-License-Identifier: MIT */
/**
 * DOC: the test itself as a mapper or a client, honest or not
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

/**
 * struct fake_client - what a client brings to its meeting
 * @sock: to the mapper
 * @line: its end of the private line
 * @doorbell: the eventfd by which the mapper rings it
 * @fds: what goes with HELLO: the doorbell and the mapper's end of the line
 * @hello: a proper HELLO
 */
struct fake_client {
	int sock;
	int line;
	int doorbell;
	int fds[2];
	struct hgshm_msg_hello hello;
};

/** fake_client_open() - connected, and ready to say a proper HELLO */
void fake_client_open(struct fake_client *f, const struct group *g,
		      unsigned int index);

/** fake_client_say_hello() - send it */
void fake_client_say_hello(struct fake_client *f);

/**
 * fake_client_join() - take WELCOME, and what comes on the line up to PEERS
 * @f: in/out
 * @ring_fd: out, the eventfd that rings the mapper
 *
 * Return: PEERS.
 */
uint64_t fake_client_join(struct fake_client *f, int *ring_fd);

/** fake_client_close() - close all that is open */
void fake_client_close(struct fake_client *f);

#endif
