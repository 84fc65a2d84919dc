/* SPDX-License-Identifier: MIT */
/* hgshm cat: writes what another member's hgshm put sends. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "crc32c.h"
#include "heartbeat.h"
#include "interrupt.h"
#include "program.h"
#include "stream.h"

static const struct argp argp = {
	.args_doc = "[N] [PLACE]",
	.doc = "Write to standard output what member N sends by hgshm put. Ends with status 0 when all "
	       "of it was written and its checksum is right.\v"
	       "N left out: the mapper; for the mapper of two, the other. Of two members of a group "
	       "either may start first. " PLACE_DOC,
	.children = stream_options_children,
};

/* How many it took; 0 where it took none now, or a signal came. */
static ssize_t write_some(const char *data, size_t bytes, struct problem *problem)
{
	struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t wrote = write(STDOUT_FILENO, data, bytes);

	/* a pipe that somebody else has set not to block */
	if (wrote < 0 && errno == EAGAIN)
		wrote = poll(&pollfd, 1, STREAM_BEAT_NS / NS_PER_MS) < 0 ? -1 : 0;
	if (wrote < 0 && errno != EINTR)
		return problem_set(problem, -errno, "standard output: %s", strerror(errno));
	return wrote < 0 ? 0 : wrote;
}

static int write_all(struct stream *stream, const char *data, size_t bytes,
		     struct problem *problem)
{
	stream->crc = crc32c(stream->crc, data, bytes);
	while (bytes) {
		ssize_t wrote = write_some(data, bytes, problem);

		if (interrupted)
			return -EINTR;
		if (wrote < 0)
			return wrote;
		data += wrote;
		bytes -= wrote;
		stream->bytes += wrote;
	}
	return 0;
}

/* The next message, 0 to message_max bytes. */
static int receive(struct stream *stream, void *message, size_t *bytes, struct problem *problem)
{
	int ret;

	/* silence counts from here: until now this side was busy */
	stream_heard(stream);
	for (;;) {
		ret = hgshm_ring_recv(stream->ring, message, stream->message_max, bytes,
				      STREAM_BEAT_NS);
		if (interrupted)
			return -EINTR;
		if (ret == 0 || ret == 1 || ret == -ENOTCONN)
			return 0;
		if (ret != -ETIMEDOUT && ret != -EINTR)
			return stream_failed(stream, ret, problem);
		ret = stream_check_peer(stream, problem);
		if (!ret)
			ret = stream_check_silence(stream, problem);
		if (ret)
			return ret;
	}
}

static int check_end(const struct stream *stream, const struct stream_end *end, size_t bytes,
		     struct problem *problem)
{
	if (bytes != sizeof(*end) || end->bytes != stream->bytes || end->crc != stream->crc)
		return problem_set(problem, -EBADMSG, "member %u sent other bytes than came here: "
				   "length or checksum differ after %llu bytes", stream->peer,
				   (unsigned long long)stream->bytes);
	return 0;
}

/* From another member: no terminating NUL is promised, nor that it is text. */
static int broken(const struct stream *stream, const char *why, size_t bytes,
		  struct problem *problem)
{
	char text[64];
	size_t length = strnlen(why, bytes);

	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	for (size_t i = 0; i < length; i++)
		text[i] = why[i] >= ' ' && why[i] <= '~' ? why[i] : '?';
	text[length] = '\0';
	return problem_set(problem, -EPIPE, "member %u gave up after %llu bytes: %s", stream->peer,
			   (unsigned long long)stream->bytes, text);
}

static int copy_out(struct stream *stream, char *message, struct problem *problem)
{
	for (;;) {
		struct stream_mark mark = { 0 };
		struct stream_end end;
		size_t bytes;
		int ret = receive(stream, message, &bytes, problem);

		if (ret)
			return ret;
		if (bytes >= sizeof(mark))
			memcpy(&mark, message, sizeof(mark));
		if (mark.mark != STREAM_MARK)
			mark.kind = 0;
		switch (mark.kind) {
		case STREAM_DATA:
			ret = write_all(stream, message + sizeof(mark), bytes - sizeof(mark),
					problem);
			if (ret)
				return ret;
			break;
		case STREAM_ALIVE:
			break;
		case STREAM_END:
			memcpy(&end, message, bytes < sizeof(end) ? bytes : sizeof(end));
			return check_end(stream, &end, bytes, problem);
		case STREAM_BROKEN:
			return broken(stream, message + sizeof(mark), bytes - sizeof(mark),
				      problem);
		default:
			return problem_set(problem, -EPROTO, "member %u sends something else than "
					   "hgshm put of this version", stream->peer);
		}
	}
}

/* Copies, and lets the writer know all the while that somebody is there. */
static int cat(struct stream *stream, struct problem *problem)
{
	char *message = malloc(stream->message_max);
	struct heartbeat beat;
	int ret;

	if (!message)
		return problem_set(problem, -ENOMEM, "no memory");
	ret = heartbeat_start(&beat, stream->h, stream->peer);
	if (ret) {
		problem_set(problem, ret, "no thread to ring the other side: %s", strerror(-ret));
	} else {
		ret = copy_out(stream, message, problem);
		heartbeat_stop(&beat);
	}
	free(message);
	return ret;
}

static int run(int argc, char **argv)
{
	struct stream_options options;
	struct problem problem;
	struct stream stream;
	int ret;

	program_begin(&argp, argc, argv, &options);
	ret = stream_open(&stream, argv[0], &options, HGSHM_RING_CONSUMER, &problem);
	if (!ret) {
		ret = cat(&stream, &problem);
		if (!ret && options.json)
			stream_report(&stream, stderr);
		hgshm_ring_close(stream.ring);
		stream.ring = NULL;
		/* the writer waits for that, without a ring of its own */
		hgshm_poke(stream.h, stream.peer);
		stream_close(&stream);
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_cat = {
	.name = "cat",
	.summary = "write what a member sends by hgshm put",
	.run = run,
};
