/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "crew.h"
#include "input.h"
#include "server.h"
#include "session.h"
#include "task.h"

#define BACKLOG 16
#define LOOK_MS 250

struct client {
	int fd;
	char address[WIRE_ADDRESS_BYTES];
	const struct server_options *options;
	struct wire_patience patience;
	struct problem *problem;
	struct session session;
	unsigned char *input;
	unsigned char *arena;
	uint64_t chunks;
	uint64_t bytes;
};

int server_open(struct server *server, const char *host, const char *port,
		struct problem *problem)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	struct addrinfo *found, *at;
	int ret, error = EADDRNOTAVAIL, fd = -1;
	const int on = 1;

	ret = getaddrinfo(host, port, &hints, &found);
	if (ret)
		return problem_set(problem, -EINVAL, "--listen %s --port %s: %s", host ? host : "*",
				   port, gai_strerror(ret));
	for (at = found; at; at = at->ai_next) {
		fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
		if (fd >= 0) {
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
			wire_tune(fd);
			if (!bind(fd, at->ai_addr, at->ai_addrlen) && !listen(fd, BACKLOG))
				break;
		}
		error = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	if (fd < 0)
		return problem_set(problem, -error, "--listen %s --port %s: %s",
				   host ? host : "*", port, strerror(error));
	memset(&bound, 0, sizeof(bound));
	getsockname(fd, (struct sockaddr *)&bound, &length);
	wire_address(&bound, length, server->address);
	server->listener = fd;
	return 0;
}

void server_close(struct server *server)
{
	close(server->listener);
}

static int client_problem(struct client *client, int error)
{
	if (error == -EINTR)
		return problem_set(client->problem, error, "interrupted");
	return problem_set(client->problem, error, "client %s %s in the middle of the job",
			   client->address, wire_strerror(error));
}

static int send_done(struct client *client, struct hgshm_mr_done *done, const void *result)
{
	struct iovec parts[] = {
		{ done, sizeof(*done) },
		{ (void *)result, done->result_bytes },
	};

	return wire_send(client->fd, parts, done->result_bytes ? 2 : 1, &client->patience);
}

/* Returns 1 after the job's last task. */
static int do_task(struct client *client)
{
	const size_t chunk_bytes = client->session.block.chunk_bytes;
	struct hgshm_mr_task task;
	struct hgshm_mr_done done;
	int ret;

	ret = wire_receive(client->fd, &task, sizeof(task), &client->patience);
	if (ret)
		return client_problem(client, ret);
	if (task_check(&task, (__u32)client->session.block.epoch) || task.input_offset ||
	    task.arena_offset || task.input_bytes > input_buffer_bytes(chunk_bytes) ||
	    task.arena_bytes > crew_arena_bytes(chunk_bytes))
		return problem_set(client->problem, -EPROTO, "client %s sent a task that is none",
				   client->address);
	ret = wire_receive(client->fd, client->input, task.input_bytes, &client->patience);
	if (ret)
		return client_problem(client, ret);
	session_run(&client->session, &task, client->input, client->arena, &done);
	if (task.op == HGSHM_MR_OP_MAP) {
		client->chunks++;
		client->bytes += task.input_bytes;
	}
	ret = send_done(client, &done, client->arena);
	if (ret)
		return client_problem(client, ret);
	return task.op == HGSHM_MR_OP_END;
}

/* Tells the client whether its job is taken up. */
static int begin_job(struct client *client, const struct hgshm_mr_job *block)
{
	struct hgshm_mr_done answer = { 0 };
	int ret;

	ret = session_begin(&client->session, block, client->problem);
	if (!ret && block->chunk_bytes > WIRE_CHUNK_BYTES_MAX)
		ret = problem_set(client->problem, -E2BIG, "chunks of %llu bytes are too large",
				  (unsigned long long)block->chunk_bytes);
	if (!ret) {
		client->input = malloc(input_buffer_bytes(block->chunk_bytes));
		client->arena = malloc(crew_arena_bytes(block->chunk_bytes));
		if (!client->input || !client->arena)
			ret = problem_set(client->problem, -ENOMEM, "no memory for chunks of %llu "
					  "bytes", (unsigned long long)block->chunk_bytes);
	}
	answer.status = ret;
	done_seal(&answer);
	/* what was wrong with the job matters more than whether the client heard of it */
	if (send_done(client, &answer, NULL) && !ret)
		ret = client_problem(client, -EPIPE);
	return ret;
}

static void report(const struct client *client, int result)
{
	FILE *log = client->options->log;

	if (!log)
		return;
	if (result)
		fprintf(log, "client %s: %s\n", client->address, client->problem->text);
	else
		fprintf(log, "client %s: job %s done, %" PRIu64 " chunks, %.1f MB\n",
			client->address, client->session.job->name, client->chunks,
			client->bytes / 1e6);
	fflush(log);
}

/* Serves one job; -ENOTCONN if the client has no more. *accepted: it was taken up. */
static int serve_job(struct client *client, bool *accepted)
{
	struct hgshm_mr_job block;
	int ret;

	ret = wire_receive(client->fd, &block, sizeof(block), &client->patience);
	if (ret == -ENOTCONN)
		return ret;
	if (ret) {
		ret = client_problem(client, ret);
		report(client, ret);
		return ret;
	}
	client->chunks = 0;
	client->bytes = 0;
	ret = begin_job(client, &block);
	*accepted = !ret;
	while (!ret)
		ret = do_task(client);
	if (ret > 0)
		ret = 0;
	report(client, ret);
	session_end(&client->session);
	free(client->input);
	free(client->arena);
	client->input = NULL;
	client->arena = NULL;
	return ret;
}

static int accept_client(struct server *server, const struct server_options *options,
			 struct client *client)
{
	struct pollfd pollfd = { .fd = server->listener, .events = POLLIN };
	int64_t start_ns = clock_ns();
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);

	for (;;) {
		if (options->interrupted && *options->interrupted)
			return problem_set(client->problem, -EINTR, "interrupted");
		if (options->wait_ns && clock_ns() - start_ns > options->wait_ns)
			return problem_set(client->problem, -ETIMEDOUT, "no client came within "
					   "%.0f s (--wait)",
					   (double)options->wait_ns / NS_PER_SECOND);
		if (poll(&pollfd, 1, LOOK_MS) <= 0)
			continue;
		memset(&from, 0, sizeof(from));
		client->fd = accept4(server->listener, (struct sockaddr *)&from, &length,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client->fd >= 0)
			break;
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			return problem_set(client->problem, -errno, "accepting a client: %s",
					   strerror(errno));
	}
	wire_address(&from, length, client->address);
	wire_tune(client->fd);
	return 0;
}

int server_run(struct server *server, const struct server_options *options,
	       struct problem *problem)
{
	struct client client = {
		.options = options,
		.problem = problem,
		.patience = { options->deadline_ns, options->interrupted },
	};
	bool accepted;
	int ret;

	for (;;) {
		ret = accept_client(server, options, &client);
		if (ret)
			return ret;
		do {
			accepted = false;
			ret = serve_job(&client, &accepted);
		} while (!ret && !options->once);
		close(client.fd);
		if (ret == -EINTR || (accepted && options->once))
			return ret;
	}
}
