/* SPDX-License-Identifier: MIT */
/* What all carriers share, and those that are file descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "carrier.h"

#define FULL_CHECK_EVERY 64

void carrier_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

int64_t carrier_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static unsigned char content(size_t at)
{
	return at * 31 + 7;
}

/* The number stands at the start and, if there is room, at the end. */
void carrier_fill(unsigned char *message, size_t bytes, uint64_t number)
{
	if (number % FULL_CHECK_EVERY == 0)
		for (size_t i = 0; i < bytes; i++)
			message[i] = content(i);
	memcpy(message, &number, sizeof(number));
	memcpy(message + bytes - sizeof(number), &number, sizeof(number));
}

void carrier_check(const unsigned char *message, size_t bytes, uint64_t number)
{
	bool right = memcmp(message, &number, sizeof(number)) == 0 &&
		     memcmp(message + bytes - sizeof(number), &number, sizeof(number)) == 0;

	if (number % FULL_CHECK_EVERY == 0)
		for (size_t i = sizeof(number); right && i + sizeof(number) < bytes; i++)
			right = message[i] == content(i);
	if (right)
		return;
	fprintf(stderr, "bench: message %llu of %zu bytes is not what was sent\n",
		(unsigned long long)number, bytes);
	exit(1);
}

#define MESSAGE_MAX 4096

static void flush(struct carrier_end *end)
{
	if (end->flush)
		end->flush(end);
}

void carrier_play_sender(struct carrier_end *end, uint64_t messages, bool round_trip)
{
	unsigned char message[MESSAGE_MAX] = { 0 };

	for (uint64_t i = 0; i < messages; i++) {
		const void *answer;

		carrier_fill(message, end->bytes, i);
		end->send(end, message);
		if (!round_trip)
			continue;
		flush(end);
		answer = end->recv(end);
		if (answer)
			carrier_check(answer, end->bytes, i);
	}
	flush(end);
}

void carrier_play_receiver(struct carrier_end *end, uint64_t messages, bool round_trip)
{
	unsigned char answer[MESSAGE_MAX] = { 0 };

	for (uint64_t i = 0; i < messages; i++) {
		const void *message = end->recv(end);

		if (message)
			carrier_check(message, end->bytes, i);
		if (!round_trip)
			continue;
		carrier_fill(answer, end->bytes, i);
		end->send(end, answer);
		flush(end);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void carrier_sort(double *figures, size_t count)
{
	qsort(figures, count, sizeof(*figures), compare);
}

static void end_init(struct carrier_end *end, size_t bytes)
{
	*end = (struct carrier_end){ .bytes = bytes, .buffer = malloc(bytes), .in_fd = -1,
				     .out_fd = -1 };
	carrier_must(end->buffer, "memory");
}

void carrier_end_free(struct carrier_end *end)
{
	if (end->in_fd >= 0)
		close(end->in_fd);
	if (end->out_fd >= 0 && end->out_fd != end->in_fd)
		close(end->out_fd);
	free(end->buffer);
}

static void free_ends(struct carrier_end ends[2])
{
	for (int i = 0; i < 2; i++)
		carrier_end_free(&ends[i]);
}

static void write_message(struct carrier_end *end, const void *message)
{
	size_t done = 0;

	while (done < end->bytes) {
		ssize_t wrote = write(end->out_fd, (const char *)message + done, end->bytes - done);

		carrier_must(wrote > 0, "write");
		done += wrote;
	}
}

static const void *read_message(struct carrier_end *end)
{
	size_t done = 0;

	while (done < end->bytes) {
		ssize_t got = read(end->in_fd, end->buffer + done, end->bytes - done);

		if (!got)
			errno = EPIPE;
		carrier_must(got > 0, "read");
		done += got;
	}
	return end->buffer;
}

void carrier_end_of_stream(struct carrier_end *end, int fd, size_t bytes)
{
	end_init(end, bytes);
	end->send = write_message;
	end->recv = read_message;
	end->in_fd = end->out_fd = fd;
}

static bool make_pair(struct carrier_end ends[2], size_t bytes, int type)
{
	int pair[2];

	carrier_must(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), "socketpair");
	for (int i = 0; i < 2; i++)
		carrier_end_of_stream(&ends[i], pair[i], bytes);
	return true;
}

static bool make_seqpacket(struct carrier_end ends[2], size_t bytes)
{
	return make_pair(ends, bytes, SOCK_SEQPACKET);
}

static bool make_stream(struct carrier_end ends[2], size_t bytes)
{
	return make_pair(ends, bytes, SOCK_STREAM);
}

static bool make_pipe(struct carrier_end ends[2], size_t bytes)
{
	for (int i = 0; i < 2; i++)
		carrier_end_of_stream(&ends[i], -1, bytes);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		carrier_must(!pipe2(fds, O_CLOEXEC), "pipe");
		ends[i].in_fd = fds[0];
		ends[!i].out_fd = fds[1];
	}
	return true;
}

/* Small messages may go together as long as they are streamed; never again from here on. */
static void tcp_flush(struct carrier_end *end)
{
	int one = 1;

	if (!end->held_out++)
		carrier_must(!setsockopt(end->out_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)),
			     "TCP_NODELAY");
}

void carrier_end_of_tcp(struct carrier_end *end, int fd, size_t bytes)
{
	int zero = 0;

	carrier_end_of_stream(end, fd, bytes);
	end->flush = tcp_flush;
	carrier_must(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &zero, sizeof(zero)), "TCP_NODELAY");
}

static bool make_tcp(struct carrier_end ends[2], size_t bytes)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fds[2];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	carrier_must(listener >= 0 && !bind(listener, (void *)&address, length) &&
		     !listen(listener, 1) && !getsockname(listener, (void *)&address, &length),
		     "TCP socket");
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	carrier_must(fds[0] >= 0 && !connect(fds[0], (void *)&address, length), "TCP connection");
	fds[1] = accept(listener, NULL, NULL);
	carrier_must(fds[1] >= 0, "TCP connection");
	close(listener);
	for (int i = 0; i < 2; i++)
		carrier_end_of_tcp(&ends[i], fds[i], bytes);
	return true;
}

static void mq_write(struct carrier_end *end, const void *message)
{
	carrier_must(!mq_send(end->out_fd, message, end->bytes, 0), "mq_send");
}

static const void *mq_read(struct carrier_end *end)
{
	carrier_must(mq_receive(end->in_fd, (char *)end->buffer, end->bytes, NULL) ==
		     (ssize_t)end->bytes, "mq_receive");
	return end->buffer;
}

/* With the ten messages that an unprivileged user may have in a queue. */
static bool make_mq(struct carrier_end ends[2], size_t bytes)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = bytes };
	char name[64];

	for (int i = 0; i < 2; i++) {
		end_init(&ends[i], bytes);
		ends[i].send = mq_write;
		ends[i].recv = mq_read;
	}
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "/hgshm-bench-%d-%d", getpid(), i);
		ends[i].in_fd = mq_open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
		if (ends[i].in_fd < 0) {
			free_ends(ends);
			return false;
		}
		ends[!i].out_fd = mq_open(name, O_WRONLY | O_CLOEXEC);
		mq_unlink(name);
		carrier_must(ends[!i].out_fd >= 0, "mq_open");
	}
	return true;
}

static void ring_eventfd(struct carrier_end *end, const void *message)
{
	uint64_t one = 1;

	carrier_must(write(end->out_fd, &one, sizeof(one)) == sizeof(one), "eventfd");
	memcpy(end->buffer, message, end->bytes);
}

/* As no message comes, the own one has to do. */
static const void *wait_eventfd(struct carrier_end *end)
{
	uint64_t count;

	carrier_must(read(end->in_fd, &count, sizeof(count)) == sizeof(count), "eventfd");
	return NULL;
}

static bool make_eventfd(struct carrier_end ends[2], size_t bytes)
{
	int fds[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };

	carrier_must(fds[0] >= 0 && fds[1] >= 0, "eventfd");
	for (int i = 0; i < 2; i++) {
		end_init(&ends[i], bytes);
		ends[i].send = ring_eventfd;
		ends[i].recv = wait_eventfd;
		ends[i].in_fd = fds[i];
		ends[i].out_fd = dup(fds[!i]);
		carrier_must(ends[i].out_fd >= 0, "dup");
	}
	return true;
}

const struct carrier carrier_eventfd = { "eventfd, no message", make_eventfd, free_ends };
const struct carrier carrier_seqpacket = { "UNIX seqpacket", make_seqpacket, free_ends };
const struct carrier carrier_stream = { "UNIX stream", make_stream, free_ends };
const struct carrier carrier_pipe = { "pipe", make_pipe, free_ends };
const struct carrier carrier_tcp = { "TCP, loopback", make_tcp, free_ends };
const struct carrier carrier_mq = { "POSIX mq", make_mq, free_ends };
