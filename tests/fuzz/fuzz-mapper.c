// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzz target: the mapper's side of the meeting, qemu/hgshm-mapper.c
 *
 * The script plays up to CALLERS_MAX clients at once that connect, say a HELLO
 * that is right or wrong, whole or in pieces, speak on their private lines or
 * don't listen to them, and leave, while time passes. After it a proper client
 * must be let in, and no file descriptor may be left.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"

#include "caller.h"

#define CLIENTS			12
#define MEETINGS_MAX		128
#define CALLERS_MAX		16
#define CROWD_MAX		160
#define STEPS_MAX		200
#define TIMEOUT_NS		(HGSHM_MEET_MAPPER_TIMEOUT_MS * (int64_t)SCALE_MS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	HgshmState *s;
	struct fuzz_input in;
	struct caller callers[CALLERS_MAX];
	int crowd[CROWD_MAX];
	unsigned int crowd_count;
	int null_fd;
};

static int64_t now_ns(void)
{
	return qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
}

static void choose_fds(struct world *w, struct caller *c, uint8_t how)
{
	const int sets[][4] = {
		{ 2, c->doorbell, c->line_theirs },
		{ 2, c->line_theirs, c->doorbell },
		{ 2, w->null_fd, c->line_theirs },
		{ 2, c->doorbell, w->null_fd },
		{ 2, c->doorbell, c->sock },
		{ 1, c->doorbell },
		{ 0 },
		{ 3, c->doorbell, c->line_theirs, w->null_fd },
	};
	const int *set = sets[how % ARRAY_SIZE(sets)];

	c->fd_count = set[0];
	memcpy(c->fds, set + 1, sizeof(c->fds[0]) * c->fd_count);
}

static void spoil(struct world *w, struct caller *c)
{
	uint8_t offset = fuzz_take(&w->in);

	c->hello[offset % sizeof(c->hello)] ^= fuzz_take(&w->in);
}

static void caller_hello(struct world *w, struct caller *c)
{
	uint8_t how = fuzz_take(&w->in);
	uint8_t who = fuzz_take(&w->in);
	uint32_t mapidx = who >> 4;

	caller_write_hello(c, who % 16, mapidx == 15 ? HGSHM_INDEX_NONE : mapidx);
	choose_fds(w, c, how);
	if (how & 0x08)
		spoil(w, c);
	if (how & 0x10)
		c->hello_bytes += 8;
	if (how & 0xa0)
		caller_shrink_line(c, how & 0x80);
	caller_send(c, how & 0x40 ? fuzz_take(&w->in) : sizeof(c->hello));
}

static void caller_noise(struct world *w, struct caller *c)
{
	size_t bytes;
	const uint8_t *noise = fuzz_take_bytes(&w->in, fuzz_take(&w->in), &bytes);

	if (c->sock >= 0)
		fuzz_send(c->sock, noise, bytes, NULL, 0);
	c->noisy = true;
}

static void crowd_in(struct world *w, unsigned int count)
{
	for (; count && w->crowd_count < CROWD_MAX; count--) {
		int sock = device_connect(w->s);

		if (sock < 0)
			return;
		w->crowd[w->crowd_count++] = sock;
		loop_run();
	}
}

static void crowd_out(struct world *w)
{
	while (w->crowd_count)
		close(w->crowd[--w->crowd_count]);
}

/* The connection closes before the mapper looks at it. */
static void knock(struct world *w)
{
	int sock = device_connect(w->s);

	if (sock < 0)
		return;
	close(sock);
	if (fuzz_take(&w->in) & 1)
		device_hang_up(w->s);
}

static void step(struct world *w)
{
	uint8_t what = fuzz_take(&w->in);
	uint8_t argument = fuzz_take(&w->in);
	struct caller *c = &w->callers[argument % CALLERS_MAX];

	switch (what % 16) {
	case 0:
		caller_connect(w->s, c);
		break;
	case 1:
	case 2:
		if ((c->sock >= 0 && !c->sent) || caller_connect(w->s, c))
			caller_hello(w, c);
		break;
	case 3:
		caller_send(c, fuzz_take(&w->in));
		break;
	case 4:
		caller_noise(w, c);
		break;
	case 5:
		loop_run();
		caller_listen(w->s, c);
		break;
	case 6:
		caller_leave(c);
		break;
	case 7:
		caller_hang_up(c);
		break;
	case 8:
		caller_speak(c, argument, w->null_fd);
		break;
	case 9:
		loop_advance(argument * (int64_t)(50 * SCALE_MS));
		break;
	case 10:
		hgshm_peer_ring(w->s, argument);
		break;
	case 11:
		device_set_interrupts(w->s, argument);
		break;
	case 12:
		crowd_in(w, argument);
		break;
	case 13:
		crowd_out(w);
		break;
	case 14:
		knock(w);
		break;
	case 15:
		caller_fill_doorbell(c, argument);
		break;
	}
	/* The rest happens in one round of the main loop. */
	if (!(what & 0x80))
		loop_run();
}

/* Somebody with this index said HELLO, and still holds the line. */
static bool may_be_alive(const struct world *w, unsigned int index)
{
	for (unsigned int i = 0; i < CALLERS_MAX; i++) {
		const struct caller *c = &w->callers[i];

		if (c->line >= 0 && c->sent >= sizeof(struct hgshm_msg_hello) &&
		    (caller_index(c) == index || c->noisy))
			return true;
	}
	return false;
}

static void check(struct world *w)
{
	HgshmState *s = w->s;

	fuzz_check(s->peers & 1 && s->peers >> CLIENTS == 0, "PEERS is 0x%" PRIx64,
		   s->peers);
	for (unsigned int i = 1; i < CLIENTS; i++) {
		bool alive = hgshm_peer_alive(s, i);

		fuzz_check(!alive || may_be_alive(w, i), "VM %u was never let in", i);
		fuzz_check(alive == (s->peer[i].line >= 0) && alive == s->peer[i].has_doorbell,
			   "VM %u is half there", i);
	}
	fuzz_check(s->meeting_count <= MEETINGS_MAX, "%u meetings", s->meeting_count);
	for (unsigned int i = 0; i < CALLERS_MAX; i++) {
		struct caller *c = &w->callers[i];
		GPollFD fd = { .fd = c->sock, .events = G_IO_IN };
		bool ended = c->sock < 0 || g_poll(&fd, 1, 0) > 0;

		fuzz_check(ended || now_ns() - c->since_ns <= TIMEOUT_NS,
			   "a connection is %" PRId64 " ms old",
			   (now_ns() - c->since_ns) / SCALE_MS);
	}
}

static void expect_proper_client(struct world *w)
{
	struct caller *c = &w->callers[0];

	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		caller_leave(&w->callers[i]);
	crowd_out(w);
	/* One who sent the mapper its own end of the meeting is not seen to leave. */
	loop_advance(TIMEOUT_NS);
	fuzz_check(w->s->peers == 1, "PEERS is 0x%" PRIx64 " after all left", w->s->peers);
	fuzz_check(!w->s->meeting_count, "%u meetings are left", w->s->meeting_count);

	fuzz_check(caller_connect(w->s, c), "the chardev is busy");
	caller_write_hello(c, 1, 0);
	caller_send(c, sizeof(c->hello));
	loop_run();
	fuzz_check(w->s->peers == 3, "a proper client is not let in");
	caller_listen(w->s, c);
	caller_leave(c);
	loop_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = fuzz_count_fds();
	struct world w = { .in = { data, size } };
	uint8_t mode = fuzz_take(&w.in);
	Error *err = NULL;

	loop_begin();
	words_begin(true);
	w.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		w.callers[i] = (struct caller) {
			.sock = -1, .line = -1, .doorbell = -1, .line_theirs = -1,
		};
	w.s = device_new(0, CLIENTS);
	w.s->slice_bytes = FUZZ_SLICE_BYTES;
	w.s->size_bytes = CLIENTS * FUZZ_SLICE_BYTES;
	w.s->mesh = !(mode & 1);
	w.s->mapidx_any = mode & 2;
	w.s->backing = mode & 4 ? HGSHM_BACKING_MEMFD : HGSHM_BACKING_SHM;
	if ((mode & 4 && !hgshm_memfd_create(w.s, &err)) ||
	    !hgshm_vectors_init(w.s, &err) || !hgshm_mapper_start(w.s, &err))
		words_take_error(err);
	device_set_interrupts(w.s, mode >> 4);

	for (unsigned int i = 0; i < STEPS_MAX && w.in.left; i++) {
		step(&w);
		if (!(mode & 8)) {
			loop_run();
			check(&w);
		}
	}
	loop_run();
	check(&w);
	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		caller_listen(w.s, &w.callers[i]);
	if (mode & 0x80)
		expect_proper_client(&w);
	device_end(w.s);
	loop_end();

	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		caller_leave(&w.callers[i]);
	crowd_out(&w);
	close(w.null_fd);
	fuzz_check(fuzz_count_fds() == fds, "%u file descriptors before, %u after",
		   fds, fuzz_count_fds());
	return 0;
}
