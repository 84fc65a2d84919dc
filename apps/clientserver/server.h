/* SPDX-License-Identifier: MIT */
/* A worker that gets its tasks over TCP, from one client at a time. */
#ifndef CLIENTSERVER_SERVER_H
#define CLIENTSERVER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "problem.h"
#include "wire.h"

struct server_options {
	bool once;		/* return after the first job */
	int64_t wait_ns;	/* for a client; 0: without end */
	int64_t deadline_ns;	/* for the next byte of a client that is there */
	const atomic_int *interrupted;
	FILE *log;		/* a line about each client; or NULL */
};

struct server {
	int listener;
	char address[WIRE_ADDRESS_BYTES];
};

/* host may be NULL for all addresses; port "0" lets the kernel choose. */
int server_open(struct server *server, const char *host, const char *port,
		struct problem *problem);
void server_close(struct server *server);

/*
 * Serves clients. A client that sends garbage, or goes away, is dropped, with a line in the log,
 * and does not stop the server. With once, returns what the first job that was accepted came to.
 */
int server_run(struct server *server, const struct server_options *options,
	       struct problem *problem);

#endif /* CLIENTSERVER_SERVER_H */
