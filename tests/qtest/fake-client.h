/* SPDX-License-Identifier: MIT */
/**
 * DOC: the test as a client of a real mapper, honest or not
 */
#ifndef QTEST_FAKE_CLIENT_H
#define QTEST_FAKE_CLIENT_H

#include "fake.h"

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
