/* SPDX-License-Identifier: MIT */
/* tcpclient and tcpserver over loopback, on ports that the kernel chooses. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "client.h"
#include "clock.h"
#include "tcp_servers.h"
#include "texts.h"
#include "vms.h"

#define SERVERS_MAX 4

static void check_job(const struct job_options *options, unsigned int servers,
		      const struct text *wanted)
{
	struct server_thread server[SERVERS_MAX];
	struct tcp_crew_options crew;
	struct problem problem = { "" };
	const char *names[SERVERS_MAX];
	struct text have;
	int ret;

	for (unsigned int i = 0; i < servers; i++) {
		start_server(server + i, true, 60 * NS_PER_SECOND, NULL, NULL);
		names[i] = server[i].server.address;
	}
	crew = crew_of(names, servers);
	ret = client_run(options, &crew, &problem);
	assert_string_equal(problem.text, "");
	assert_int_equal(ret, 0);
	for (unsigned int i = 0; i < servers; i++)
		assert_int_equal(join_server(server + i), 0);
	have = text_load(options->output);
	assert_same_text(&have, wanted);
	text_free(&have);
}

static void test_matches_oracle(void **state)
{
	static const size_t chunk_bytes[] = { 4096, 65536, 1 << 20 };
	struct text text = text_words(1, 1500001, 20000), wanted;
	struct job_options options = vms_options("wordcount", texts_path("words"));

	wanted = vms_wanted(&options, &text);
	for (size_t i = 0; i < sizeof(chunk_bytes) / sizeof(chunk_bytes[0]); i++) {
		options.chunk_bytes = chunk_bytes[i];
		for (unsigned int servers = 1; servers <= 3; servers++)
			check_job(&options, servers, &wanted);
	}
	options.table_bytes = 1;
	check_job(&options, 2, &wanted);
	text_free(&wanted);

	options.job = "count";
	options.byte = "e";
	wanted = oracle("count", "e", options.input);
	check_job(&options, 2, &wanted);
	text_free(&wanted);

	text.length = 0;
	wanted = vms_wanted(&options, &text);
	check_job(&options, 2, &wanted);
	text_free(&wanted);
	text_free(&text);
}

/* More under way than the sockets' buffers hold, so that tasks are sent in parts. */
static void test_large_chunks(void **state)
{
	struct text text = text_noise(17, 30000000), wanted;
	struct job_options options = vms_options("count", texts_path("noise"));

	wanted = vms_wanted(&options, &text);
	options.chunk_bytes = 8 << 20;
	check_job(&options, 1, &wanted);
	text_free(&wanted);
	text_free(&text);
}

static void test_server_stays(void **state)
{
	struct text text = text_words(3, 200000, 2000), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("words"));
	struct server_thread server;
	struct problem problem = { "" };
	struct tcp_crew_options crew;
	const char *name;
	atomic_int stop = 0;

	wanted = vms_wanted(&options, &text);
	start_server(&server, false, 60 * NS_PER_SECOND, &stop, NULL);
	name = server.server.address;
	crew = crew_of(&name, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(client_run(&options, &crew, &problem), 0);
		have = text_load(options.output);
		assert_same_text(&have, &wanted);
		text_free(&have);
	}
	stop = 1;
	assert_int_equal(join_server(&server), -EINTR);
	text_free(&text);
	text_free(&wanted);
}

static void check_crew_refused(const char *name, int error, const char *words)
{
	struct text text = text_of("a", 1);
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct tcp_crew_options crew = crew_of(&name, 1);
	struct problem problem = { "" };
	int ret;

	text_save(&text, options.input);
	text_free(&text);
	crew.wait_ns = NS_PER_SECOND / 10;
	ret = client_run(&options, &crew, &problem);
	if (ret != error || !strstr(problem.text, name) || !strstr(problem.text, words))
		fail_msg("returned %d, \"%s\", wanted %d, \"%s\"", ret, problem.text, error, words);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ":7700", "[::1", "[]:7700", "host:", "[::1]x" };
	char address[WIRE_ADDRESS_BYTES];
	int listener = listen_anywhere(address);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_crew_refused(bad[i], -EINVAL, "must be HOST");
	check_crew_refused("127.0.0.1:notaport", -EINVAL, "server 127.0.0.1:notaport");
	/* a port that was just given up, so that nobody listens there */
	close(listener);
	check_crew_refused(address, -ETIMEDOUT, "did not come up");
}

/* Opens the port that the client is already trying, then serves there. */
struct late_server {
	struct server_thread server;
	char port[8];
	atomic_int tries;
};

static void *run_late_server(void *arg)
{
	struct late_server *late = arg;

	while (!late->tries)
		sched_yield();
	late->server.ret = server_open(&late->server.server, "127.0.0.1", late->port,
				       &late->server.problem);
	return late->server.ret ? NULL : run_server(&late->server);
}

static void test_server_comes_late(void **state)
{
	struct text text = text_words(2, 100000, 500), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct late_server late = { 0 };
	char address[WIRE_ADDRESS_BYTES];
	struct problem problem = { "" };
	const char *name = address;
	struct tcp_crew_options crew = crew_of(&name, 1);
	struct problem refused;
	int listener = listen_anywhere(address);

	wanted = vms_wanted(&options, &text);
	close(listener);
	snprintf(late.port, sizeof(late.port), "%s", strchr(address, ':') + 1);
	late.server.options = (struct server_options){
		.once = true,
		.deadline_ns = 60 * NS_PER_SECOND,
	};
	assert_int_equal(pthread_create(&late.server.thread, NULL, run_late_server, &late), 0);
	/* nobody is there for a first client; then the server comes for one that waits longer */
	crew.wait_ns = NS_PER_SECOND / 20;
	assert_int_equal(client_run(&options, &crew, &refused), -ETIMEDOUT);
	late.tries = 1;
	crew.wait_ns = 20 * NS_PER_SECOND;
	assert_int_equal(client_run(&options, &crew, &problem), 0);
	assert_int_equal(join_server(&late.server), 0);
	have = text_load(options.output);
	assert_same_text(&have, &wanted);
	text_free(&text);
	text_free(&wanted);
	text_free(&have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches_oracle),
		cmocka_unit_test(test_large_chunks),
		cmocka_unit_test(test_server_stays),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_server_comes_late),
	};
	int failed;

	failed = cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
