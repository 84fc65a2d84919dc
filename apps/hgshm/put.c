/* SPDX-License-Identifier: MIT */
/* hgshm put: sends standard input to another member. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "crc32c.h"
#include "events.h"
#include "interrupt.h"
#include "program.h"
#include "stream.h"

static const struct argp argp = {
	.args_doc = "[N] [PLACE]",
	.doc = "Send standard input to member N, where hgshm cat takes it. Ends with status 0 when "
	       "that has all of it.\v"
	       "N left out: the mapper; for the mapper of two, the other. Of two members of a group "
	       "either may start first. " PLACE_DOC,
	.children = stream_options_children,
};

/* The reader rings once a second, also when it can't write what it has. */
static int check_reader(struct stream *stream, struct problem *problem)
{
	struct hgshm_stats stats;
	int ret;

	/* rings are counted when they are waited for */
	ret = hgshm_wait(stream->h, 0, NULL);
	if (ret && ret != -ETIMEDOUT && ret != -EINTR)
		return stream_failed(stream, ret, problem);
	ret = hgshm_get_stats(stream->h, &stats);
	if (ret)
		return stream_failed(stream, ret, problem);
	if (stats.received[stream->peer] != stream->rings_heard) {
		stream->rings_heard = stats.received[stream->peer];
		stream_heard(stream);
	}
	ret = stream_check_peer(stream, problem);
	return ret ? ret : stream_check_silence(stream, problem);
}

static int reserve(struct stream *stream, size_t bytes, void **room, struct problem *problem)
{
	for (;;) {
		int ret = hgshm_ring_reserve(stream->ring, bytes, room);

		if (ret != -EAGAIN)
			return ret ? stream_failed(stream, ret, problem) : 0;
		ret = hgshm_ring_wait(stream->ring, bytes, STREAM_BEAT_NS);
		if (interrupted)
			return -EINTR;
		if (ret && ret != -ETIMEDOUT && ret != -EINTR)
			return stream_failed(stream, ret, problem);
		ret = check_reader(stream, problem);
		if (ret)
			return ret;
	}
}

static int publish(struct stream *stream, size_t bytes, struct problem *problem)
{
	int ret = hgshm_ring_commit(stream->ring, bytes);

	if (!ret)
		ret = hgshm_ring_publish(stream->ring);
	return ret < 0 && ret != -ENOTCONN ? stream_failed(stream, ret, problem) : 0;
}

static int send_mark(struct stream *stream, const void *message, size_t bytes,
		     struct problem *problem)
{
	void *room;
	int ret = reserve(stream, bytes, &room, problem);

	if (ret)
		return ret;
	memcpy(room, message, bytes);
	return publish(stream, bytes, problem);
}

/* Until standard input has something; meanwhile the other side is told that we live. */
static int wait_for_input(struct stream *stream, struct problem *problem)
{
	const struct stream_mark alive = { STREAM_MARK, STREAM_ALIVE };
	struct pollfd pollfd = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		int ready = poll(&pollfd, 1, STREAM_BEAT_NS / NS_PER_MS);
		int ret;

		if (interrupted)
			return -EINTR;
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return problem_set(problem, -errno, "standard input: %s", strerror(errno));
		ret = check_reader(stream, problem);
		if (!ret)
			ret = send_mark(stream, &alive, sizeof(alive), problem);
		if (ret)
			return ret;
	}
}

/* Reads into the ring itself. 1 when there was something, 0 at the end. */
static int send_some(struct stream *stream, struct problem *problem)
{
	struct stream_mark *mark;
	ssize_t got;
	void *room;
	int ret;

	ret = wait_for_input(stream, problem);
	if (!ret)
		ret = reserve(stream, stream->message_max, &room, problem);
	if (ret)
		return ret;
	mark = room;
	*mark = (struct stream_mark){ STREAM_MARK, STREAM_DATA };
	do {
		got = read(STDIN_FILENO, mark + 1, stream->message_max - sizeof(*mark));
	} while (got < 0 && errno == EINTR && !interrupted);
	if (interrupted)
		return -EINTR;
	/* somebody else has read what was there */
	if (got < 0 && errno == EAGAIN)
		return 1;
	if (got < 0)
		return problem_set(problem, -errno, "standard input: %s", strerror(errno));
	if (!got)
		return 0;
	stream->crc = crc32c(stream->crc, mark + 1, got);
	stream->bytes += got;
	ret = publish(stream, sizeof(*mark) + got, problem);
	return ret ? ret : 1;
}

static uint64_t index_at(const void *ring, size_t offset)
{
	const struct hgshm_ring_index *side =
		(const void *)((const unsigned char *)ring + offset);

	return atomic_load((const _Atomic uint64_t *)&side->index);
}

/* 1 if the reader has taken all and closed, 0 if it goes on, or -errno. */
static int reader_is_done(struct stream *stream, const void *memory, struct problem *problem)
{
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };
	int ret = hgshm_ring_get_info(stream->ring, &info);

	if (ret)
		return stream_failed(stream, ret, problem);
	if (!info.other_closed)
		return 0;
	return index_at(memory, HGSHM_RING_HEAD_OFFSET) == index_at(memory, HGSHM_RING_TAIL_OFFSET) ?
		1 : stream_failed(stream, -EPIPE, problem);
}

/* What was published is not yet taken: the reader closes after it has the END. */
static int wait_for_reader(struct stream *stream, struct problem *problem)
{
	void *memory;
	size_t bytes;
	int ret;

	ret = hgshm_ring_place(stream->h, stream->index, stream->peer, &memory, &bytes);
	if (ret)
		return stream_failed(stream, ret, problem);
	for (;;) {
		/* in this order: one that closes and leaves at once has not failed */
		int gone = check_reader(stream, problem);

		ret = reader_is_done(stream, memory, problem);
		if (ret)
			return ret > 0 ? 0 : ret;
		if (gone)
			return gone;
		ret = events_wait(stream->h, events_end(STREAM_BEAT_NS), NULL, problem);
		if (ret && ret != -ETIMEDOUT)
			return ret;
	}
}

/* As good as it can still be done, so that the other side need not wait to learn it. */
static void tell_broken(struct stream *stream, const char *why)
{
	struct {
		struct stream_mark mark;
		char why[40];	/* fits the smallest ring */
	} broken = { .mark = { STREAM_MARK, STREAM_BROKEN } };

	snprintf(broken.why, sizeof(broken.why), "%s", why);
	hgshm_ring_send(stream->ring, &broken, sizeof(broken), 0);
}

static int put(struct stream *stream, struct problem *problem)
{
	struct stream_end end = { .mark = { STREAM_MARK, STREAM_END } };
	int ret;

	do {
		ret = send_some(stream, problem);
	} while (ret > 0);
	if (!ret) {
		end.bytes = stream->bytes;
		end.crc = stream->crc;
		ret = send_mark(stream, &end, sizeof(end), problem);
	}
	if (ret)
		tell_broken(stream, interrupted ? "it was stopped" : "it could not read its input");
	return ret ? ret : wait_for_reader(stream, problem);
}

static int run(int argc, char **argv)
{
	struct stream_options options;
	struct problem problem;
	struct stream stream;
	int ret;

	program_begin(&argp, argc, argv, &options);
	ret = stream_open(&stream, argv[0], &options, HGSHM_RING_PRODUCER, &problem);
	if (!ret) {
		ret = put(&stream, &problem);
		if (!ret && options.json)
			stream_report(&stream, stderr);
		stream_close(&stream);
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_put = {
	.name = "put",
	.summary = "send standard input to a member, where hgshm cat takes it",
	.run = run,
};
