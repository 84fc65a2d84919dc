/* SPDX-License-Identifier: MIT */
/* Gathering a crew: connecting to servers that may still be coming up. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "crew_tcp.h"
#include "input.h"
#include "wire.h"

#define TRY_NS (2 * NS_PER_SECOND)
#define PAUSE_MIN_MS 20
#define PAUSE_MAX_MS 500

struct name {
	char host[256];
	char port[16];
};

static int parse_name(const char *given, const char *default_port, struct name *name,
		      struct problem *problem)
{
	const char *host = given, *end, *port = default_port;

	if (*given == '[') {
		host = given + 1;
		end = strchr(host, ']');
		if (end && end[1] == ':')
			port = end + 2;
		else if (end && end[1])
			end = NULL;
	} else {
		end = strchr(given, ':');
		if (end && !strchr(end + 1, ':'))
			port = end + 1;
		else
			end = given + strlen(given); /* a plain name, or IPv6 without brackets */
	}
	if (!end || end == host || !*port || (size_t)(end - host) >= sizeof(name->host) ||
	    strlen(port) >= sizeof(name->port))
		return problem_set(problem, -EINVAL, "server %s: must be HOST, HOST:PORT or "
				   "[HOST]:PORT", given);
	memcpy(name->host, host, end - host);
	name->host[end - host] = '\0';
	strcpy(name->port, port);
	return 0;
}

/* One try, which takes no longer than TRY_NS. Returns a socket. */
static int try_address(const struct addrinfo *at, int64_t left_ns)
{
	struct pollfd pollfd = { .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0, fd;

	fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    at->ai_protocol);
	if (fd < 0)
		return -errno;
	wire_tune(fd);
	if (connect(fd, at->ai_addr, at->ai_addrlen) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		pollfd.fd = fd;
		if (left_ns > TRY_NS)
			left_ns = TRY_NS;
		error = ETIMEDOUT;
		if (poll(&pollfd, 1, left_ns / NS_PER_MS + 1) > 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
			error = errno;
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

static int try_name(const struct name *name, int64_t left_ns, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *at;
	int fd = -EADDRNOTAVAIL, ret;

	ret = getaddrinfo(name->host, name->port, &hints, &found);
	if (ret) {
		*why = gai_strerror(ret);
		return ret == EAI_AGAIN ? -EAGAIN : -EINVAL;
	}
	for (at = found; at && fd < 0; at = at->ai_next)
		fd = try_address(at, left_ns);
	freeaddrinfo(found);
	if (fd < 0)
		*why = strerror(-fd);
	return fd;
}

static int connect_to(const char *given, const struct tcp_crew_options *options, int64_t end_ns,
		      struct problem *problem)
{
	int pause_ms = PAUSE_MIN_MS, fd;
	const char *why = "";
	struct name name;

	fd = parse_name(given, options->port, &name, problem);
	if (fd)
		return fd;
	for (;;) {
		fd = try_name(&name, end_ns - clock_ns(), &why);
		if (fd >= 0)
			return fd;
		if (fd == -EINVAL)
			return problem_set(problem, fd, "server %s: %s", given, why);
		if (clock_ns() + pause_ms * NS_PER_MS > end_ns)
			return problem_set(problem, -ETIMEDOUT, "server %s did not come up within "
					   "%.0f s (--wait): %s", given,
					   (double)options->wait_ns / NS_PER_SECOND, why);
		poll(NULL, 0, pause_ms);
		if (options->interrupted && *options->interrupted)
			return problem_set(problem, -EINTR, "interrupted");
		if (pause_ms < PAUSE_MAX_MS)
			pause_ms *= 2;
	}
}

static int allocate(struct tcp_worker *worker, size_t chunk_bytes, struct problem *problem)
{
	worker->result = malloc(crew_arena_bytes(chunk_bytes));
	if (!worker->result)
		goto no_memory;
	for (int i = 0; i < HGSHM_MR_INPUT_BUFFERS; i++) {
		worker->buffer[i] = aligned_alloc(INPUT_ALIGN_BYTES,
						  input_buffer_bytes(chunk_bytes));
		if (!worker->buffer[i])
			goto no_memory;
	}
	return 0;

no_memory:
	return problem_set(problem, -ENOMEM, "no memory for chunks of %zu bytes", chunk_bytes);
}

static int hand_over_job(struct tcp_crew *crew, struct tcp_worker *worker,
			 const struct wire_patience *patience, struct problem *problem)
{
	struct iovec part = { &crew->job, sizeof(crew->job) };
	struct hgshm_mr_task none = { 0 };
	struct hgshm_mr_done answer;
	int ret;

	ret = wire_send(worker->fd, &part, 1, patience);
	if (!ret)
		ret = wire_receive(worker->fd, &answer, sizeof(answer), patience);
	if (ret)
		return problem_set(problem, ret, "server %s %s when it was given the job",
				   worker->name, wire_strerror(ret));
	if (answer.status && !answer.task_id)
		return problem_set(problem, answer.status > 0 || answer.status < -4095 ? -EPROTO :
				   answer.status, "server %s refuses the job; its own message "
				   "says why", worker->name);
	return done_check(&answer, &none, worker->name, problem);
}

int tcp_crew_open(struct tcp_crew *crew, const struct job_request *request,
		  const struct tcp_crew_options *options, struct problem *problem)
{
	struct wire_patience patience = { options->deadline_ns, options->interrupted };
	int64_t end_ns = clock_ns() + options->wait_ns;
	int ret = 0;

	memset(crew, 0, sizeof(*crew));
	crew->crew.ops = &tcp_crew_ops;
	crew->chunk_bytes = request->chunk_bytes;
	if (!options->count)
		return problem_set(problem, -EINVAL, "no server is named");
	if (options->count > CREW_WORKERS_MAX)
		return problem_set(problem, -EINVAL, "%u servers are named, %d is the most",
				   options->count, CREW_WORKERS_MAX);
	if (job_block_fill(&crew->job, request, 1))
		return problem_set(problem, -EIO, "no random numbers from the kernel");
	for (unsigned int w = 0; w < options->count && !ret; w++) {
		struct tcp_worker *worker = crew->worker + w;

		snprintf(worker->name, sizeof(worker->name), "%s", options->servers[w]);
		worker->fd = connect_to(options->servers[w], options, end_ns, problem);
		if (worker->fd < 0) {
			ret = worker->fd;
			break;
		}
		crew->crew.workers++;
		ret = allocate(worker, crew->chunk_bytes, problem);
	}
	for (unsigned int w = 0; w < options->count && !ret; w++)
		ret = hand_over_job(crew, crew->worker + w, &patience, problem);
	if (ret)
		tcp_crew_close(crew);
	return ret;
}

void tcp_crew_close(struct tcp_crew *crew)
{
	for (unsigned int w = 0; w < crew->crew.workers; w++) {
		struct tcp_worker *worker = crew->worker + w;

		close(worker->fd);
		free(worker->result);
		for (int i = 0; i < HGSHM_MR_INPUT_BUFFERS; i++)
			free(worker->buffer[i]);
	}
	crew->crew.workers = 0;
}
