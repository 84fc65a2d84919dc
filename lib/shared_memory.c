/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allocate.h"
#include "shared_memory.h"

void hgshm_memory_init(struct hgshm_memory *memory)
{
	*memory = (struct hgshm_memory){ .mapidx = HGSHM_INDEX_NONE, .fd = -1 };
	for (int i = 0; i < HGSHM_CLIENTS_MAX; i++)
		memory->slice_fd[i] = -1;
}

void hgshm_memory_close(struct hgshm_memory *memory)
{
	if (memory->founded && memory->fd >= 0)
		hgshm_shm_remove(memory);
	if (memory->fd >= 0)
		close(memory->fd);
	for (int i = 0; i < HGSHM_CLIENTS_MAX; i++)
		if (memory->slice_fd[i] >= 0)
			close(memory->slice_fd[i]);
	hgshm_memory_init(memory);
}

static int keep_fd(int fd, const struct hgshm_memory *memory, const char *socket)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (kept < 0)
		return hgshm_fail(-errno, "the memory shmid=%s of the mapper at %s: %s",
				  memory->shmid, socket, strerror(errno));
	return kept;
}

static int join_whole(struct hgshm_memory *memory, const struct hgshm_offer *offer,
		      const char *socket)
{
	struct stat st;

	if (fstat(offer->fds[0], &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < memory->size_bytes)
		return hgshm_fail(-EPROTO, "the mapper at %s sent memory that is smaller than it "
				  "says; restart the mapper", socket);
	memory->fd = keep_fd(offer->fds[0], memory, socket);
	return memory->fd < 0 ? memory->fd : 0;
}

static int join_slices(struct hgshm_memory *memory, const struct hgshm_offer *offer,
		       const char *socket)
{
	uint32_t owner[HGSHM_MEMORY_FDS_MAX] = { offer->index, memory->mapidx };

	for (unsigned int i = 0; i < offer->fd_count; i++) {
		int fd;

		if (!hgshm_memfd_sealed(offer->fds[i], memory->slice_bytes))
			return hgshm_fail(-EPROTO, "the mapper at %s sent a slice that is not "
					  "sealed, or not of its size; use the same hgshm for both",
					  socket);
		/* the own slice once more, if the place that was given is the mapidx */
		if (memory->slice_fd[owner[i]] >= 0)
			continue;
		fd = keep_fd(offer->fds[i], memory, socket);
		if (fd < 0)
			return fd;
		memory->slice_fd[owner[i]] = fd;
	}
	memory->memfd = true;
	return 0;
}

int hgshm_memory_join(struct hgshm_memory *memory, const struct hgshm_offer *offer,
		      const char *socket)
{
	unsigned int slices = memory->mapidx == HGSHM_INDEX_NONE ? 1 : 2;
	int ret = 0;

	memcpy(memory->shmid, offer->shmid, sizeof(memory->shmid));
	memory->clients = offer->clients;
	memory->size_bytes = offer->size_bytes;
	memory->slice_bytes = offer->slice_bytes;
	memory->shm_dev = offer->shm_dev;
	memory->shm_ino = offer->shm_ino;
	if (offer->kind == HGSHM_MEMORY_NAMED && offer->fd_count == 0) {
		memory->fd = hgshm_shm_open(memory, socket);
		ret = memory->fd < 0 ? memory->fd : 0;
	} else if (offer->kind == HGSHM_MEMORY_SLICES && offer->fd_count == slices) {
		ret = join_slices(memory, offer, socket);
	} else if (offer->kind == HGSHM_MEMORY_WHOLE && offer->fd_count == 1) {
		ret = join_whole(memory, offer, socket);
	} else {
		ret = hgshm_fail(-EPROTO, "the mapper at %s shares its memory in a way that this "
				 "library does not know; use the same hgshm for both", socket);
	}
	if (memory->mapidx == offer->index)
		memory->mapidx = HGSHM_INDEX_NONE;
	memory->own_index = offer->index;
	return ret;
}

static int make_up_shmid(char *shmid)
{
	unsigned char bytes[16];
	size_t used;

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes))
		return hgshm_fail(-errno, "no random bytes for a shmid: %s; give one",
				  strerror(errno));
	used = snprintf(shmid, HGSHM_SHMID_BYTES, "hgshm-");
	for (size_t i = 0; i < sizeof(bytes); i++)
		used += snprintf(shmid + used, HGSHM_SHMID_BYTES - used, "%02x", bytes[i]);
	return 0;
}

static int create_slices(struct hgshm_memory *memory)
{
	uint64_t available_bytes = hgshm_available_bytes();

	/* No file system bounds a memfd: it would be filled until processes are killed. */
	if (memory->size_bytes > available_bytes)
		return hgshm_fail(-ENOSPC, "size=%llu does not fit this machine's memory, of which "
				  "%llu bytes are available; free some or give a smaller size",
				  (unsigned long long)memory->size_bytes,
				  (unsigned long long)available_bytes);
	for (uint32_t i = 0; i < memory->clients; i++) {
		int fd = hgshm_memfd_create_slice(memory, i);

		if (fd < 0)
			return fd;
		memory->slice_fd[i] = fd;
	}
	return 0;
}

int hgshm_memory_create(struct hgshm_memory *memory, const struct hgshm_uri *uri)
{
	uint64_t align = HGSHM_SLICE_ALIGN_BYTES;
	struct stat st;
	int ret;

	memory->founded = true;
	memory->memfd = uri->memfd;
	memory->clients = uri->clients;
	memory->size_bytes = (uri->size_bytes + align - 1) / align * align;
	memory->slice_bytes = memory->size_bytes / uri->clients / align * align;
	if (memory->memfd)
		memory->size_bytes = memory->slice_bytes * memory->clients;
	memcpy(memory->shmid, uri->shmid, sizeof(memory->shmid));
	ret = *memory->shmid ? 0 : make_up_shmid(memory->shmid);
	if (ret)
		return ret;
	if (memory->memfd) {
		ret = create_slices(memory);
	} else {
		memory->fd = hgshm_shm_found(memory, uri->unlink);
		ret = memory->fd < 0 ? memory->fd : 0;
	}
	if (ret)
		return ret;
	if (fstat(memory->memfd ? memory->slice_fd[0] : memory->fd, &st) < 0)
		return hgshm_fail(-errno, "shmid=%s can't be examined: %s", memory->shmid,
				  strerror(errno));
	memory->shm_dev = st.st_dev;
	memory->shm_ino = st.st_ino;
	return 0;
}

unsigned int hgshm_memory_grant(const struct hgshm_memory *memory, uint32_t index,
				uint32_t mapidx, uint32_t *kind, int *fds)
{
	if (!memory->memfd) {
		*kind = HGSHM_MEMORY_NAMED;
		return 0;
	}
	*kind = HGSHM_MEMORY_SLICES;
	fds[0] = memory->slice_fd[index];
	if (mapidx == HGSHM_INDEX_NONE)
		return 1;
	fds[1] = memory->slice_fd[mapidx];
	return 2;
}

static int map_failed(const struct hgshm_memory *memory, size_t bytes)
{
	return hgshm_fail(-errno, "mapping %zu bytes of shmid=%s: %s", bytes, memory->shmid,
			  strerror(errno));
}

/* The slices one after another, as they would lie in one object. */
static int map_slices(const struct hgshm_memory *memory, size_t bytes, void **ptr)
{
	char *start = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		return map_failed(memory, bytes);
	for (uint32_t i = 0; i < memory->clients; i++) {
		int ret;

		if (mmap(start + i * memory->slice_bytes, memory->slice_bytes,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory->slice_fd[i],
			 0) != MAP_FAILED)
			continue;
		ret = map_failed(memory, memory->slice_bytes);
		munmap(start, bytes);
		return ret;
	}
	*ptr = start;
	return 0;
}

int hgshm_memory_map(const struct hgshm_memory *memory, enum hgshm_region region, size_t bytes,
		     bool writable, void **ptr)
{
	uint32_t index = region == HGSHM_REGION_PEER ? memory->mapidx : memory->own_index;
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t offset = memory->memfd ? 0 : index * memory->slice_bytes;
	int fd = memory->memfd ? memory->slice_fd[index] : memory->fd;
	void *start;

	if (memory->memfd && memory->founded)
		return map_slices(memory, bytes, ptr);
	start = mmap(NULL, bytes, protection, MAP_SHARED, fd, offset);
	if (start == MAP_FAILED)
		return map_failed(memory, bytes);
	/* Where tmpfs is set to be asked (shmem_enabled=advise). */
	madvise(start, bytes, MADV_HUGEPAGE);
	*ptr = start;
	return 0;
}
