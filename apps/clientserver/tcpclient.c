/* SPDX-License-Identifier: MIT */
/* tcpclient: hands a job out to tcpservers. */
#include "client.h"
#include "interrupt.h"
#include "program.h"
#include "wire.h"

const char *argp_program_version = "tcpclient " HGSHM_APPS_VERSION;

struct options {
	struct job_options job;
	struct tcp_crew_options servers;
};

enum key {
	KEY_PORT = 0x200,
};

static const struct argp_option option_list[] = {
	{ "port", KEY_PORT, "PORT", 0, "for servers that name none (default " WIRE_PORT_DEFAULT
	  ")", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t port;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->job;
		break;
	case KEY_PORT:
		option_number(state, "port", arg, 1, 65535, &port);
		options->servers.port = arg;
		break;
	case ARGP_KEY_ARGS:
		options->servers.servers = (const char *const *)state->argv + state->next;
		options->servers.count = state->argc - state->next;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, 2, 0, "no server is named; tcpclient --help shows how");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "HOST[:PORT]...",
	.doc = "Counts words, or a byte, in a text, by the tcpservers on the hosts named.\v"
	       "The same jobs as hgshm-mapreduce, by the same code, with the same chunks and as "
	       "many of them under way, but sent over TCP.",
	.children = job_options_children,
};

int main(int argc, char **argv)
{
	struct options options = { .servers.port = WIRE_PORT_DEFAULT };
	struct problem problem;
	int ret;

	job_options_default(&options.job);
	program_begin(&argp, argc, argv, &options);

	options.servers.wait_ns = options.job.wait_ns;
	options.servers.deadline_ns = options.job.deadline_ns;
	options.servers.interrupted = &interrupted;
	ret = client_run(&options.job, &options.servers, &problem);
	return program_end("tcpclient", ret, &problem);
}
