/* SPDX-License-Identifier: MIT */
/* Tasks and completions over sockets that never block. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "clock.h"
#include "crew_tcp.h"
#include "wire.h"

#define SEND_TASKS_MAX 4

static struct tcp_worker *to_worker(struct crew *crew, unsigned int w)
{
	return ((struct tcp_crew *)crew)->worker + w;
}

static int lost(const struct tcp_worker *worker, int error, struct problem *problem)
{
	return problem_set(problem, error, "server %s %s in the middle of the job", worker->name,
			   wire_strerror(error));
}

static void tcp_name(struct crew *crew, unsigned int w, char name[CREW_NAME_BYTES])
{
	memcpy(name, to_worker(crew, w)->name, CREW_NAME_BYTES);
}

static unsigned char *tcp_buffer(struct crew *crew, unsigned int w, unsigned int buffer)
{
	return to_worker(crew, w)->buffer[buffer];
}

static size_t outgoing_bytes(const struct tcp_outgoing *out)
{
	return sizeof(out->task) + out->task.input_bytes;
}

/* What is left to send of the next few tasks. */
static int fill_parts(const struct tcp_worker *worker, struct iovec parts[2 * SEND_TASKS_MAX])
{
	size_t skip = worker->out_sent;
	int count = 0;

	for (unsigned int i = worker->out_head;
	     i != worker->out_tail && i - worker->out_head < SEND_TASKS_MAX; i++) {
		const struct tcp_outgoing *out = worker->outgoing + i % HGSHM_MR_RING_ENTRIES;
		const size_t head = sizeof(out->task);

		if (skip < head)
			parts[count++] = (struct iovec){ (char *)&out->task + skip, head - skip };
		skip = skip < head ? 0 : skip - head;
		if (out->task.input_bytes > skip)
			parts[count++] = (struct iovec){ (void *)(out->input + skip),
							 out->task.input_bytes - skip };
		skip = 0;
	}
	return count;
}

static void note_sent(struct tcp_worker *worker, size_t sent)
{
	worker->out_sent += sent;
	while (worker->out_head != worker->out_tail) {
		const struct tcp_outgoing *out =
			worker->outgoing + worker->out_head % HGSHM_MR_RING_ENTRIES;

		if (worker->out_sent < outgoing_bytes(out))
			break;
		worker->out_sent -= outgoing_bytes(out);
		worker->out_head++;
	}
}

/* Sends as much as the socket takes. */
static int pump_out(struct tcp_worker *worker, struct problem *problem)
{
	struct iovec parts[2 * SEND_TASKS_MAX];
	struct msghdr message = { .msg_iov = parts };
	ssize_t sent;

	while (worker->out_head != worker->out_tail) {
		message.msg_iovlen = fill_parts(worker, parts);
		sent = sendmsg(worker->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			return lost(worker, -errno, problem);
		note_sent(worker, sent);
	}
	return 0;
}

/* Returns 1 once all bytes are there, 0 if they are not yet. */
static int receive_some(struct tcp_worker *worker, void *to, size_t bytes, size_t *have,
			struct problem *problem)
{
	while (*have < bytes) {
		ssize_t got = recv(worker->fd, (char *)to + *have, bytes - *have, MSG_DONTWAIT);

		if (got > 0) {
			*have += got;
			continue;
		}
		if (got == 0)
			return lost(worker, -EPIPE, problem);
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return lost(worker, -errno, problem);
	}
	return 1;
}

static int tcp_post(struct crew *crew, unsigned int w, const struct crew_task *given,
		    struct problem *problem)
{
	struct tcp_crew *tcp = (struct tcp_crew *)crew;
	struct tcp_worker *worker = tcp->worker + w;
	struct tcp_outgoing *out = worker->outgoing + worker->out_tail % HGSHM_MR_RING_ENTRIES;
	struct hgshm_mr_task task = {
		.task_id = given->id,
		.epoch = (__u32)tcp->job.epoch,
		.op = given->op,
	};

	if (given->op == HGSHM_MR_OP_MAP) {
		task.input_bytes = given->bytes;
		task.stream_offset = given->stream_offset;
	} else if (given->op == HGSHM_MR_OP_FLUSH) {
		task.arena_bytes = crew_arena_bytes(tcp->chunk_bytes);
	}
	task_seal(&task);
	if (task_queue_push(&worker->queue, &task))
		return problem_set(problem, -EAGAIN, "server %s has too many tasks", worker->name);
	out->task = task;
	out->input = given->op == HGSHM_MR_OP_MAP ?
		     worker->buffer[given->buffer] + given->offset : NULL;
	worker->out_tail++;
	return pump_out(worker, problem);
}

static int tcp_take(struct crew *crew, unsigned int w, struct crew_done *taken,
		    struct problem *problem)
{
	struct tcp_worker *worker = to_worker(crew, w);
	const struct hgshm_mr_task *task = task_queue_oldest(&worker->queue);
	bool head_was_there = worker->done_have == sizeof(worker->done);
	int ret;

	ret = pump_out(worker, problem);
	if (ret)
		return ret;
	ret = receive_some(worker, &worker->done, sizeof(worker->done), &worker->done_have,
			   problem);
	if (ret <= 0)
		return ret;
	if (!head_was_there) {
		ret = done_check(&worker->done, task, worker->name, problem);
		if (ret)
			return ret;
	}
	ret = receive_some(worker, worker->result, worker->done.result_bytes,
			   &worker->result_have, problem);
	if (ret <= 0)
		return ret;
	ret = result_check(&worker->done, worker->result, worker->name, problem);
	if (ret)
		return ret;
	worker->queue.head++;
	worker->done_have = 0;
	worker->result_have = 0;
	worker->ended = worker->done.op == HGSHM_MR_OP_END;
	taken->done = worker->done;
	taken->result = worker->result;
	return 1;
}

static int tcp_wait(struct crew *crew, int64_t timeout_ns, struct problem *problem)
{
	struct pollfd pollfd[CREW_WORKERS_MAX];
	int ret;

	for (unsigned int w = 0; w < crew->workers; w++) {
		const struct tcp_worker *worker = to_worker(crew, w);

		pollfd[w].fd = worker->ended ? -1 : worker->fd;
		pollfd[w].events = POLLIN;
		if (worker->out_head != worker->out_tail)
			pollfd[w].events |= POLLOUT;
	}
	if (poll(pollfd, crew->workers, timeout_ns / NS_PER_MS + 1) < 0)
		return errno == EINTR ? 0 : problem_set(problem, -errno, "waiting for servers: %s",
							strerror(errno));
	for (unsigned int w = 0; w < crew->workers; w++) {
		struct tcp_worker *worker = to_worker(crew, w);

		if (pollfd[w].fd >= 0 && pollfd[w].revents & ~POLLOUT &&
		    !task_queue_length(&worker->queue))
			return lost(worker, -EPIPE, problem);
		ret = pump_out(worker, problem);
		if (ret)
			return ret;
	}
	return 0;
}

const struct crew_ops tcp_crew_ops = {
	.buffer = tcp_buffer,
	.post = tcp_post,
	.take = tcp_take,
	.wait = tcp_wait,
	.name = tcp_name,
};
