/* SPDX-License-Identifier: MIT */
/* tcpservers as threads, on ports that the kernel chooses. */
#ifndef UNIT_TCP_SERVERS_H
#define UNIT_TCP_SERVERS_H

#include <pthread.h>

#include "crew_tcp.h"
#include "server.h"

struct server_thread {
	pthread_t thread;
	struct server server;
	struct server_options options;
	struct problem problem;
	int ret;
};

void start_server(struct server_thread *server, bool once, int64_t deadline_ns,
		  const atomic_int *stop, FILE *log);

/* The thread's body, for a server that is made in another way. */
void *run_server(void *server_thread);

/* What server_run returned. */
int join_server(struct server_thread *server);

/* How a client reaches these. */
struct tcp_crew_options crew_of(const char *const *names, unsigned int count);

/* A listener that nobody serves yet. */
int listen_anywhere(char name[WIRE_ADDRESS_BYTES]);

#endif /* UNIT_TCP_SERVERS_H */
