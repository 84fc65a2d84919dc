// SPDX-License-Identifier: MIT
#include "fuzz.h"

/* xorshift64*, Vigna 2016 */
uint64_t fuzz_random(struct fuzzer *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return f->random * 0x2545F4914F6CDD1DULL;
}

uint32_t fuzz_below(struct fuzzer *f, uint32_t limit)
{
	return (fuzz_random(f) >> 32) % limit;
}

bool fuzz_once_in(struct fuzzer *f, uint32_t times)
{
	return fuzz_below(f, times) == 0;
}

/* Of a struct: mostly 0, an index, or at a limit. */
uint32_t fuzz_word(struct fuzzer *f)
{
	static const uint32_t limits[] = {
		0, 1, 2, HGSHM_CLIENTS_MAX - 1, HGSHM_CLIENTS_MAX, 0x7FFFFFFFu,
		0x80000000u, HGSHM_EVENTFD_PEERS, HGSHM_EVENTFD_ALL,
	};

	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_random(f);
	case 1:
		return 1u << fuzz_below(f, 32);
	case 2:
	case 3:
		return limits[fuzz_below(f, sizeof(limits) / sizeof(limits[0]))];
	case 4:
		return 1;
	default:
		return 0;
	}
}

/* Of a mapping: in a region's first pages, at a region's limits, or anywhere. */
uint64_t fuzz_offset(struct fuzzer *f)
{
	/* the memory, the peer slice, the doorbells, and one that there is not */
	static const uint8_t regions[] = { 0, 0, 0, 0, 1, 1, 2, 3 };
	uint64_t region = regions[fuzz_below(f, sizeof(regions))] * HGSHM_MMAP_REGION_BYTES;

	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_random(f);
	case 1:
		return fuzz_random(f) & ~(FUZZ_PAGE_BYTES - 1ULL);
	case 2:
		return region + HGSHM_MMAP_REGION_BYTES - FUZZ_PAGE_BYTES;
	case 3:
		return region + fuzz_below(f, 64) * 0x100000ULL;
	case 4:
		return region + fuzz_below(f, 2048) * (uint64_t)FUZZ_PAGE_BYTES;
	default:
		return region;
	}
}

uint64_t fuzz_length(struct fuzzer *f)
{
	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_random(f);
	case 1:
		return fuzz_below(f, 2 * FUZZ_PAGE_BYTES);
	case 2:
	case 3:
		return (1 + fuzz_below(f, 4)) * 0x200000ULL;
	case 4:
	case 5:
		return FUZZ_PAGE_BYTES;
	default:
		return (1 + fuzz_below(f, 64)) * (uint64_t)FUZZ_PAGE_BYTES;
	}
}

void *fuzz_pointer(struct fuzzer *f, size_t bytes)
{
	switch (fuzz_below(f, 24)) {
	case 0:
		return NULL;
	case 1: /* where nothing is mapped */
		return (void *)(uintptr_t)fuzz_below(f, FUZZ_PAGE_BYTES);
	case 2:
		return (void *)(UINTPTR_MAX - fuzz_below(f, FUZZ_PAGE_BYTES));
	case 3: /* of the kernel, in a 64-bit one */
		return (void *)(uintptr_t)0xFFFF888000000000ULL;
	case 4: /* ends in a page that is not there */
		return f->page + FUZZ_PAGE_BYTES - fuzz_below(f, bytes + 1);
	case 5: /* can be read only */
		return f->page - FUZZ_PAGE_BYTES + fuzz_below(f, 64);
	case 6:
		return f->page + fuzz_below(f, 64);
	case 7: /* the last bytes that are there */
		return f->page + FUZZ_PAGE_BYTES - bytes;
	default:
		return f->page + 64 * (size_t)fuzz_below(f, 32);
	}
}
