/* SPDX-License-Identifier: MIT */
/*
 * A VM at the other end that rings when asked. Requests pass through slice 0 and not
 * by doorbell, so that every ring that comes is one that a check asked for.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include <hgshm/ioctl.h>

struct desk;

struct bench {
	struct hgshm_info info;
	struct desk *desk;
	uint32_t peer;
};

/* For this VM to ask @peer, or to serve it. */
struct bench bench_open(uint32_t peer);

/* Rings the peer once for each request; returns when asked to end. */
void bench_serve(struct bench *b);

/* When this returns the peer has rung @count times. */
void bench_have_rung(struct bench *b, uint32_t count);

/* Asks the peer to end, and waits until it has. */
void bench_end(struct bench *b);

#endif /* BENCH_H */
