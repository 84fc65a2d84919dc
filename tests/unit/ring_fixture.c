/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring_fixture.h"

#define PAGE_BYTES 4096

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static size_t mapped_bytes(size_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* The ring ends where the guard page starts. */
void ring_pair_make(struct ring_pair *pair, size_t capacity)
{
	size_t bytes = HGSHM_RING_DATA_OFFSET + capacity;
	size_t mapped = mapped_bytes(bytes);
	unsigned char *start;

	memset(pair, 0, sizeof(*pair));
	start = mmap(NULL, mapped + 2 * PAGE_BYTES, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(start != MAP_FAILED, "mmap");
	check(!mprotect(start + PAGE_BYTES, mapped, PROT_READ | PROT_WRITE), "mprotect");
	pair->memory = start + PAGE_BYTES + mapped - bytes;
	pair->bytes = bytes;
	for (int side = 0; side < 2; side++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		check(fd >= 0, "eventfd");
		pair->bell[side].own_fd = fd;
		pair->bell[!side].rings_fd = fd;
	}
}

void ring_pair_free(struct ring_pair *pair)
{
	size_t mapped = mapped_bytes(pair->bytes);

	hgshm_ring_close(pair->producer);
	hgshm_ring_close(pair->consumer);
	for (int side = 0; side < 2; side++)
		close(pair->bell[side].own_fd);
	munmap(pair->memory + pair->bytes - mapped - PAGE_BYTES, mapped + 2 * PAGE_BYTES);
}

static int bell_wake(void *context)
{
	struct ring_bell *bell = context;
	uint64_t one = 1;

	bell->rung++;
	return write(bell->rings_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

static int bell_wait(void *context, int64_t timeout_ns)
{
	struct timespec timeout = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	struct ring_bell *bell = context;
	struct pollfd pollfd = { .fd = bell->own_fd, .events = POLLIN };
	uint64_t count;
	int ready = ppoll(&pollfd, 1, timeout_ns < 0 ? NULL : &timeout, NULL);

	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	return read(bell->own_fd, &count, sizeof(count)) == sizeof(count) ? 0 : -errno;
}

struct hgshm_ring_options ring_bell_options(struct ring_pair *pair, uint32_t side)
{
	return (struct hgshm_ring_options){
		.struct_bytes = sizeof(struct hgshm_ring_options),
		.wake = bell_wake,
		.wait = bell_wait,
		.context = &pair->bell[side],
	};
}

void ring_pair_open(struct ring_pair *pair, bool with_bells)
{
	struct hgshm_ring_options producer = ring_bell_options(pair, HGSHM_RING_PRODUCER);
	struct hgshm_ring_options consumer = ring_bell_options(pair, HGSHM_RING_CONSUMER);

	check(!hgshm_ring_create(&pair->producer, pair->memory, pair->bytes, HGSHM_RING_PRODUCER,
				 with_bells ? &producer : NULL), "hgshm_ring_create");
	check(!hgshm_ring_attach(&pair->consumer, pair->memory, pair->bytes, HGSHM_RING_CONSUMER,
				 with_bells ? &consumer : NULL), "hgshm_ring_attach");
}

struct hgshm_ring_info ring_info(const struct hgshm_ring *ring)
{
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };

	check(!hgshm_ring_get_info(ring, &info), "hgshm_ring_get_info");
	return info;
}

/* Golden ratio times 2 to the 64th: neighbours get far apart. */
static uint64_t mix(uint64_t x)
{
	for (int i = 0; i < 2; i++) {
		x = (x + 1) * 0x9E3779B97F4A7C15u;
		x ^= x >> 31;
	}
	return x;
}

size_t ring_message_length(uint64_t number, size_t limit)
{
	return mix(number) % limit;
}

static unsigned char content(uint64_t number, size_t at)
{
	return mix(number + (at << 40 >> 3)) >> 13;
}

void ring_message_fill(void *message, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((unsigned char *)message)[i] = content(number, i);
}

bool ring_message_is(const void *message, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (((const unsigned char *)message)[i] != content(number, i))
			return false;
	return true;
}
