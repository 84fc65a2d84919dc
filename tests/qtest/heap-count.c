// SPDX-License-Identifier: MIT
/*
 * Counts the bytes that a process has on its heap, for tests that look for growth.
 * Preloaded, it keeps the count in the first 8 bytes of the file HGSHM_HEAP_COUNT.
 * What the kernel says a process uses won't do: that depends on when, and on which
 * thread, the allocator takes and gives back memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own names of what stands here in front of them */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *at);

static _Atomic int64_t private_count;
static _Atomic int64_t *_Atomic count_bytes = &private_count;

/* Before any thread is there. */
static void __attribute__((constructor)) publish(void)
{
	const char *path = getenv("HGSHM_HEAP_COUNT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared = MAP_FAILED;

	if (fd >= 0) {
		shared = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (shared == MAP_FAILED)
		return;
	atomic_store((_Atomic int64_t *)shared, atomic_load(&private_count));
	atomic_store(&count_bytes, shared);
}

static void *count_in(void *at)
{
	if (at)
		atomic_fetch_add(atomic_load(&count_bytes), malloc_usable_size(at));
	return at;
}

static void count_out(void *at)
{
	if (at)
		atomic_fetch_sub(atomic_load(&count_bytes), malloc_usable_size(at));
}

void *malloc(size_t bytes)
{
	return count_in(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
	return count_in(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
	void *moved;

	count_out(old);
	moved = __libc_realloc(old, bytes);
	/* On failure the old one stays; of no bytes it is freed. */
	if (!moved && bytes)
		count_in(old);
	return count_in(moved);
}

void *memalign(size_t align, size_t bytes)
{
	return count_in(__libc_memalign(align, bytes));
}

void *aligned_alloc(size_t align, size_t bytes)
{
	return memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
	void *at;

	if (align % sizeof(void *) || !align || align & (align - 1))
		return EINVAL;
	at = memalign(align, bytes);
	if (!at)
		return ENOMEM;
	*out = at;
	return 0;
}

void free(void *at)
{
	count_out(at);
	__libc_free(at);
}
