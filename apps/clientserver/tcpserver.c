/* SPDX-License-Identifier: MIT */
/* tcpserver: works for a tcpclient. */
#include <stdio.h>

#include "clock.h"
#include "interrupt.h"
#include "job_options.h"
#include "program.h"
#include "server.h"

const char *argp_program_version = "tcpserver " HGSHM_APPS_VERSION;

struct options {
	const char *host;
	const char *port;
	struct server_options server;
};

enum key {
	KEY_LISTEN = 0x200,
	KEY_PORT,
	KEY_ONCE,
	KEY_WAIT,
	KEY_DEADLINE,
};

static const struct argp_option option_list[] = {
	{ "listen", KEY_LISTEN, "ADDRESS", 0, "address to listen on (default: all)", 0 },
	{ "port", KEY_PORT, "PORT", 0, "port to listen on, 0 for any (default " WIRE_PORT_DEFAULT
	  ")", 0 },
	{ "once", KEY_ONCE, NULL, 0, "end after one job", 0 },
	{ "wait", KEY_WAIT, "SECONDS", 0, "end if no client has come for that long (default: "
	  "never)", 0 },
	{ "deadline", KEY_DEADLINE, "SECONDS", 0, "drop a client that has been silent for that "
	  "long in the middle of a job (default 60)", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t port;

	switch (key) {
	case KEY_LISTEN:
		options->host = arg;
		break;
	case KEY_PORT:
		option_number(state, "port", arg, 0, 65535, &port);
		options->port = arg;
		break;
	case KEY_ONCE:
		options->server.once = true;
		break;
	case KEY_WAIT:
		option_seconds(state, "wait", arg, &options->server.wait_ns);
		break;
	case KEY_DEADLINE:
		option_seconds(state, "deadline", arg, &options->server.deadline_ns);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Works on what a tcpclient hands out, one client at a time.",
};

int main(int argc, char **argv)
{
	struct options options = {
		.port = WIRE_PORT_DEFAULT,
		.server = {
			.deadline_ns = 60 * NS_PER_SECOND,
			.interrupted = &interrupted,
			.log = stdout,
		},
	};
	struct problem problem;
	struct server server;
	int ret;

	program_begin(&argp, argc, argv, &options);

	ret = server_open(&server, options.host, options.port, &problem);
	if (!ret) {
		printf("listening on %s\n", server.address);
		fflush(stdout);
		ret = server_run(&server, &options.server, &problem);
		server_close(&server);
	}
	return program_end("tcpserver", ret, &problem);
}
