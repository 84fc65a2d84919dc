/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * DOC: one who calls at a mapper under a fuzzer, as a client or as who knows what
 */
#ifndef FUZZ_CALLER_H
#define FUZZ_CALLER_H

#include "stand-in.h"

/**
 * struct caller - what it holds; each fd is -1 where there is none
 * @sock: to the mapper
 * @line: its end of the private line
 * @line_theirs: the mapper's end, until it has gone out
 * @doorbell: the eventfd by which the mapper rings it
 * @since_ns: when it connected
 * @hello: what it says
 * @hello_bytes: how much
 * @sent: how much it has said
 * @fds: what goes with the first byte
 * @fd_count: how many
 * @noisy: it said something else before, so its HELLO is not what the mapper reads
 * @deaf: its line is full, and not of messages alone
 * @believes: who is alive, by what it was told
 */
struct caller {
	int sock;
	int line;
	int line_theirs;
	int doorbell;
	int64_t since_ns;
	uint8_t hello[sizeof(struct hgshm_msg_hello) + 8];
	size_t hello_bytes;
	size_t sent;
	int fds[4];
	unsigned int fd_count;
	bool noisy;
	bool deaf;
	uint64_t believes;
};

/** caller_connect() - leave if it is there, come again; Return: whether the chardev was free */
bool caller_connect(HgshmState *s, struct caller *c);

/** caller_hang_up() - close its end of the line, and nothing else */
void caller_hang_up(struct caller *c);

/** caller_leave() - close all */
void caller_leave(struct caller *c);

/** caller_index() - Return: the index in its HELLO */
uint32_t caller_index(const struct caller *c);

/** caller_write_hello() - a proper HELLO; nothing is sent */
void caller_write_hello(struct caller *c, uint32_t index, uint32_t mapidx);

/** caller_send() - say the next @bytes of its HELLO, or what is left */
void caller_send(struct caller *c, size_t bytes);

/**
 * caller_shrink_line() - little room for what the mapper has to say
 * @c: in/out; the mapper's end of the line is the caller's to prepare
 * @fill: no room at all
 */
void caller_shrink_line(struct caller *c, bool fill);

/** caller_speak() - say something on the line, as no client does, with copies of @fd */
void caller_speak(struct caller *c, uint8_t what, int fd);

/**
 * caller_fill_doorbell() - leave its eventfd room for @room rings
 *
 * A write to a full eventfd blocks, unless the mapper has seen to that.
 */
void caller_fill_doorbell(struct caller *c, uint8_t room);

/**
 * caller_listen() - read what the mapper said
 *
 * All of it must be as proto.h says, a WELCOME must be deserved, and who has heard
 * all must know who is alive.
 */
void caller_listen(HgshmState *s, struct caller *c);

#endif
