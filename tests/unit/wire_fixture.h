/* SPDX-License-Identifier: MIT */
/* What the tests of the meeting's messages share: a connection, and raw messages. */
#ifndef WIRE_FIXTURE_H
#define WIRE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Any message, with room for bytes that belong to none. */
union any {
	struct hgshm_msg h;
	struct hgshm_msg_hello hello;
	struct hgshm_msg_welcome welcome;
	struct hgshm_msg_refused refused;
	struct hgshm_msg_peers peers;
	struct hgshm_msg_peer peer;
	unsigned char bytes[512];
};

/* Two ends of a connection, and files to send that can be told apart. */
struct fixture {
	int from, to;
	int files[4];
	struct hgshm_wire_message m;
	unsigned int fds_before;
};

/* Connected before each test; as many open files after it as before. */
int setup_stream(void **state);
int setup_line(void **state);
int teardown(void **state);

#define on_stream(f)	cmocka_unit_test_setup_teardown(f, setup_stream, teardown)
#define on_line(f)	cmocka_unit_test_setup_teardown(f, setup_line, teardown)
#define on_both(f)	on_stream(f), on_line(f)

unsigned int count_fds(void);

/* Every byte behind the header gets a value of its own. */
void fill_body(union any *message, size_t bytes);

/* A message with a header as it should be. */
void make(union any *message, unsigned int type, size_t bytes, unsigned int fds);

/* Bytes as they are, with the first of @fd_count fds. */
void send_raw(int sock, const void *bytes, size_t count, const int *fds,
	      unsigned int fd_count);

/* The whole message has come as it was sent, with the fixture's first files. */
void expect_received(struct fixture *f, const union any *sent, size_t bytes,
		     unsigned int fds);

void expect_same_file(int a, int b);

/* The message is refused with these words. */
void expect_fault(struct fixture *f, const char *text);

#endif
