// SPDX-License-Identifier: MIT
#include "bench.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

/* Past the mark that the program slices puts at the start of a page. */
#define DESK_OFFSET	(8192 + 64)
#define ASK_TO_END	UINT32_MAX
#define TURN_NS		1000000

/* Where the two sides meet in slice 0: rings asked for, rings made. */
struct desk {
	uint32_t asked;
	uint32_t made;
};

/* The other side of the memory is another VM, and no doorbell may be used. */
static void wait_turn(void)
{
	struct timespec turn = { .tv_nsec = TURN_NS };

	nanosleep(&turn, NULL);
}

struct bench bench_open(uint32_t peer)
{
	int fd = device_open(device_path(), O_RDWR);
	struct bench b = { .info = device_info(fd), .peer = peer };
	uint8_t *slice = device_map_slice_0(fd, &b.info);

	if (!slice)
		check_abort("VM %u does not see slice 0", b.info.index);
	b.desk = (struct desk *)(slice + DESK_OFFSET);
	close(fd);
	return b;
}

void bench_serve(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR);
	uint32_t made = 0, asked;

	while ((asked = __atomic_load_n(&b->desk->asked, __ATOMIC_ACQUIRE)) !=
	       ASK_TO_END) {
		if (asked == made) {
			wait_turn();
			continue;
		}
		device_poke(fd, b->peer);
		__atomic_store_n(&b->desk->made, ++made, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&b->desk->made, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&b->desk->asked, 0, __ATOMIC_RELEASE);
	close(fd);
}

/* A turn takes at least its time, so this is at least the patience that others have. */
static void wait_for(const struct bench *b, const uint32_t *word, uint32_t wanted)
{
	for (int turns = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != wanted; turns++) {
		if (turns == DEVICE_PATIENCE_MS)
			check_abort("VM %u does not do what it was asked: asked %u, made %u",
				    b->peer, b->desk->asked, b->desk->made);
		wait_turn();
	}
}

void bench_have_rung(struct bench *b, uint32_t count)
{
	uint32_t wanted = b->desk->asked + count;

	__atomic_store_n(&b->desk->asked, wanted, __ATOMIC_RELEASE);
	wait_for(b, &b->desk->made, wanted);
}

void bench_end(struct bench *b)
{
	__atomic_store_n(&b->desk->asked, ASK_TO_END, __ATOMIC_RELEASE);
	wait_for(b, &b->desk->asked, 0);
}
