/* SPDX-License-Identifier: MIT */
/* The programs as people run them: options, messages, exit status, and signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "texts.h"

#define ARGS_MAX 20

struct child {
	pid_t pid;
	int out; /* standard output and error */
};

static struct child start(const char *program, const char *const *args)
{
	const char *dir = getenv("HGSHM_PROGRAMS");
	struct child child;
	char path[512];
	char *argv[ARGS_MAX + 2] = { path };
	int pipe_fds[2];

	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/%s", dir, program);
	for (int i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	child.out = pipe_fds[0];
	child.pid = fork();
	if (!child.pid) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		dup2(pipe_fds[1], STDERR_FILENO);
		execv(path, argv);
		_exit(127);
	}
	assert_true(child.pid > 0);
	close(pipe_fds[1]);
	return child;
}

/* Waits for the end; text gets what it said. Returns the exit status. */
static int finish(struct child *child, char *text, size_t text_bytes)
{
	size_t used = 0;
	ssize_t got;
	int status;

	while ((got = read(child->out, text + used, text_bytes - 1 - used)) > 0)
		used += got;
	text[used] = '\0';
	close(child->out);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* One line, with these words, and this exit status. */
static void check_says(const char *program, int status, const char *words,
		       const char *const *args)
{
	struct child child = start(program, args);
	char text[4096];
	int have = finish(&child, text, sizeof(text));
	const char *newline = strchr(text, '\n');

	if (have != status || !strstr(text, words) || !newline || newline[1])
		fail_msg("%s: exit %d, said \"%s\", wanted %d, \"%s\"", program, have, text, status,
			 words);
}

#define SAYS(program, status, words, ...) \
	check_says(program, status, words, (const char *const []){ __VA_ARGS__, NULL })

static void test_bad_options(void **state)
{
	static const char *const programs[] = { "mapreduce/hgshm-mapreduce",
						"clientserver/tcpclient" };

	for (int i = 0; i < 2; i++) {
		const char *program = programs[i];

		SAYS(program, 2, "--input-bytes 0: must be", "--input-bytes", "0");
		SAYS(program, 2, "--input-bytes 1x: must be", "--input-bytes", "1x");
		SAYS(program, 2, "--chunk-bytes 5000: must be a multiple of 4k",
		     "--chunk-bytes", "5000");
		SAYS(program, 2, "--chunk-bytes 2g: must be", "--chunk-bytes", "2g");
		SAYS(program, 2, "--chunk-bytes 99999999999999999999: must be",
		     "--chunk-bytes", "99999999999999999999");
		SAYS(program, 2, "--table-bytes -1: must be", "--table-bytes=-1");
		SAYS(program, 2, "--top 1001: must be", "--top", "1001");
		SAYS(program, 2, "--progress fast: must be", "--progress", "fast");
		SAYS(program, 2, "--wait 0: must be", "--wait", "0");
		SAYS(program, 2, "--wait 1e9: must be", "--wait", "1e9");
		SAYS(program, 2, "--wait 999999999: must be", "--wait", "999999999");
		SAYS(program, 2, "--deadline nan: must be", "--deadline", "nan");
	}
	SAYS(programs[0], 2, "--workers 64: must be", "--workers", "64");
	SAYS(programs[1], 2, "--port 0: must be", "--port", "0");
	SAYS(programs[1], 2, "no server is named", "--input", "/dev/null");
	SAYS("clientserver/tcpserver", 2, "--port 65536: must be", "--port", "65536");
	SAYS("clientserver/tcpserver", 2, "--wait x: must be", "--wait", "x");
}

static void test_bad_surroundings(void **state)
{
	SAYS("mapreduce/hgshm-mapreduce", 1, "/nonexistent/hgshm0", "--device",
	     "/nonexistent/hgshm0");
	SAYS("mapreduce/hgshm-mapreduce", 1, "/dev/null is not an hgshm device", "--device",
	     "/dev/null");
	SAYS("clientserver/tcpclient", 1, "--input is missing", "127.0.0.1:1");
	SAYS("clientserver/tcpclient", 1, "--job sort", "--job", "sort", "--input", "/dev/null",
	     "127.0.0.1:1");
	SAYS("clientserver/tcpclient", 1, "did not come up within", "--input", "/dev/null", "--wait",
	     "0.1", "127.0.0.1:1");
	SAYS("clientserver/tcpserver", 1, "--listen 192.0.2.1", "--listen", "192.0.2.1", "--port",
	     "0");
	SAYS("clientserver/tcpserver", 1, "--listen not an address", "--listen", "not an address");
}

static void test_help(void **state)
{
	static const char *const programs[] = { "mapreduce/hgshm-mapreduce", "clientserver/tcpclient",
						"clientserver/tcpserver" };
	static const char *const args[] = { "--help", NULL };
	static const char *const version[] = { "--version", NULL };
	char text[16384];
	struct child child;

	for (int i = 0; i < 3; i++) {
		child = start(programs[i], args);
		assert_int_equal(finish(&child, text, sizeof(text)), 0);
		assert_non_null(strstr(text, "--deadline"));
		child = start(programs[i], version);
		assert_int_equal(finish(&child, text, sizeof(text)), 0);
		assert_non_null(strstr(text, "0."));
	}
}

/* Reads a line of a child that goes on. */
static void read_line(int fd, char *line, size_t line_bytes)
{
	size_t used = 0;

	while (used < line_bytes - 1 && read(fd, line + used, 1) == 1 && line[used] != '\n')
		used++;
	line[used] = '\0';
}

static struct child start_server(char address[64])
{
	static const char *const args[] = { "--listen", "127.0.0.1", "--port", "0", "--once", NULL };
	struct child server = start("clientserver/tcpserver", args);
	char line[128];

	read_line(server.out, line, sizeof(line));
	assert_int_equal(sscanf(line, "listening on %63s", address), 1);
	return server;
}

static void test_whole_job(void **state)
{
	struct text text = text_words(6, 500000, 3000), wanted, have;
	const char *input = texts_path("input"), *output = texts_path("output");
	char addresses[2][64], said[8192];
	const char *const args[] = { "--input", input, "--output", output, "--top", "3",
				     "--chunk-bytes", "64k", addresses[0], addresses[1], NULL };
	struct child servers[2], client;

	text_save(&text, input);
	wanted = oracle("wordcount", NULL, input);
	for (int i = 0; i < 2; i++)
		servers[i] = start_server(addresses[i]);
	client = start("clientserver/tcpclient", args);
	assert_int_equal(finish(&client, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "the 3 most frequent of "));
	assert_non_null(strstr(said, "wordcount: 0.5 MB in "));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(finish(&servers[i], said, sizeof(said)), 0);
		assert_non_null(strstr(said, "job wordcount done"));
	}
	have = text_load(output);
	assert_same_text(&have, &wanted);
	text_free(&text);
	text_free(&wanted);
	text_free(&have);
}

/* Results into a pipe that is read slowly and in small pieces. */
static void test_output_to_pipe(void **state)
{
	struct text text = text_words(6, 500000, 30000), wanted, have = { malloc(1 << 20), 0 };
	const char *input = texts_path("input"), *output = texts_path("fifo");
	char address[64], said[8192];
	const char *const args[] = { "--input", input, "--output", output, address, NULL };
	struct child server, client;
	ssize_t got;
	int fd;

	text_save(&text, input);
	wanted = oracle("wordcount", NULL, input);
	assert_true(wanted.length < 1 << 20);
	assert_int_equal(mkfifo(output, 0600), 0);
	server = start_server(address);
	client = start("clientserver/tcpclient", args);
	fd = open(output, O_RDONLY);
	assert_true(fd >= 0);
	while ((got = read(fd, have.bytes + have.length, 999)) > 0)
		have.length += got;
	close(fd);
	assert_int_equal(finish(&client, said, sizeof(said)), 0);
	assert_int_equal(finish(&server, said, sizeof(said)), 0);
	assert_same_text(&have, &wanted);
	text_free(&text);
	text_free(&wanted);
	text_free(&have);
}

/* The input is a pipe that never ends by itself, so the job is under way when the server dies. */
static void test_server_killed(void **state)
{
	const char *input = texts_path("endless"), *output = texts_path("never");
	char address[64], said[8192], words[4096];
	const char *const args[] = { "--input", input, "--output", output, "--chunk-bytes", "4k",
				     "--progress", "never", address, NULL };
	struct child server, client;
	int status, fd;

	memset(words, 'w', sizeof(words));
	words[sizeof(words) - 1] = ' ';
	assert_int_equal(mkfifo(input, 0600), 0);
	server = start_server(address);
	client = start("clientserver/tcpclient", args);
	fd = open(input, O_WRONLY);
	assert_true(fd >= 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(fd, words, sizeof(words)), sizeof(words));
	assert_int_equal(kill(server.pid, SIGKILL), 0);
	assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
	close(server.out);
	while (write(fd, words, sizeof(words)) > 0)
		;
	close(fd);
	assert_int_equal(finish(&client, said, sizeof(said)), 1);
	assert_non_null(strstr(said, address));
	assert_non_null(strstr(said, "in the middle of the job"));
	assert_int_equal(access(output, F_OK), -1);
}

static void test_interrupted(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM };
	char address[64], said[4096];
	struct child server;

	for (int i = 0; i < 2; i++) {
		server = start_server(address);
		assert_int_equal(kill(server.pid, signals[i]), 0);
		assert_int_equal(finish(&server, said, sizeof(said)), 128 + signals[i]);
		assert_non_null(strstr(said, "tcpserver: interrupted"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_bad_surroundings),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_whole_job),
		cmocka_unit_test(test_output_to_pipe),
		cmocka_unit_test(test_server_killed),
		cmocka_unit_test(test_interrupted),
	};
	int failed;

	failed = cmocka_run_group_tests_name("programs", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
