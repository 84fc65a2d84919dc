/* SPDX-License-Identifier: MIT */
/* tcpclient and tcpserver when the other side lies, leaves, stalls, or sends bytes one by one. */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "client.h"
#include "clock.h"
#include "task.h"
#include "tcp_servers.h"
#include "texts.h"
#include "vms.h"

struct bad_server {
	int listener;
	void (*act)(int fd);
};

static void *run_bad_server(void *arg)
{
	struct bad_server *bad = arg;
	int fd = accept(bad->listener, NULL, NULL);

	if (fd >= 0) {
		bad->act(fd);
		close(fd);
	}
	return NULL;
}

static const struct wire_patience patience = { .deadline_ns = 60 * NS_PER_SECOND };

/* As short only where the other side is silent: on a busy machine a good one is, too. */
static int64_t deadline_for(const char *words)
{
	return strstr(words, "--deadline") ? 3 * NS_PER_SECOND : patience.deadline_ns;
}

static void send_all(int fd, const void *data, size_t bytes)
{
	struct iovec part = { (void *)data, bytes };

	wire_send(fd, &part, 1, &patience);
}

static void accept_job(int fd)
{
	struct hgshm_mr_done answer = { 0 };
	struct hgshm_mr_job job;

	wire_receive(fd, &job, sizeof(job), &patience);
	done_seal(&answer);
	send_all(fd, &answer, sizeof(answer));
}

static void close_at_once(int fd)
{
}

static void talk_http(int fd)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nServer: something else altogether\r\n"
		"Connection: close\r\n\r\n";
	struct hgshm_mr_job job;

	wire_receive(fd, &job, sizeof(job), &patience);
	send_all(fd, text, sizeof(text) - 1);
}

static void close_in_job(int fd)
{
	struct hgshm_mr_task task;

	accept_job(fd);
	wire_receive(fd, &task, sizeof(task), &patience);
}

static void reset_in_job(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	close_in_job(fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void close_in_completion(int fd)
{
	static const char half[30];

	close_in_job(fd);
	send_all(fd, half, sizeof(half));
	shutdown(fd, SHUT_WR);
	/* so that what was sent is not lost in a reset */
	while (recv(fd, (char[4096]){ 0 }, 4096, 0) > 0)
		;
}

static void garbage_in_job(int fd)
{
	static const char garbage[4096] = "garbage";

	close_in_job(fd);
	send_all(fd, garbage, sizeof(garbage));
	while (recv(fd, (char[4096]){ 0 }, 4096, 0) > 0)
		;
}

static void silent_in_job(int fd)
{
	accept_job(fd);
	while (recv(fd, (char[4096]){ 0 }, 4096, 0) > 0)
		;
}

static void silent_from_start(int fd)
{
	while (recv(fd, (char[4096]){ 0 }, 4096, 0) > 0)
		;
}

static void refuse_job(int fd)
{
	struct hgshm_mr_done answer = { .status = -ENOMEM };
	struct hgshm_mr_job job;

	wire_receive(fd, &job, sizeof(job), &patience);
	done_seal(&answer);
	send_all(fd, &answer, sizeof(answer));
}

static void check_bad_server(void (*act)(int fd), int error, const char *words)
{
	struct text text = text_words(1, 3000000, 1000);
	struct job_options options = vms_options("wordcount", texts_path("text"));
	char address[WIRE_ADDRESS_BYTES];
	struct bad_server bad = { .act = act };
	struct problem problem = { "" };
	const char *name = address;
	struct tcp_crew_options crew = crew_of(&name, 1);
	pthread_t thread;
	int ret;

	text_save(&text, options.input);
	text_free(&text);
	bad.listener = listen_anywhere(address);
	crew.deadline_ns = deadline_for(words);
	options.deadline_ns = crew.deadline_ns;
	options.output = texts_path("none");
	assert_int_equal(pthread_create(&thread, NULL, run_bad_server, &bad), 0);
	ret = client_run(&options, &crew, &problem);
	/* a side that closes with bytes unread resets */
	if (error == -EPIPE && (ret == -ECONNRESET || ret == -ENOTCONN))
		ret = error;
	if (ret != error ||
	    !strstr(problem.text, address) || !strstr(problem.text, words))
		fail_msg("returned %d, \"%s\", wanted %d, \"%s\"", ret, problem.text, error, words);
	assert_int_equal(access(options.output, F_OK), -1);
	pthread_join(thread, NULL);
	close(bad.listener);
}

static void test_bad_servers(void **state)
{
	check_bad_server(close_at_once, -EPIPE, "the connection when it was given the job");
	check_bad_server(talk_http, -EPROTO, "damaged");
	check_bad_server(refuse_job, -ENOMEM, "refuses the job");
	check_bad_server(close_in_job, -EPIPE, "in the middle of the job");
	check_bad_server(reset_in_job, -ECONNRESET, "in the middle of the job");
	check_bad_server(close_in_completion, -EPIPE, "in the middle of the job");
	check_bad_server(garbage_in_job, -EPROTO, "damaged completion");
	check_bad_server(silent_in_job, -ETIMEDOUT, "--deadline");
	check_bad_server(silent_from_start, -ETIMEDOUT, "--deadline");
}

/* One of two servers dies; the other is told by its closed connection. */
static void test_one_of_two_dies(void **state)
{
	struct text text = text_words(1, 3000000, 1000);
	struct job_options options = vms_options("wordcount", texts_path("text"));
	char address[WIRE_ADDRESS_BYTES];
	struct bad_server bad = { .act = close_in_job };
	struct problem problem = { "" };
	struct server_thread server;
	struct tcp_crew_options crew;
	const char *names[2];
	pthread_t thread;

	text_save(&text, options.input);
	text_free(&text);
	bad.listener = listen_anywhere(address);
	assert_int_equal(pthread_create(&thread, NULL, run_bad_server, &bad), 0);
	start_server(&server, true, 60 * NS_PER_SECOND, NULL, NULL);
	names[0] = server.server.address;
	names[1] = address;
	crew = crew_of(names, 2);
	assert_true(client_run(&options, &crew, &problem) < 0);
	assert_non_null(strstr(problem.text, address));
	assert_true(join_server(&server) < 0);
	assert_non_null(strstr(server.problem.text, "in the middle of the job"));
	pthread_join(thread, NULL);
	close(bad.listener);
}

static int connect_to(const struct server_thread *server)
{
	struct sockaddr_in to;
	socklen_t length = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(server->server.listener, (struct sockaddr *)&to, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Sends it a byte at a time. */
static void trickle(int fd, const void *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		send_all(fd, (const char *)data + i, 1);
}

static struct hgshm_mr_job a_job(void)
{
	struct job_request request = {
		.job = &job_wordcount,
		.chunk_bytes = 4096,
		.table_bytes = 1 << 20,
	};
	struct hgshm_mr_job job;

	assert_int_equal(job_block_fill(&job, &request, 1), 0);
	return job;
}

static struct hgshm_mr_done do_task(int fd, struct hgshm_mr_task task, const char *input)
{
	struct hgshm_mr_done done;

	task_seal(&task);
	trickle(fd, &task, sizeof(task));
	trickle(fd, input, strlen(input));
	assert_int_equal(wire_receive(fd, &done, sizeof(done), &patience), 0);
	assert_int_equal(done.task_id, task.task_id);
	assert_int_equal(done.status, 0);
	return done;
}

static void test_bytes_one_by_one(void **state)
{
	struct hgshm_mr_task task = { .task_id = 1, .op = HGSHM_MR_OP_MAP, .epoch = 1 };
	struct server_thread server;
	struct hgshm_mr_job job = a_job();
	struct hgshm_mr_done done;
	char result[100];
	int fd;

	start_server(&server, true, 60 * NS_PER_SECOND, NULL, NULL);
	fd = connect_to(&server);
	trickle(fd, &job, sizeof(job));
	assert_int_equal(wire_receive(fd, &done, sizeof(done), &patience), 0);
	assert_int_equal(done.status, 0);
	task.input_bytes = 7;
	assert_int_equal(do_task(fd, task, "to be, ").records, 2);
	task = (struct hgshm_mr_task){ .task_id = 2, .op = HGSHM_MR_OP_FLUSH, .epoch = 1,
				       .arena_bytes = 4096 };
	done = do_task(fd, task, "");
	assert_int_equal(done.records, 2);
	assert_int_equal(done.result_bytes, 2 * (12 + 2));
	assert_int_equal(wire_receive(fd, result, done.result_bytes, &patience), 0);
	task = (struct hgshm_mr_task){ .task_id = 3, .op = HGSHM_MR_OP_END, .epoch = 1 };
	do_task(fd, task, "");
	assert_int_equal(join_server(&server), 0);
	close(fd);
}

/* A client that sends this, in a job if accepted is set, is dropped, and another is served. */
static void check_dropped(const void *data, size_t bytes, bool in_job, const char *words)
{
	char *said;
	size_t said_bytes;
	FILE *log = open_memstream(&said, &said_bytes);
	struct text text = text_words(8, 30000, 500), wanted, have;
	struct job_options options = vms_options("wordcount", texts_path("text"));
	struct hgshm_mr_job job = a_job();
	struct problem problem = { "" };
	struct server_thread server;
	struct tcp_crew_options crew;
	struct hgshm_mr_done done;
	atomic_int stop = 0;
	const char *name;
	char rest[4096];
	int fd;

	assert_non_null(log);
	start_server(&server, false, deadline_for(words), &stop, log);
	fd = connect_to(&server);
	if (in_job) {
		send_all(fd, &job, sizeof(job));
		assert_int_equal(wire_receive(fd, &done, sizeof(done), &patience), 0);
		assert_int_equal(done.status, 0);
	}
	send_all(fd, data, bytes);
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		;
	close(fd);

	wanted = vms_wanted(&options, &text);
	name = server.server.address;
	crew = crew_of(&name, 1);
	assert_int_equal(client_run(&options, &crew, &problem), 0);
	have = text_load(options.output);
	assert_same_text(&have, &wanted);
	stop = 1;
	assert_int_equal(join_server(&server), -EINTR);
	fclose(log);
	if (!strstr(said, words))
		fail_msg("the server's log \"%s\" does not say \"%s\"", said, words);
	free(said);
	text_free(&text);
	text_free(&wanted);
	text_free(&have);
}

static void test_bad_clients(void **state)
{
	static const char garbage[4096] = "GET / HTTP/1.1\r\n\r\n";
	struct hgshm_mr_job job = a_job();
	struct hgshm_mr_task task = { .task_id = 1, .op = HGSHM_MR_OP_MAP, .epoch = 1,
				      .input_bytes = 1 << 20 };

	check_dropped(garbage, sizeof(garbage), false, "this is no job");
	check_dropped(garbage, sizeof(garbage), true, "a task that is none");
	/* and then nothing, until the deadline */
	check_dropped(garbage, 10, false, "--deadline");
	check_dropped(garbage, 10, true, "--deadline");
	check_dropped("", 0, true, "--deadline");
	job.version++;
	check_dropped(&job, sizeof(job), false, "version 2");
	task_seal(&task);
	check_dropped(&task, sizeof(task), true, "a task that is none");
	task.input_bytes = UINT64_MAX;
	task_seal(&task);
	check_dropped(&task, sizeof(task), true, "a task that is none");
	task = (struct hgshm_mr_task){ .task_id = 1, .op = HGSHM_MR_OP_FLUSH, .epoch = 1,
				       .arena_bytes = UINT64_MAX };
	task_seal(&task);
	check_dropped(&task, sizeof(task), true, "a task that is none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_servers),
		cmocka_unit_test(test_one_of_two_dies),
		cmocka_unit_test(test_bytes_one_by_one),
		cmocka_unit_test(test_bad_clients),
	};
	int failed;

	failed = cmocka_run_group_tests_name("tcp_peers", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
