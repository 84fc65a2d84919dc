/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "clock.h"
#include "tcp_servers.h"

void *run_server(void *arg)
{
	struct server_thread *server = arg;

	server->ret = server_run(&server->server, &server->options, &server->problem);
	server_close(&server->server);
	return NULL;
}

void start_server(struct server_thread *server, bool once, int64_t deadline_ns,
		  const atomic_int *stop, FILE *log)
{
	memset(server, 0, sizeof(*server));
	server->options = (struct server_options){
		.once = once,
		.deadline_ns = deadline_ns,
		.interrupted = stop,
		.log = log,
	};
	assert_int_equal(server_open(&server->server, "127.0.0.1", "0", &server->problem), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, run_server, server), 0);
}

int join_server(struct server_thread *server)
{
	pthread_join(server->thread, NULL);
	return server->ret;
}

struct tcp_crew_options crew_of(const char *const *names, unsigned int count)
{
	return (struct tcp_crew_options){
		.servers = names,
		.count = count,
		.port = WIRE_PORT_DEFAULT,
		.wait_ns = 10 * NS_PER_SECOND,
		.deadline_ns = 60 * NS_PER_SECOND,
	};
}

int listen_anywhere(char name[WIRE_ADDRESS_BYTES])
{
	struct server server;
	struct problem problem;

	assert_int_equal(server_open(&server, "127.0.0.1", "0", &problem), 0);
	memcpy(name, server.address, WIRE_ADDRESS_BYTES);
	return server.listener;
}
