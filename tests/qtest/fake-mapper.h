/* SPDX-License-Identifier: MIT */
/**
 * DOC: the test as the mapper of a real client, honest or not
 */
#ifndef QTEST_FAKE_MAPPER_H
#define QTEST_FAKE_MAPPER_H

#include "fake.h"

/* The client's index, and the group as the mapper tells it. */
#define FAKE_INDEX		2
#define FAKE_CLIENTS		4
#define FAKE_SLICE_BYTES	4096ull

/**
 * struct fake_mapper - a mapper with one client
 * @client: QEMU
 * @listener: where it connects
 * @sock: its connection
 * @line: the private line, once HELLO has come
 * @doorbell: rings the client, once HELLO has come
 * @own_doorbell: the client rings it
 */
struct fake_mapper {
	struct vm *client;
	int listener;
	int sock;
	int line;
	int doorbell;
	int own_doorbell;
};

/** fake_mapper_spawn() - listen, start the client, take its connection */
void fake_mapper_spawn(struct fake_mapper *f, struct group *g,
		       const char *properties);

/** fake_mapper_take_hello() - take HELLO, which must be right in every byte */
void fake_mapper_take_hello(struct fake_mapper *f, const struct group *g,
			    uint32_t mapidx);

/** fake_mapper_start() - both, for a client without mapidx */
void fake_mapper_start(struct fake_mapper *f, struct group *g);

/** fake_mapper_let_in() - make the memory, send a proper WELCOME */
void fake_mapper_let_in(struct fake_mapper *f, struct group *g);

/** fake_mapper_start_complete() - all of a proper meeting; vectors enabled */
void fake_mapper_start_complete(struct fake_mapper *f, struct group *g);

/** fake_mapper_finish() - close all that is open */
void fake_mapper_finish(struct fake_mapper *f, const struct group *g);

/** fake_welcome() - Return: a proper WELCOME, but for the memory's identity */
struct hgshm_msg_welcome fake_welcome(void);

void fake_mapper_send_peers(struct fake_mapper *f, uint64_t peers);

/** fake_mapper_send_peer_up() - @out rings the peer, @in is what it rings */
void fake_mapper_send_peer_up(struct fake_mapper *f, uint32_t index, int out,
			      int in);

void fake_mapper_send_peer_down(struct fake_mapper *f, uint32_t index);

#endif
