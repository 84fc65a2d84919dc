// SPDX-License-Identifier: MIT
/*
 * Who sees which bytes of the shared memory. The script runs a step in every VM
 * between barriers:
 *
 *   slices fill          VM 0: mark every page of every slice
 *   slices check-fill    each: own and peer slice carry VM 0's marks, all pages
 *   slices write STEP    each: own mark at first, middle, last byte of own slice
 *   slices check STEP    each: the own slice, the peer slice, and VM 0 in all of
 *                        them, carry their owners' marks
 *   slices write-peer STEP    this VM: own mark at the spots of its peer slice
 *   slices check-peer STEP SLICE WRITER    each that sees SLICE: WRITER's marks
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device.h"

#define PAGE_BYTES	4096
#define SPOTS		3

struct view {
	struct hgshm_info info;
	uint8_t *memory;
	uint8_t *peer;
};

static struct view view_open(void)
{
	int fd = device_open(device_path(), O_RDWR);
	struct view v = { .info = device_info(fd) };

	v.memory = device_map_memory(fd, &v.info);
	v.peer = device_map_peer(fd, &v.info);
	return v;
}

/* Slice @index through BAR 1, or through BAR 3, or NULL if it is not there. */
static uint8_t *slice_in_memory(const struct view *v, uint32_t index)
{
	if (!v->memory)
		return NULL;
	if (v->info.index == 0)
		return v->memory + v->info.slice_bytes * index;
	return v->info.index == index ? v->memory : NULL;
}

static uint8_t *slice_in_peer(const struct view *v, uint32_t index)
{
	return v->peer && v->info.mapidx == index ? v->peer : NULL;
}

static uint64_t spot_offset(const struct view *v, int spot)
{
	const uint64_t offsets[SPOTS] = {
		0, v->info.slice_bytes / 2, v->info.slice_bytes - 1,
	};

	return offsets[spot];
}

/* Never 0, and different for neighbours in every argument. */
static uint8_t spot_mark(uint32_t writer, uint32_t slice, int spot, int step)
{
	return 1 + (writer * 67 + slice * 31 + spot * 11 + step * 101) % 255;
}

/* The word at the start of page @page of slice @slice, as VM 0 fills it. */
static uint64_t page_mark(uint32_t slice, uint64_t page)
{
	return 0xC0DE000000000000ULL | (uint64_t)slice << 40 | page;
}

/* Volatile: the other side of the memory is another VM. */
static void fill_slice(uint8_t *slice, uint32_t index, uint64_t bytes)
{
	for (uint64_t page = 0; page < bytes / PAGE_BYTES; page++)
		*(volatile uint64_t *)(slice + page * PAGE_BYTES) =
			page_mark(index, page);
}

static void check_filled(const uint8_t *slice, uint32_t index, uint64_t bytes)
{
	uint64_t wrong = 0;

	if (!slice)
		return;
	for (uint64_t page = 0; page < bytes / PAGE_BYTES; page++)
		wrong += *(const volatile uint64_t *)(slice + page * PAGE_BYTES) !=
			 page_mark(index, page);
	if (wrong)
		printf("slice %u: %llu pages have another mark than VM 0's\n",
		       index, (unsigned long long)wrong);
	CHECK_EQUAL(wrong, 0);
}

static void write_spots(const struct view *v, uint8_t *slice, uint32_t index,
			int step)
{
	for (int spot = 0; spot < SPOTS; spot++)
		*(volatile uint8_t *)(slice + spot_offset(v, spot)) =
			spot_mark(v->info.index, index, spot, step);
}

static void check_spots(const struct view *v, const uint8_t *slice,
			uint32_t index, uint32_t writer, int step)
{
	if (!slice)
		return;
	for (int spot = 0; spot < SPOTS; spot++)
		CHECK_EQUAL(*(const volatile uint8_t *)(slice + spot_offset(v, spot)),
			    spot_mark(writer, index, spot, step));
}

static void check_sizes(const struct view *v)
{
	const struct hgshm_info *info = &v->info;
	bool has_peer = info->features & HGSHM_FEATURE_PEER_SLICE;

	CHECK(info->slice_bytes * info->clients <= info->size_bytes);
	if (!(info->features & HGSHM_FEATURE_GUEST_MMAP)) {
		CHECK_EQUAL(info->memory_bytes, 0);
		CHECK_EQUAL(info->peer_bytes, 0);
		return;
	}
	CHECK_EQUAL(info->memory_bytes,
		    info->index ? info->slice_bytes : info->size_bytes);
	CHECK_EQUAL(info->peer_bytes, has_peer ? info->slice_bytes : 0);
	CHECK_EQUAL(has_peer, info->mapidx != HGSHM_INDEX_NONE);
}

int main(int argc, char **argv)
{
	struct view v = view_open();
	const char *verb = argc > 1 ? argv[1] : "";
	int step = argc > 2 ? atoi(argv[2]) : 0;
	uint32_t slices = v.info.clients;

	check_sizes(&v);
	printf("slices of %llu bytes, %llu in memory, %llu in peer region\n",
	       (unsigned long long)v.info.slice_bytes,
	       (unsigned long long)v.info.memory_bytes,
	       (unsigned long long)v.info.peer_bytes);
	if (!strcmp(verb, "fill") && v.info.index == 0) {
		for (uint32_t i = 0; i < slices; i++)
			fill_slice(slice_in_memory(&v, i), i, v.info.slice_bytes);
	} else if (!strcmp(verb, "check-fill")) {
		for (uint32_t i = 0; i < slices; i++) {
			check_filled(slice_in_memory(&v, i), i, v.info.slice_bytes);
			check_filled(slice_in_peer(&v, i), i, v.info.slice_bytes);
		}
	} else if (!strcmp(verb, "write")) {
		uint8_t *own = slice_in_memory(&v, v.info.index);

		if (own)
			write_spots(&v, own, v.info.index, step);
	} else if (!strcmp(verb, "check")) {
		for (uint32_t i = 0; i < slices; i++) {
			if (!(v.info.peers >> i & 1))
				continue;
			check_spots(&v, slice_in_memory(&v, i), i, i, step);
			check_spots(&v, slice_in_peer(&v, i), i, i, step);
		}
	} else if (!strcmp(verb, "write-peer") && v.peer) {
		write_spots(&v, v.peer, v.info.mapidx, step);
	} else if (!strcmp(verb, "check-peer") && argc > 4) {
		uint32_t slice = atoi(argv[3]), writer = atoi(argv[4]);

		check_spots(&v, slice_in_memory(&v, slice), slice, writer, step);
		check_spots(&v, slice_in_peer(&v, slice), slice, writer, step);
	} else {
		check_abort("VM %u can't do: slices %s", v.info.index, verb);
	}
	return check_status();
}
