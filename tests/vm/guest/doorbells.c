// SPDX-License-Identifier: MIT
/*
 * Doorbells counted, both ways. The script runs one program in each of two VMs:
 *
 *   doorbells ping PEER COUNT    ring, wait for the answer, COUNT times; each ring
 *                                must give exactly one event of count 1
 *   doorbells pong PEER COUNT    the answering side
 *   doorbells burst PEER COUNT   ring COUNT times at once, say in slice 0 how far
 *                                before each ring
 *   doorbells catch PEER COUNT   take events until slice 0 says that all was rung:
 *                                a lost last ring would leave it waiting
 *   doorbells all                ring every VM by one call
 *   doorbells once PEER          exactly one ring of PEER comes
 *   doorbells none               no ring comes
 *   doorbells stray              stores to doorbells of no VM, of this one and of
 *                                one that is not alive: nothing happens
 *
 * With RING=store rings are stores to the mapped doorbells.
 *
 * They use the descriptor that the script holds open since before it met the
 * others at a barrier, so no ring can come too early, and none of an earlier
 * test stay unseen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "check.h"
#include "device.h"

/*
 * Where in slice 0 the VM that bursts says how far it is; past the mark that the
 * program slices puts at the start of a page.
 */
#define PROGRESS_OFFSET(index)	(4096 + 64 * (1 + (index)))
#define TURN_NS			1000000
/* A ring may wait in a QEMU that gets no processor: long enough for a busy machine. */
#define LAST_RING_MS		1000

static void check_quiet(int fd)
{
	struct hgshm_event event;
	bool rang = device_take_ring(fd, &event, DEVICE_QUIET_MS);

	if (rang)
		printf("VM %u rang %llu times, though none was due\n", event.index,
		       (unsigned long long)event.count);
	CHECK(!rang);
}

static void ping(int fd, uint32_t peer, int count)
{
	for (int i = 0; i < count; i++) {
		device_poke(fd, peer);
		CHECK_EQUAL(device_wait_ring(fd, peer), 1);
	}
	check_quiet(fd);
}

static void pong(int fd, uint32_t peer, int count)
{
	for (int i = 0; i < count; i++) {
		CHECK_EQUAL(device_wait_ring(fd, peer), 1);
		device_poke(fd, peer);
	}
	check_quiet(fd);
}

static uint32_t *progress(int fd, const struct hgshm_info *info, uint32_t index)
{
	uint8_t *slice = device_map_slice_0(fd, info);

	if (!slice)
		check_abort("VM %u does not see slice 0", info->index);
	return (uint32_t *)(slice + PROGRESS_OFFSET(index));
}

static void burst(int fd, uint32_t peer, int count)
{
	struct hgshm_info info = device_info(fd);
	uint32_t *rung = progress(fd, &info, info.index);

	for (int i = 1; i <= count; i++) {
		__atomic_store_n(rung, i, __ATOMIC_RELEASE);
		device_poke(fd, peer);
	}
	/* None is made after this. */
	__atomic_store_n(rung, count + 1, __ATOMIC_RELEASE);
	/* Answered when the other side has seen the last one. */
	CHECK_EQUAL(device_wait_ring(fd, peer), 1);
	__atomic_store_n(rung, 0, __ATOMIC_RELEASE);
}

static void catch(int fd, uint32_t peer, int count)
{
	struct hgshm_info info = device_info(fd);
	uint32_t *rung = progress(fd, &info, peer);
	struct timespec turn = { .tv_nsec = TURN_NS };
	uint64_t interrupts = 0;

	do {
		interrupts += device_wait_ring(fd, peer);
	} while (__atomic_load_n(rung, __ATOMIC_ACQUIRE) < (uint32_t)count);
	/* The ring that said so may have another behind it. */
	while (__atomic_load_n(rung, __ATOMIC_ACQUIRE) != (uint32_t)count + 1)
		nanosleep(&turn, NULL);
	for (struct hgshm_event event; device_take_ring(fd, &event, LAST_RING_MS);)
		interrupts += event.count;
	printf("%d rings of VM %u made %llu interrupts\n", count, peer,
	       (unsigned long long)interrupts);
	CHECK(interrupts >= 1);
	CHECK(interrupts <= (uint64_t)count);
	device_poke(fd, peer);
}

static void ring_all(int fd)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };

	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_POKE, &poke), 0);
	check_quiet(fd);
}

static void once(int fd, uint32_t peer)
{
	CHECK_EQUAL(device_wait_ring(fd, peer), 1);
	check_quiet(fd);
}

static void stray(int fd)
{
	volatile uint32_t *doorbells = device_map_doorbells(fd);
	struct hgshm_info info = device_info(fd);

	if (!doorbells)
		check_abort("the driver offers no doorbells");
	for (uint32_t i = 0; i < info.doorbells_bytes / sizeof(*doorbells); i++) {
		CHECK_EQUAL(doorbells[i], 0);
		if (i < info.clients && i != info.index && info.peers >> i & 1)
			continue;
		doorbells[i] = i;
		CHECK_EQUAL(doorbells[i], 0);
	}
	check_quiet(fd);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	uint32_t peer = argc > 2 ? atoi(argv[2]) : 0;
	int count = argc > 3 ? atoi(argv[3]) : 0;
	int fd = DEVICE_INHERITED_FD;

	if (!strcmp(verb, "ping") && argc == 4)
		ping(fd, peer, count);
	else if (!strcmp(verb, "pong") && argc == 4)
		pong(fd, peer, count);
	else if (!strcmp(verb, "burst") && argc == 4)
		burst(fd, peer, count);
	else if (!strcmp(verb, "catch") && argc == 4)
		catch(fd, peer, count);
	else if (!strcmp(verb, "all") && argc == 2)
		ring_all(fd);
	else if (!strcmp(verb, "once") && argc == 3)
		once(fd, peer);
	else if (!strcmp(verb, "stray") && argc == 2)
		stray(fd);
	else if (!strcmp(verb, "none") && argc == 2)
		check_quiet(fd);
	else
		check_abort("unknown: doorbells %s", verb);
	return check_status();
}
