/* SPDX-License-Identifier: MIT */
/*
 * What hgshm put sends and hgshm cat takes: a stream of bytes in the messages of a ring
 * between two members. Each message starts with a struct stream_mark.
 *
 * DATA: the bytes follow. ALIVE: nothing to send at present; at least one message
 * comes each second. The reader rings the writer each second. END: all was sent, its
 * length and CRC-32C follow. BROKEN: the rest can't be sent, why follows as text. A ring
 * that ends without END was not a whole stream.
 */
#ifndef HGSHM_STREAM_H
#define HGSHM_STREAM_H

#include <hgshm/hgshm.h>
#include <hgshm/ring.h>

#include "command.h"
#include "problem.h"

#define STREAM_MARK	0x31545348u	/* "HST1" in memory */

enum stream_kind {
	STREAM_DATA = 1,
	STREAM_ALIVE,
	STREAM_END,
	STREAM_BROKEN,
};

struct stream_mark {
	uint32_t mark;
	uint32_t kind;
};

struct stream_end {
	struct stream_mark mark;
	uint64_t bytes;
	uint64_t crc;
};

/* most bytes of a message, its mark included */
#define STREAM_MESSAGE_MAX	(128 * 1024)

/* a sign of life at least so often */
#define STREAM_BEAT_NS		INT64_C(1000000000)

/**
 * struct stream_options - what both commands are given
 * @place: as place_open() takes it
 * @peer: the other member; HGSHM_INDEX_NONE: the mapper, or for the mapper the only other
 * @wait_ns: how long to wait for it, negative: without end
 * @silence_ns: how long it may give no sign of life, 0: without end
 * @json: say at the end what was moved
 */
struct stream_options {
	const char *place;
	uint32_t peer;
	int64_t wait_ns;
	int64_t silence_ns;
	bool json;
};

/**
 * struct stream - one end of a stream
 * @h: the place
 * @ring: the ring
 * @index: of this member
 * @peer: of the other
 * @message_max: most bytes of a message
 * @bytes: moved so far
 * @crc: CRC-32C of these
 * @silence_ns: as given
 * @start_ns: when the other side was met
 * @heard_ns: when it was last heard of
 * @rings_heard: how often it had rung then
 */
struct stream {
	struct hgshm *h;
	struct hgshm_ring *ring;
	uint32_t index;
	uint32_t peer;
	size_t message_max;
	uint64_t bytes;
	uint32_t crc;
	int64_t silence_ns;
	int64_t start_ns;
	int64_t heard_ns;
	uint64_t rings_heard;
};

/* Options and arguments of both; the input of the first is a struct stream_options. */
extern const struct argp_child stream_options_children[];

/*
 * Takes the place, tells a person under the program's name which it is, and meets the
 * other side. -EINTR once "interrupted" is set, or another
 * -errno with the problem set; nothing is open then.
 */
int stream_open(struct stream *stream, const char *name, const struct stream_options *options,
		uint32_t side, struct problem *problem);
void stream_close(struct stream *stream);

/* For what a ring's call returned: the problem in words, -errno. */
int stream_failed(const struct stream *stream, int ret, struct problem *problem);

/* -ECONNRESET with the problem set if the other member is not in the group any more. */
int stream_check_peer(const struct stream *stream, struct problem *problem);

/* The other side has just given a sign of life. */
void stream_heard(struct stream *stream);

/* -ETIMEDOUT with the problem set if it has given none for too long. */
int stream_check_silence(const struct stream *stream, struct problem *problem);

/* What was moved, as one line of JSON. */
void stream_report(const struct stream *stream, FILE *out);

#endif /* HGSHM_STREAM_H */
