/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer of the driver: threads that make calls at random on descriptors that
 * they share, while the device goes and comes. Each thread has a stream of random
 * numbers of its own, so that the seed decides what it tries, though not when.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hgshm/ioctl.h>

#define FUZZ_PAGE_BYTES	4096
#define FUZZ_DEVICES	12	/* descriptors shared by all threads */
#define FUZZ_MAPPINGS	8	/* of each thread */
#define FUZZ_SIGNAL_LAST 64	/* the highest signal that ioctls ask for */

/* What threads try; each must succeed now and then, or nothing was fuzzed. */
enum fuzz_call {
	FUZZ_OPEN,
	FUZZ_CLOSE,
	FUZZ_INFO,
	FUZZ_POKE,
	FUZZ_IRQ_ENABLE,
	FUZZ_SET_SIGNAL,
	FUZZ_SET_EVENTFD,
	FUZZ_EXPORT_DMABUF,
	FUZZ_MMAP,
	FUZZ_TOUCH,
	FUZZ_PIN,
	FUZZ_SYNC_DMABUF,
	FUZZ_READ,
	FUZZ_POLL,
	FUZZ_SYSFS,
	FUZZ_CALLS,
};

/**
 * struct fuzzer - one thread
 * @random: state of its random numbers
 * @page: a page for structs; the one after it can't be accessed, the one before it
 *	not be written
 * @mappings: what it has mapped, NULL or of as many bytes as @mapping_bytes says
 * @mapping_bytes: see there
 * @eventfds: two, which it makes anew now and then
 * @dmabuf: the last that it exported, or -1
 * @pipe: its own, empty but for a moment
 * @after_fault: where a signal of a bad access goes, if @armed
 * @armed: an access is under way
 * @calls: how often each was made
 * @successes: and succeeded
 */
struct fuzzer {
	uint64_t random;
	uint8_t *page;
	uint8_t *mappings[FUZZ_MAPPINGS];
	size_t mapping_bytes[FUZZ_MAPPINGS];
	int eventfds[2];
	int dmabuf;
	int pipe[2];
	sigjmp_buf after_fault;
	volatile bool armed;
	uint64_t calls[FUZZ_CALLS];
	uint64_t successes[FUZZ_CALLS];
};

/* fuzz-values.c: random numbers that are more often interesting than not */
uint64_t fuzz_random(struct fuzzer *f);
uint32_t fuzz_below(struct fuzzer *f, uint32_t limit);
bool fuzz_once_in(struct fuzzer *f, uint32_t times);
uint32_t fuzz_word(struct fuzzer *f);
uint64_t fuzz_offset(struct fuzzer *f);
uint64_t fuzz_length(struct fuzzer *f);
/* Somewhere in f->page, at its end, before it, or nowhere. */
void *fuzz_pointer(struct fuzzer *f, size_t bytes);

/* fuzz-ioctls.c */
void fuzz_ioctl_known(struct fuzzer *f);
void fuzz_ioctl_unknown(struct fuzzer *f);
void fuzz_sync_dmabuf(struct fuzzer *f);

/* fuzz-memory.c */
void fuzz_map(struct fuzzer *f);
void fuzz_touch(struct fuzzer *f);
void fuzz_pin(struct fuzzer *f);
void fuzz_change_mapping(struct fuzzer *f);
void fuzz_memory_end(struct fuzzer *f);

/* ioctl-fuzz.c */
extern int fuzz_devices[FUZZ_DEVICES];
int fuzz_device(struct fuzzer *f);
/* Counts a call, and whether it succeeded; returns the latter. */
bool fuzz_count(struct fuzzer *f, enum fuzz_call call, bool success);

#endif /* FUZZ_H */
