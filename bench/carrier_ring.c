/* SPDX-License-Identifier: MIT */
/* Carriers that are message rings: two of them in shared memory, with eventfds to wake. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hgshm/ring.h>

#include "carrier.h"

#define BATCH		32
#define RING_BYTES	(256 * 1024)

static void must_ring(int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "bench: ring: %s\n", hgshm_strerror(ret));
	exit(1);
}

static void ring_send(struct carrier_end *end, const void *message)
{
	must_ring(hgshm_ring_send(end->out, message, end->bytes, -1));
}

static const void *ring_recv(struct carrier_end *end)
{
	size_t bytes;

	must_ring(hgshm_ring_recv(end->in, end->buffer, end->bytes, &bytes, -1));
	return end->buffer;
}

static void batch_send(struct carrier_end *end, const void *message)
{
	void *room;
	int ret = hgshm_ring_reserve(end->out, end->bytes, &room);

	if (ret == -EAGAIN) {
		must_ring(hgshm_ring_wait(end->out, end->bytes, -1));
		ret = hgshm_ring_reserve(end->out, end->bytes, &room);
	}
	must_ring(ret);
	memcpy(room, message, end->bytes);
	must_ring(hgshm_ring_commit(end->out, end->bytes));
	if (++end->held_out % BATCH == 0)
		must_ring(hgshm_ring_publish(end->out));
}

static void batch_flush(struct carrier_end *end)
{
	must_ring(hgshm_ring_publish(end->out));
}

static const void *batch_recv(struct carrier_end *end)
{
	const void *message;
	size_t bytes;
	int ret;

	if (++end->held_in % BATCH == 0)
		must_ring(hgshm_ring_release(end->in));
	ret = hgshm_ring_peek(end->in, &message, &bytes);
	if (ret == -EAGAIN) {
		must_ring(hgshm_ring_release(end->in));
		must_ring(hgshm_ring_wait(end->in, 0, -1));
		ret = hgshm_ring_peek(end->in, &message, &bytes);
	}
	must_ring(ret);
	return message;
}

void carrier_end_of_rings(struct carrier_end *end, struct hgshm_ring *in,
			  struct hgshm_ring *out, size_t bytes, bool batch)
{
	*end = (struct carrier_end){
		.send = batch ? batch_send : ring_send,
		.recv = batch ? batch_recv : ring_recv,
		.flush = batch ? batch_flush : NULL,
		.bytes = bytes, .buffer = malloc(bytes), .in_fd = -1, .out_fd = -1,
		.in = in, .out = out,
	};
	carrier_must(end->buffer, "memory");
}

static int wake(void *context)
{
	struct carrier_end *end = context;
	uint64_t one = 1;

	return write(end->out_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

static int wait_rung(void *context, int64_t timeout_ns)
{
	struct carrier_end *end = context;
	uint64_t count;

	return read(end->in_fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;
}

static bool make_rings(struct carrier_end ends[2], size_t bytes, uint32_t spin_us, bool batch)
{
	unsigned char *memory = mmap(NULL, 2 * RING_BYTES, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct hgshm_ring_options options = { .struct_bytes = sizeof(options), .wake = wake,
					      .wait = wait_rung, .spin_us = spin_us };
	int fds[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };

	carrier_must(memory != MAP_FAILED && fds[0] >= 0 && fds[1] >= 0, "shared memory");
	memset(memory, 0, 2 * RING_BYTES);
	for (int i = 0; i < 2; i++) {
		struct hgshm_ring *out;

		options.context = &ends[i];
		must_ring(hgshm_ring_create(&out, memory + i * RING_BYTES, RING_BYTES,
					    HGSHM_RING_PRODUCER, &options));
		carrier_end_of_rings(&ends[i], NULL, out, bytes, batch);
		ends[i].in_fd = fds[i];
		ends[i].out_fd = dup(fds[!i]);
		carrier_must(ends[i].out_fd >= 0, "dup");
	}
	for (int i = 0; i < 2; i++) {
		options.context = &ends[i];
		must_ring(hgshm_ring_attach(&ends[i].in, memory + !i * RING_BYTES, RING_BYTES,
					    HGSHM_RING_CONSUMER, &options));
	}
	return true;
}

static bool make_ring(struct carrier_end ends[2], size_t bytes)
{
	return make_rings(ends, bytes, HGSHM_SPIN_DEFAULT_US, false);
}

static bool make_ring_batch(struct carrier_end ends[2], size_t bytes)
{
	return make_rings(ends, bytes, HGSHM_SPIN_DEFAULT_US, true);
}

static bool make_ring_spin(struct carrier_end ends[2], size_t bytes)
{
	return make_rings(ends, bytes, 1000000, false);
}

static bool make_ring_sleep(struct carrier_end ends[2], size_t bytes)
{
	return make_rings(ends, bytes, 0, false);
}

static void free_rings(struct carrier_end ends[2])
{
	for (int i = 0; i < 2; i++) {
		hgshm_ring_close(ends[i].out);
		hgshm_ring_close(ends[i].in);
		carrier_end_free(&ends[i]);
	}
}

const struct carrier carrier_ring = { "ring", make_ring, free_rings };
const struct carrier carrier_ring_batch = { "ring, batches of 32", make_ring_batch, free_rings };
const struct carrier carrier_ring_spin = { "ring, polling", make_ring_spin, free_rings };
const struct carrier carrier_ring_sleep = { "ring, sleeping", make_ring_sleep, free_rings };
