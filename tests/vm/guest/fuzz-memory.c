// SPDX-License-Identifier: MIT
/* Mappings of the device and of dma-bufs, what is done to them, and accesses. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "fuzz.h"
#include "kernel.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25	/* Linux 6.1 */
#endif

/* More would be a test of the kernel's page tables. */
#define LENGTH_MAX	(64ULL << 20)

static int some_prot(struct fuzzer *f)
{
	static const int prots[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_WRITE, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC,
	};

	return prots[fuzz_below(f, sizeof(prots) / sizeof(prots[0]))];
}

/* Before 6.5 these have the kernel take a device's huge page for a "bad pmd". */
static int usable_advice(int advice)
{
	bool bad = (advice == MADV_COLD || advice == MADV_PAGEOUT) && !kernel_is_at_least(6, 5);

	return bad ? MADV_DONTNEED : advice;
}

static void unmap(struct fuzzer *f, unsigned int slot)
{
	if (f->mappings[slot])
		CHECK_EQUAL(munmap(f->mappings[slot], f->mapping_bytes[slot]), 0);
	f->mappings[slot] = NULL;
}

void fuzz_map(struct fuzzer *f)
{
	bool dmabuf = f->dmabuf >= 0 && fuzz_once_in(f, 4);
	int flags = fuzz_once_in(f, 8) ? MAP_PRIVATE : MAP_SHARED;
	unsigned int slot = fuzz_below(f, FUZZ_MAPPINGS);
	uint64_t length = fuzz_length(f);
	uint64_t offset = fuzz_offset(f);
	uint8_t *at;

	/* negative ones would be refused before the driver sees them */
	if (length > LENGTH_MAX || offset > INT64_MAX)
		length = LENGTH_MAX;
	if (dmabuf)
		offset %= HGSHM_MMAP_REGION_BYTES;
	if (fuzz_once_in(f, 16))
		flags |= MAP_POPULATE;
	at = mmap(NULL, length, some_prot(f), flags, dmabuf ? f->dmabuf : fuzz_device(f),
		  offset & INT64_MAX);
	if (!fuzz_count(f, FUZZ_MMAP, at != MAP_FAILED))
		return;
	unmap(f, slot);
	f->mappings[slot] = at;
	f->mapping_bytes[slot] = length;
}

/* One access: it works, or raises SIGBUS or SIGSEGV. */
void fuzz_touch(struct fuzzer *f)
{
	unsigned int slot = fuzz_below(f, FUZZ_MAPPINGS);
	volatile uint32_t *at;
	bool store = fuzz_once_in(f, 2);
	volatile bool worked = false;

	if (!f->mappings[slot])
		return;
	at = (uint32_t *)(f->mappings[slot] +
			  fuzz_random(f) % f->mapping_bytes[slot] / sizeof(*at) * sizeof(*at));
	if (!sigsetjmp(f->after_fault, 1)) {
		f->armed = true;
		if (store)
			*at = fuzz_word(f);
		else
			(void)*at;
		worked = true;
	}
	f->armed = false;
	fuzz_count(f, FUZZ_TOUCH, worked);
}

/* The kernel gets at the pages, and has them for a while. */
void fuzz_pin(struct fuzzer *f)
{
	unsigned int slot = fuzz_below(f, FUZZ_MAPPINGS);
	struct iovec local = { .iov_base = f->page, .iov_len = FUZZ_PAGE_BYTES };
	struct iovec mapped;
	ssize_t done;

	if (!f->mappings[slot])
		return;
	mapped.iov_base = f->mappings[slot] + fuzz_random(f) % f->mapping_bytes[slot];
	mapped.iov_len = 1 + fuzz_below(f, 8 * FUZZ_PAGE_BYTES);
	switch (fuzz_below(f, 4)) {
	case 0:
		done = process_vm_readv(getpid(), &local, 1, &mapped, 1, 0);
		break;
	case 1:
		done = process_vm_writev(getpid(), &local, 1, &mapped, 1, 0);
		break;
	case 2:
		/* its word must be aligned; nobody waits there */
		done = syscall(SYS_futex, (uintptr_t)mapped.iov_base & ~(uintptr_t)3, FUTEX_WAKE,
			       1, NULL, NULL, 0) + 1;
		break;
	default:
		done = vmsplice(f->pipe[1], &mapped, 1, SPLICE_F_NONBLOCK);
		while (read(f->pipe[0], f->page, FUZZ_PAGE_BYTES) > 0 || errno == EINTR)
			;
	}
	fuzz_count(f, FUZZ_PIN, done > 0);
}

void fuzz_change_mapping(struct fuzzer *f)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_REMOVE, MADV_FREE,
		MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_COLLAPSE,
	};
	unsigned int slot = fuzz_below(f, FUZZ_MAPPINGS);
	uint8_t *at = f->mappings[slot];
	size_t bytes = f->mapping_bytes[slot];
	size_t half = bytes / 2 & ~(size_t)(FUZZ_PAGE_BYTES - 1);
	uint8_t *moved;

	if (!at)
		return;
	switch (fuzz_below(f, 8)) {
	case 0:
		/* no part of it may grow */
		moved = mremap(at, bytes, 2 * bytes, MREMAP_MAYMOVE);
		CHECK(moved == MAP_FAILED || bytes % FUZZ_PAGE_BYTES);
		if (moved != MAP_FAILED) {
			f->mappings[slot] = moved;
			f->mapping_bytes[slot] = 2 * bytes;
		}
		break;
	case 1:
		if (half) {
			CHECK_EQUAL(munmap(at + half, bytes - half), 0);
			f->mapping_bytes[slot] = half;
		}
		break;
	case 2:
	case 3:
		mprotect(at, fuzz_once_in(f, 2) && half ? half : bytes, some_prot(f));
		break;
	case 4:
	case 5:
		madvise(at, bytes,
			usable_advice(advices[fuzz_below(f, sizeof(advices) / sizeof(advices[0]))]));
		break;
	case 6:
		msync(at, bytes, MS_SYNC);
		mlock(at, FUZZ_PAGE_BYTES);
		break;
	default:
		unmap(f, slot);
	}
}

void fuzz_memory_end(struct fuzzer *f)
{
	for (unsigned int slot = 0; slot < FUZZ_MAPPINGS; slot++)
		unmap(f, slot);
}
