/* SPDX-License-Identifier: MIT */
/*
 * Ways to carry messages of one length between two processes, both ways, for benchmarks
 * that let them take turns. Whatever goes wrong ends the program.
 */
#ifndef BENCH_CARRIER_H
#define BENCH_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hgshm_ring;

/**
 * struct carrier_end - what one of the two processes has
 * @send: sends a message of @bytes
 * @recv: receives one; it stays valid until the next call
 * @flush: sends on what @send has held back; NULL: nothing is
 */
struct carrier_end {
	void (*send)(struct carrier_end *end, const void *message);
	const void *(*recv)(struct carrier_end *end);
	void (*flush)(struct carrier_end *end);
	size_t bytes;
	unsigned char *buffer;
	int in_fd, out_fd;
	struct hgshm_ring *in, *out;
	unsigned int held_in, held_out;
};

/**
 * struct carrier - a way to carry messages
 * @make: makes both ends, for messages of @bytes; false if this system has no such thing
 * @free: undoes @make
 */
struct carrier {
	const char *name;
	bool (*make)(struct carrier_end ends[2], size_t bytes);
	void (*free)(struct carrier_end ends[2]);
};

extern const struct carrier carrier_ring;		/* a call a message, 20 us of polling */
extern const struct carrier carrier_ring_batch;		/* in place, published 32 at a time */
extern const struct carrier carrier_ring_spin;		/* never sleeps */
extern const struct carrier carrier_ring_sleep;		/* never polls */
extern const struct carrier carrier_eventfd;		/* no message, only the waking */
extern const struct carrier carrier_seqpacket;
extern const struct carrier carrier_stream;
extern const struct carrier carrier_pipe;
extern const struct carrier carrier_tcp;
extern const struct carrier carrier_mq;

/* Ends that were made elsewhere: sockets of the same kind, rings of hgshm_ring_open(). */
void carrier_end_of_tcp(struct carrier_end *end, int fd, size_t bytes);
void carrier_end_of_stream(struct carrier_end *end, int fd, size_t bytes);
void carrier_end_of_rings(struct carrier_end *end, struct hgshm_ring *in,
			  struct hgshm_ring *out, size_t bytes, bool batch);
void carrier_end_free(struct carrier_end *end);

/* Ends the program with the words of errno if it is not so. */
void carrier_must(bool ok, const char *what);

/* Message number: it and its content; of the content all is looked at now and then. */
void carrier_fill(unsigned char *message, size_t bytes, uint64_t number);
void carrier_check(const unsigned char *message, size_t bytes, uint64_t number);

int64_t carrier_now_ns(void);

/* Messages of at most 4 KiB, one way, or each answered by one like it before the next. */
void carrier_play_sender(struct carrier_end *end, uint64_t messages, bool round_trip);
void carrier_play_receiver(struct carrier_end *end, uint64_t messages, bool round_trip);

/* Ascending. */
void carrier_sort(double *figures, size_t count);

#endif /* BENCH_CARRIER_H */
