/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "json.h"
#include "place.h"
#include "stream.h"

/* One attempt to meet; a signal that comes just before it sleeps is seen after it. */
#define MEET_NS		(10 * NS_PER_SECOND)

/* Between two looks for a group that is not there yet. */
#define ENTER_STEP_MS	100

enum {
	KEY_SILENCE = KEY_OWN,
	KEY_WAIT,
};

static const struct argp_option option_list[] = {
	{ "wait", KEY_WAIT, "SECONDS", 0, "how long to wait for the other member to start "
	  "(without end), and for the group (not at all)", 0 },
	{ "silence", KEY_SILENCE, "SECONDS", 0, "give up when the other member shows no sign of "
	  "life for so long; 0: never (30)", 0 },
	{ "json", KEY_JSON, NULL, 0, "say at the end what was moved, in JSON, on standard error", 0 },
	{ 0 },
};

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct stream_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		*options = (struct stream_options){
			.peer = HGSHM_INDEX_NONE,
			.wait_ns = -1,
			.silence_ns = 30 * NS_PER_SECOND,
		};
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_WAIT:
		options->wait_ns = command_seconds(state, "--wait", arg);
		break;
	case KEY_SILENCE:
		options->silence_ns = command_seconds(state, "--silence", arg);
		break;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0 && is_number(arg))
			options->peer = command_number(state, "N", arg, 0, HGSHM_PEERS_MAX - 1);
		else if (!options->place)
			options->place = arg;
		else
			argp_error(state, "%s: one PLACE at a time", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp options_argp = {
	.options = option_list,
	.parser = parse_option,
};

const struct argp_child stream_options_children[] = {
	{ &options_argp, 0, NULL, 0 },
	{ 0 },
};

static int choose_peer(struct stream *stream, uint32_t wanted, struct problem *problem)
{
	struct hgshm_info info;
	int ret = hgshm_get_info(stream->h, &info);

	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	stream->index = info.index;
	stream->peer = wanted;
	if (wanted != HGSHM_INDEX_NONE && wanted >= info.clients)
		return problem_set(problem, -EINVAL, "N=%u: the group has clients=%u, so give 0 to %u",
				   wanted, info.clients, info.clients - 1);
	if (wanted == info.index)
		return problem_set(problem, -EINVAL, "N=%u: that is this member itself", wanted);
	if (wanted != HGSHM_INDEX_NONE)
		return 0;
	if (info.index == 0 && info.clients != 2)
		return problem_set(problem, -EINVAL, "with which member? This is the mapper of "
				   "clients=%u, so give N from 1 to %u", info.clients,
				   info.clients - 1);
	stream->peer = info.index ? 0 : 1;
	return 0;
}

int stream_failed(const struct stream *stream, int ret, struct problem *problem)
{
	switch (ret) {
	case -EPIPE:
		return problem_set(problem, ret, "member %u closed before all was moved, after %llu "
				   "bytes", stream->peer, (unsigned long long)stream->bytes);
	case -ECONNRESET:
		return problem_set(problem, ret, "member %u left the group before all was moved, after "
				   "%llu bytes", stream->peer, (unsigned long long)stream->bytes);
	case -ESTALE:
		return problem_set(problem, ret, "another process took over the ring with member %u "
				   "before all was moved, after %llu bytes", stream->peer,
				   (unsigned long long)stream->bytes);
	}
	return problem_set(problem, ret, "%s", hgshm_strerror(ret));
}

static const char *other_command(uint32_t side)
{
	return side == HGSHM_RING_PRODUCER ? "cat" : "put";
}

/* On a host the mapper chose the index, and the other side has to be given it. */
static void say_who(const struct stream *stream, const char *name, uint32_t side)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s: this is member %u; member %u is to run: hgshm %s %u\n", name,
			stream->index, stream->peer, other_command(side), stream->index);
}

/* With --wait the group may come as well: its mapper may be the other side. */
static int enter(struct stream *stream, const struct stream_options *options, int64_t end_ns,
		 struct problem *problem)
{
	for (;;) {
		int ret = place_open(&stream->h, options->place, problem);

		if (ret != -ENOENT && ret != -ECONNREFUSED && ret != -ENODEV && ret != -ENOTCONN)
			return ret;
		if (options->wait_ns < 0 || clock_ns() >= end_ns)
			return ret;
		poll(NULL, 0, ENTER_STEP_MS);
		if (interrupted)
			return -EINTR;
	}
}

static int meet(struct stream *stream, uint32_t side, int64_t end_ns, struct problem *problem)
{
	int ret;

	do {
		int64_t left_ns = end_ns - clock_ns();

		if (interrupted)
			return -EINTR;
		if (left_ns > MEET_NS)
			left_ns = MEET_NS;
		ret = hgshm_ring_open(&stream->ring, stream->h, stream->peer, side,
				      left_ns > 0 ? left_ns : 0, NULL);
	} while (ret == -EINTR || (ret == -ETIMEDOUT && clock_ns() < end_ns));
	if (ret == -ETIMEDOUT)
		return problem_set(problem, ret, "member %u did not come in time; run hgshm %s %u there",
				   stream->peer, other_command(side), stream->index);
	return ret ? problem_set(problem, ret, "%s", hgshm_strerror(ret)) : 0;
}

int stream_open(struct stream *stream, const char *name, const struct stream_options *options,
		uint32_t side, struct problem *problem)
{
	int64_t end_ns = options->wait_ns < 0 ? INT64_MAX : clock_ns() + options->wait_ns;
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };
	int ret;

	*stream = (struct stream){ 0 };
	ret = enter(stream, options, end_ns, problem);
	if (ret)
		return ret;
	ret = choose_peer(stream, options->peer, problem);
	if (!ret) {
		say_who(stream, name, side);
		ret = meet(stream, side, end_ns, problem);
	}
	if (!ret) {
		ret = hgshm_ring_get_info(stream->ring, &info);
		if (ret)
			problem_set(problem, ret, "%s", hgshm_strerror(ret));
	}
	if (ret) {
		stream_close(stream);
		return ret;
	}
	stream->message_max = info.message_bytes_max;
	if (stream->message_max > STREAM_MESSAGE_MAX)
		stream->message_max = STREAM_MESSAGE_MAX;
	stream->silence_ns = options->silence_ns;
	stream->start_ns = clock_ns();
	stream->heard_ns = stream->start_ns;
	return 0;
}

void stream_close(struct stream *stream)
{
	hgshm_ring_close(stream->ring);
	if (stream->h)
		hgshm_close(stream->h);
}

int stream_check_peer(const struct stream *stream, struct problem *problem)
{
	struct hgshm_info info;
	int ret = hgshm_get_info(stream->h, &info);

	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	return info.peers >> stream->peer & 1 ? 0 : stream_failed(stream, -ECONNRESET, problem);
}

void stream_heard(struct stream *stream)
{
	stream->heard_ns = clock_ns();
}

int stream_check_silence(const struct stream *stream, struct problem *problem)
{
	if (!stream->silence_ns || clock_ns() - stream->heard_ns < stream->silence_ns)
		return 0;
	return problem_set(problem, -ETIMEDOUT, "member %u shows no sign of life any more, after "
			   "%llu bytes", stream->peer, (unsigned long long)stream->bytes);
}

void stream_report(const struct stream *stream, FILE *out)
{
	struct json json = { .out = out };

	json_object(&json, NULL);
	json_number(&json, "index", stream->index);
	json_number(&json, "peer", stream->peer);
	json_number(&json, "bytes", stream->bytes);
	json_number(&json, "crc32c", stream->crc);
	json_real(&json, "seconds", (clock_ns() - stream->start_ns) / (double)NS_PER_SECOND);
	json_object_end(&json);
}
