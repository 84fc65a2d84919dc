// SPDX-License-Identifier: MIT
/*
 * Fuzz target: message rings, lib/ring*.c
 *
 * The script first says how large the ring is and whether anybody lies. Then each byte is
 * a step of the producer, of the consumer, or of the liar, who changes any byte of
 * the memory, or any word to a value that is near to right, between two calls or in the
 * midst of one: clang calls __sanitizer_cov_load*() before each load of the library, which
 * counts down to the ambush that the script has laid. A lie may also be to format the
 * ring anew. The memory ends where the ring does, so that AddressSanitizer sees a step outside.
 *
 * Where nobody lies, the ambush may be laid by the honest other side, which then takes a step
 * of its own in the midst of a call, also before a store: so both run at once, one access at
 * a time. Who sleeps then and was not rung must have nothing to wake up for.
 *
 * A reference model, a queue of copies, goes along. While nobody has lied, both sides must
 * do exactly what it does. From the first lie on they may end with -EPROTO or -ESTALE, and
 * then must stay ended; whatever they still hand out lies inside the ring, and every
 * call returns.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <hgshm/ring.h>

#include "fuzz.h"

#define CAPACITY_MAX	1024
#define QUEUE_MAX	(CAPACITY_MAX / 8)
#define LIE_FORMAT	0x3F
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the ring has to do, in the simplest way. */
struct model {
	struct { size_t bytes; uint8_t first; } queue[QUEUE_MAX];
	unsigned int count;		/* in the queue */
	unsigned int published;		/* of these, from the front */
	unsigned int peeked;		/* of these, from the front */
};

struct world {
	struct fuzz_input in;
	unsigned char *memory;
	size_t bytes;
	size_t longest;
	struct hgshm_ring *ring[2];	/* by side */
	int ended[2];
	bool lied;
	bool accused;			/* it was more than formatting anew */
	struct hgshm_ring *formatter;	/* who has done that last */
	bool reserved;
	size_t reserved_bytes;
	uint8_t next;			/* what the next message starts with */
	struct model model;
	bool asleep[2];
	bool rung[2];			/* since it fell asleep, by this other side */
	bool told[2];			/* likewise, by any */
	bool at_once;			/* the ambush is the other side's next step */
	uint32_t side;			/* whose call is under way */
	bool meddled;			/* the other side has taken a step meanwhile */
	unsigned int published_before;	/* the call that is under way */
	unsigned int ambush;		/* the load of the ring at which the liar acts; 0: none */
};

static struct world *ambushed;

static bool producer_closed(const struct world *w)
{
	return !w->ring[HGSHM_RING_PRODUCER];
}

/* What a call of a side may return besides what the model says. */
static bool has_ended(struct world *w, uint32_t side, int ret)
{
	if (w->ended[side])
		fuzz_check(ret == w->ended[side], "it ended with %d, and now returns %d",
			   w->ended[side], ret);
	if (ret != -EPROTO && ret != -ESTALE)
		return false;
	fuzz_check(w->lied, "it ended with %s though nobody lied", hgshm_strerror(ret));
	fuzz_check(ret == -ESTALE || w->accused, "it says of who formatted anew: %s",
		   hgshm_strerror(ret));
	fuzz_check(strlen(hgshm_strerror(ret)) > 10, "it does not say why");
	w->ended[side] = ret;
	return true;
}

static void note_wake(struct world *w, uint32_t side, int ret)
{
	if (ret == 1) {
		fuzz_check(w->lied || w->meddled || (w->asleep[side] && !w->rung[side]),
			   "side %u is rung and does not sleep, or was", side);
		w->rung[side] = w->told[side] = true;
	}
}

static uint8_t content(uint8_t first, size_t at)
{
	return first + 13 * at;
}

static void fill(unsigned char *to, size_t bytes, uint8_t first)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = content(first, i);
}

static void check_inside(const struct world *w, const void *data, size_t bytes)
{
	const unsigned char *start = data;

	fuzz_check(start >= w->memory + HGSHM_RING_DATA_OFFSET && bytes <= w->bytes &&
		   start + bytes <= w->memory + w->bytes, "it hands out memory outside");
	fuzz_check(!((uintptr_t)data & 7), "it hands out memory that is not aligned");
}

static void reserve(struct world *w)
{
	size_t bytes = fuzz_take(&w->in) * (w->longest + 8) / 255;
	void *room;
	int ret = hgshm_ring_reserve(w->ring[0], bytes, &room);

	if (has_ended(w, 0, ret))
		return;
	if (bytes > w->longest) {
		fuzz_check(ret == -EMSGSIZE, "%d for a message that is too long", ret);
		return;
	}
	if (ret == -EAGAIN || ret == -EPIPE) {
		fuzz_check(w->lied || (ret == -EPIPE) == !w->ring[1], "%d", ret);
		fuzz_check(w->lied || w->meddled || ret == -EPIPE || w->model.count || w->model.peeked,
			   "no room in an empty ring");
		return;
	}
	fuzz_check(ret == 0, "reserve: %d", ret);
	check_inside(w, room, bytes);
	memset(room, 0xEE, bytes);
	w->reserved = true;
	w->reserved_bytes = bytes;
	fill(room, bytes, w->next);
}

static void commit(struct world *w)
{
	size_t bytes = fuzz_take(&w->in) * (w->reserved_bytes + 1) / 256;
	int ret = hgshm_ring_commit(w->ring[0], bytes);
	struct model *m = &w->model;

	if (has_ended(w, 0, ret))
		return;
	fuzz_check(ret == (w->reserved ? 0 : -EINVAL), "commit: %d", ret);
	if (ret)
		return;
	w->reserved = false;
	fuzz_check(w->lied || m->count < QUEUE_MAX, "more messages than fit");
	if (m->count < QUEUE_MAX) {
		m->queue[m->count].bytes = bytes;
		m->queue[m->count++].first = w->next++;
	}
}

static void publish(struct world *w)
{
	int ret = hgshm_ring_publish(w->ring[0]);

	if (has_ended(w, 0, ret))
		return;
	fuzz_check(ret == 0 || ret == 1, "publish: %d", ret);
	if (!w->lied && w->asleep[1] && !w->rung[1] && w->model.published < w->model.count)
		fuzz_check(ret == 1, "the consumer sleeps on and there is a message");
	w->model.published = w->model.count;
	note_wake(w, 1, ret);
}

static void send(struct world *w)
{
	size_t bytes = fuzz_take(&w->in) * (w->longest + 1) / 256;
	unsigned char message[CAPACITY_MAX];
	struct model *m = &w->model;
	int ret;

	fill(message, bytes, w->next);
	ret = hgshm_ring_send(w->ring[0], message, bytes, 0);
	if (has_ended(w, 0, ret) || ret == -ETIMEDOUT || ret == -EPIPE)
		return;
	fuzz_check(ret == 0 || ret == 1, "send: %d", ret);
	w->reserved = false;
	fuzz_check(w->lied || m->count < QUEUE_MAX, "more messages than fit");
	if (m->count < QUEUE_MAX) {
		m->queue[m->count].bytes = bytes;
		m->queue[m->count++].first = w->next++;
	}
	m->published = m->count;
	note_wake(w, 1, ret);
}

static void check_message(struct world *w, unsigned int number, const void *data, size_t bytes)
{
	const unsigned char *got = data;

	fuzz_check(number < w->model.published, "a message that was not published");
	fuzz_check(bytes == w->model.queue[number].bytes, "%zu bytes of %zu", bytes,
		   w->model.queue[number].bytes);
	for (size_t i = 0; i < bytes; i++)
		fuzz_check(got[i] == content(w->model.queue[number].first, i), "byte %zu", i);
}

static void forget_peeked(struct model *m)
{
	memmove(m->queue, m->queue + m->peeked, (m->count - m->peeked) * sizeof(m->queue[0]));
	m->count -= m->peeked;
	m->published -= m->peeked;
	m->peeked = 0;
}

static bool nothing_there(struct world *w, int ret, int when_empty)
{
	if (ret != when_empty && ret != -EPIPE)
		return false;
	fuzz_check(w->lied || w->model.peeked >= w->published_before, "a message is lost");
	fuzz_check(w->lied || (ret == -EPIPE) == producer_closed(w), "%d", ret);
	return true;
}

static void peek(struct world *w)
{
	const void *data;
	size_t bytes;
	int ret = hgshm_ring_peek(w->ring[1], &data, &bytes);

	if (has_ended(w, 1, ret) || nothing_there(w, ret, -EAGAIN))
		return;
	fuzz_check(ret == 0, "peek: %d", ret);
	check_inside(w, data, bytes);
	if (!w->lied) {
		check_message(w, w->model.peeked, data, bytes);
		w->model.peeked++;
	}
}

static void release(struct world *w)
{
	int ret = hgshm_ring_release(w->ring[1]);

	if (has_ended(w, 1, ret))
		return;
	fuzz_check(ret == 0 || ret == 1, "release: %d", ret);
	note_wake(w, 0, ret);
	if (!w->lied)
		forget_peeked(&w->model);
}

static void recv(struct world *w)
{
	size_t size = fuzz_take(&w->in) & 1 ? CAPACITY_MAX : 16, bytes;
	unsigned char buffer[CAPACITY_MAX];
	int ret = hgshm_ring_recv(w->ring[1], buffer, size, &bytes, 0);

	if (has_ended(w, 1, ret) || nothing_there(w, ret, -ETIMEDOUT))
		return;
	if (ret == -EMSGSIZE) {
		fuzz_check(bytes > size && bytes <= w->longest, "%zu bytes are too long", bytes);
		return;
	}
	fuzz_check(ret == 0 || ret == 1, "recv: %d", ret);
	fuzz_check(bytes <= size, "%zu bytes in a buffer of %zu", bytes, size);
	note_wake(w, 0, ret);
	if (!w->lied) {
		check_message(w, w->model.peeked++, buffer, bytes);
		forget_peeked(&w->model);
	}
}

static void arm(struct world *w, uint32_t side)
{
	size_t bytes = side == HGSHM_RING_PRODUCER ? w->longest : 0;
	int ret;

	w->asleep[side] = w->rung[side] = w->told[side] = false;
	ret = hgshm_ring_arm(w->ring[side], bytes);
	if (has_ended(w, side, ret))
		return;
	fuzz_check(ret == 0 || ret == 1 || ret == -EPIPE, "arm: %d", ret);
	if (!w->lied && ret == 0 && side == HGSHM_RING_CONSUMER && !w->told[side])
		fuzz_check(w->model.peeked == w->model.published, "it sleeps on a message");
	w->asleep[side] = ret == 0;
}

static void check_sleeper(struct world *w, uint32_t side)
{
	int ret;

	if (w->lied || !w->ring[side] || !w->ring[!side] || !w->asleep[side] || w->told[side])
		return;
	ret = hgshm_ring_wait(w->ring[side], side == HGSHM_RING_PRODUCER ? w->longest : 0, 0);
	fuzz_check(ret == -ETIMEDOUT, "side %u sleeps on and could go on: %d", side, ret);
}

static void disarm(struct world *w, uint32_t side)
{
	hgshm_ring_disarm(w->ring[side]);
	w->asleep[side] = false;
}

/* The next process takes the side over, as after a crash. */
static void replace(struct world *w, uint32_t side)
{
	struct hgshm_ring *ring;
	int ret;

	if (w->at_once)
		w->ambush = 0;
	ret = hgshm_ring_attach(&ring, w->memory, w->bytes, side, NULL);
	fuzz_check(w->lied || ret == 0, "attach: %s", hgshm_strerror(ret));
	if (ret)
		return;
	hgshm_ring_close(w->ring[side]);
	w->ring[side] = ring;
	w->ended[side] = 0;
	w->asleep[side] = false;
	/* It does not know whom the one before has rung. */
	w->rung[!side] = false;
	if (side == HGSHM_RING_PRODUCER) {
		w->reserved = false;
		w->model.count = w->model.published;
	} else {
		w->model.peeked = 0;
	}
}

static void begin_call(struct world *w, uint32_t side)
{
	w->side = side;
	w->meddled = false;
	w->published_before = w->model.published;
}

static void close_side(struct world *w, uint32_t side)
{
	if (w->at_once)
		w->ambush = 0;
	hgshm_ring_close(w->ring[side]);
	w->ring[side] = NULL;
	w->asleep[side] = false;
	if (side == HGSHM_RING_PRODUCER)
		w->model.published = w->model.count;
}

/* By a third process, which goes on in the new ring. */
static void format(struct world *w)
{
	uint8_t how = fuzz_take(&w->in);
	unsigned char message[CAPACITY_MAX] = { 0 };
	unsigned int ambush = w->ambush;
	struct hgshm_ring *ring;

	w->lied = true;
	w->ambush = 0;
	fuzz_check(!hgshm_ring_create(&ring, w->memory, w->bytes, how & 1, NULL), "create: %s",
		   hgshm_strerror(-EINVAL));
	for (int i = 0; !(how & 1) && i < (how >> 4); i++)
		hgshm_ring_send(ring, message, how * (w->longest + 1) / 256, 0);
	hgshm_ring_close(w->formatter);
	w->formatter = ring;
	w->ambush = ambush;
}

static void lie(struct world *w)
{
	static const size_t words[] = {
		HGSHM_RING_TAIL_OFFSET, HGSHM_RING_HEAD_OFFSET, HGSHM_RING_PRODUCER_OFFSET,
		HGSHM_RING_CONSUMER_OFFSET, HGSHM_RING_DATA_OFFSET,
	};
	uint8_t how = fuzz_take(&w->in);
	size_t at;

	if (how == LIE_FORMAT) {
		format(w);
		return;
	}
	w->lied = w->accused = true;
	if (how & 0x80) {
		at = fuzz_take(&w->in) << 8;
		at = (at | fuzz_take(&w->in)) % w->bytes;
		w->memory[at] = fuzz_take(&w->in);
		return;
	}
	at = words[how % ARRAY_SIZE(words)] + fuzz_take(&w->in) % 128 / 8 * 8;
	if (at + 8 <= w->bytes) {
		uint64_t word;

		memcpy(&word, w->memory + at, sizeof(word));
		word += (int8_t)fuzz_take(&w->in) * (how & 0x40 ? UINT64_C(1) << 32 : 8);
		memcpy(w->memory + at, &word, sizeof(word));
	}
}

/* What the one who is interrupted can be compared with the model after. */
static void meddle(struct world *w)
{
	uint8_t step = fuzz_take(&w->in);

	w->meddled = true;
	if (!w->ring[!w->side])
		return;
	if (w->side == HGSHM_RING_PRODUCER) {
		switch (step % 3) {
		case 0: release(w); break;
		case 1: arm(w, 1); break;
		case 2: disarm(w, 1); break;
		}
	} else {
		switch (step % 5) {
		case 0: send(w); break;
		case 1: publish(w); break;
		case 2: arm(w, 0); break;
		case 3: reserve(w); break;
		case 4: commit(w); break;
		}
	}
}

static void before_load(const void *at)
{
	struct world *w = ambushed;
	const unsigned char *byte = at;

	if (!w || !w->ambush || byte < w->memory || byte >= w->memory + w->bytes)
		return;
	if (--w->ambush)
		return;
	if (w->at_once)
		meddle(w);
	else
		lie(w);
}

void __sanitizer_cov_load1(uint8_t *at);
void __sanitizer_cov_load2(uint16_t *at);
void __sanitizer_cov_load4(uint32_t *at);
void __sanitizer_cov_load8(uint64_t *at);
void __sanitizer_cov_load16(unsigned __int128 *at);

void __sanitizer_cov_load1(uint8_t *at) { before_load(at); }
void __sanitizer_cov_load2(uint16_t *at) { before_load(at); }
void __sanitizer_cov_load4(uint32_t *at) { before_load(at); }
void __sanitizer_cov_load8(uint64_t *at) { before_load(at); }
void __sanitizer_cov_load16(unsigned __int128 *at) { before_load(at); }

/* A lie is only seen by who loads it. */
static void before_store(const void *at)
{
	if (ambushed && ambushed->at_once)
		before_load(at);
}

void __sanitizer_cov_store1(uint8_t *at);
void __sanitizer_cov_store2(uint16_t *at);
void __sanitizer_cov_store4(uint32_t *at);
void __sanitizer_cov_store8(uint64_t *at);
void __sanitizer_cov_store16(unsigned __int128 *at);

void __sanitizer_cov_store1(uint8_t *at) { before_store(at); }
void __sanitizer_cov_store2(uint16_t *at) { before_store(at); }
void __sanitizer_cov_store4(uint32_t *at) { before_store(at); }
void __sanitizer_cov_store8(uint64_t *at) { before_store(at); }
void __sanitizer_cov_store16(unsigned __int128 *at) { before_store(at); }

static void info(const struct world *w, uint32_t side)
{
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };

	fuzz_check(!hgshm_ring_get_info(w->ring[side], &info), "get_info");
	fuzz_check(info.used_bytes <= info.capacity_bytes, "%llu bytes used of %llu",
		   (unsigned long long)info.used_bytes, (unsigned long long)info.capacity_bytes);
	fuzz_check(info.error == w->ended[side], "error %d, it ended with %d", info.error,
		   w->ended[side]);
}

static void produce(struct world *w, uint8_t step)
{
	if (!w->ring[0])
		return;
	begin_call(w, 0);
	switch (step % 8) {
	case 0: reserve(w); break;
	case 1: commit(w); break;
	case 2: publish(w); break;
	case 3: send(w); break;
	case 4: arm(w, 0); break;
	case 5: disarm(w, 0); break;
	case 6: replace(w, 0); break;
	case 7: info(w, 0); break;
	}
}

static void consume(struct world *w, uint8_t step)
{
	if (!w->ring[1])
		return;
	begin_call(w, 1);
	switch (step % 8) {
	case 0: case 1: peek(w); break;
	case 2: release(w); break;
	case 3: recv(w); break;
	case 4: arm(w, 1); break;
	case 5: disarm(w, 1); break;
	case 6: replace(w, 1); break;
	case 7: info(w, 1); break;
	}
}

/* Whoever was honest must still get all that was published. */
static void drain(struct world *w)
{
	while (!w->lied && w->ring[1] && w->model.peeked < w->model.published)
		peek(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .in = { data, size } };
	size_t capacity = HGSHM_RING_CAPACITY_MIN * (1 + fuzz_take(&w.in) % 8);
	uint8_t who = fuzz_take(&w.in);
	bool liar = who & 1;
	unsigned char *start;

	w.at_once = !liar && who & 2;
	w.bytes = HGSHM_RING_DATA_OFFSET + capacity;
	w.longest = HGSHM_RING_MESSAGE_MAX(capacity);
	start = aligned_alloc(HGSHM_RING_ALIGN_BYTES, w.bytes);
	fuzz_check(start, "no memory");
	memset(start, fuzz_take(&w.in), w.bytes);
	w.memory = start;
	fuzz_check(!hgshm_ring_create(&w.ring[0], w.memory, w.bytes, HGSHM_RING_PRODUCER, NULL),
		   "create: %s", hgshm_strerror(-EINVAL));
	fuzz_check(!hgshm_ring_attach(&w.ring[1], w.memory, w.bytes, HGSHM_RING_CONSUMER, NULL),
		   "attach: %s", hgshm_strerror(-EINVAL));
	ambushed = &w;
	while (w.in.left) {
		uint8_t step = fuzz_take(&w.in);

		if (step == 0xFF)
			close_side(&w, fuzz_take(&w.in) & 1);
		else if ((liar || w.at_once) && step >= 0xE0)
			w.ambush = 1 + fuzz_take(&w.in) % 16;
		else if (liar && step >= 0xC0)
			lie(&w);
		else if (step & 0x20)
			consume(&w, step);
		else
			produce(&w, step);
		/* it is over with that call */
		if (w.at_once && step < 0xE0)
			w.ambush = 0;
		if (!w.ambush) {
			check_sleeper(&w, 0);
			check_sleeper(&w, 1);
		}
	}
	ambushed = NULL;
	begin_call(&w, 1);
	drain(&w);
	hgshm_ring_close(w.ring[0]);
	hgshm_ring_close(w.ring[1]);
	hgshm_ring_close(w.formatter);
	free(start);
	return 0;
}
