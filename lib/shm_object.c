/* SPDX-License-Identifier: MIT */
/*
 * The named memory object, /dev/shm/<shmid>.
 *
 * A mapper holds an exclusive flock on its object as long as it lives, and the kernel
 * lets go of it however the mapper ends: that tells a stale object from one in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "allocate.h"
#include "shared_memory.h"

#define FOLDER		"/dev/shm"
#define OBJECT_MODE	0600
#define NAME_BYTES	(HGSHM_SHMID_BYTES + 2)

static const char *object_name(const struct hgshm_memory *memory, char *name)
{
	snprintf(name, NAME_BYTES, "/%s", memory->shmid);
	return name;
}

static bool has_its_name(const struct hgshm_memory *memory, int fd)
{
	char path[sizeof(FOLDER) + NAME_BYTES];
	struct stat by_fd, by_name;

	snprintf(path, sizeof(path), FOLDER "/%s", memory->shmid);
	return !fstat(fd, &by_fd) && !lstat(path, &by_name) &&
	       by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

static int check_private(const struct hgshm_memory *memory, int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return hgshm_fail(-errno, "shmid=%s can't be examined: %s", memory->shmid,
				  strerror(errno));
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() || (st->st_mode & 0077))
		return hgshm_fail(-EACCES, "shmid=%s names a memory object that others own or may "
				  "open; delete " FOLDER "/%s or choose another shmid",
				  memory->shmid, memory->shmid);
	return 0;
}

static int take_lock(const struct hgshm_memory *memory, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !has_its_name(memory, fd))
		return hgshm_fail(-EADDRINUSE, "shmid=%s is held by another mapper; stop that one "
				  "or choose another shmid", memory->shmid);
	return 0;
}

/* Looks first: to fill the file system up to its end is felt by all that use it. */
static int check_room(const struct hgshm_memory *memory, int fd)
{
	unsigned long long size_bytes = memory->size_bytes, free_bytes, available_bytes;
	uint64_t has_bytes, missing_bytes;
	struct statvfs vfs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatvfs(fd, &vfs) < 0)
		return hgshm_fail(-errno, "shmid=%s can't be examined: %s", memory->shmid,
				  strerror(errno));
	has_bytes = st.st_blocks * UINT64_C(512);
	missing_bytes = has_bytes < memory->size_bytes ? memory->size_bytes - has_bytes : 0;
	free_bytes = (uint64_t)vfs.f_bfree * vfs.f_frsize;
	if (vfs.f_blocks && missing_bytes > free_bytes)
		return hgshm_fail(-ENOSPC, "size=%llu does not fit " FOLDER ", where %llu bytes are "
				  "free; free some, enlarge it (mount -o remount,size=...), or give "
				  "a smaller size", size_bytes, free_bytes);
	available_bytes = hgshm_available_bytes();
	if (missing_bytes > available_bytes)
		return hgshm_fail(-ENOSPC, "size=%llu does not fit this machine's memory, of which "
				  "%llu bytes are available; free some or give a smaller size",
				  size_bytes, available_bytes);
	return 0;
}

static int allocate(const struct hgshm_memory *memory, int fd)
{
	int ret = check_room(memory, fd);

	if (ret)
		return ret;
	ret = ftruncate(fd, memory->size_bytes) < 0 ? -errno :
						      hgshm_allocate(fd, memory->size_bytes);
	if (ret)
		return hgshm_fail(ret, "size=%llu can't be allocated for shmid=%s: %s",
				  (unsigned long long)memory->size_bytes, memory->shmid,
				  strerror(-ret));
	return 0;
}

static int create(const struct hgshm_memory *memory)
{
	char name[NAME_BYTES];
	int ret;
	int fd = shm_open(object_name(memory, name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			  OBJECT_MODE);

	if (fd < 0)
		return hgshm_fail(errno == EEXIST ? -EADDRINUSE : -errno,
				  "shmid=%s can't be created in " FOLDER ": %s", memory->shmid,
				  strerror(errno));
	ret = take_lock(memory, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	ret = allocate(memory, fd);
	if (ret) {
		shm_unlink(name);
		close(fd);
		return ret;
	}
	return fd;
}

/* An object that a mapper left makes room. */
static int replace(const struct hgshm_memory *memory, int stale_fd)
{
	char name[NAME_BYTES];
	int ret = take_lock(memory, stale_fd);

	if (ret)
		return ret;
	if (shm_unlink(object_name(memory, name)) < 0)
		return hgshm_fail(-errno, "the old memory of shmid=%s can't be deleted: %s",
				  memory->shmid, strerror(errno));
	return create(memory);
}

/* The object as it is, contents and all. */
static int adopt(const struct hgshm_memory *memory, int fd)
{
	struct stat st;
	int ret;

	ret = check_private(memory, fd, &st);
	if (!ret)
		ret = take_lock(memory, fd);
	if (ret)
		return ret;
	if ((uint64_t)st.st_size != memory->size_bytes)
		return hgshm_fail(-EEXIST, "unlink=0, but the memory of shmid=%s has %llu bytes, "
				  "not size=%llu; give that size, another shmid, or unlink=1 to "
				  "replace it", memory->shmid, (unsigned long long)st.st_size,
				  (unsigned long long)memory->size_bytes);
	return allocate(memory, fd);
}

int hgshm_shm_found(struct hgshm_memory *memory, bool unlink)
{
	char name[NAME_BYTES];
	int fd = shm_open(object_name(memory, name), O_RDWR | O_CLOEXEC, 0);
	int ret;

	if (fd < 0 && errno != ENOENT)
		return hgshm_fail(-errno, "shmid=%s can't be opened: %s", memory->shmid,
				  strerror(errno));
	/* Until the group is founded a new object goes with the failure. */
	memory->unlink = unlink || fd < 0;
	if (fd < 0)
		return create(memory);
	if (unlink) {
		ret = replace(memory, fd);
		close(fd);
		return ret;
	}
	ret = adopt(memory, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

int hgshm_shm_open(const struct hgshm_memory *memory, const char *socket)
{
	char name[NAME_BYTES];
	int fd = shm_open(object_name(memory, name), O_RDWR | O_CLOEXEC, 0);
	struct stat st;
	int ret;

	if (fd < 0 && errno == EACCES)
		return hgshm_fail(-EACCES, "the memory shmid=%s of the mapper at %s is another user's; "
				  "run this as that user, or the mapper with backing=memfd",
				  memory->shmid, socket);
	if (fd < 0)
		return hgshm_fail(-errno, "the memory shmid=%s of the mapper at %s can't be opened: "
				  "%s", memory->shmid, socket, strerror(errno));
	ret = check_private(memory, fd, &st);
	if (!ret && (st.st_dev != memory->shm_dev || st.st_ino != memory->shm_ino))
		ret = hgshm_fail(-ESTALE, "shmid=%s here is not the memory of the mapper at %s; "
				 "run both on the same host, with the same /dev/shm",
				 memory->shmid, socket);
	if (!ret && (uint64_t)st.st_size != memory->size_bytes)
		ret = hgshm_fail(-EPROTO, "shmid=%s has %llu bytes, not the %llu that the mapper "
				 "at %s announced; restart the mapper", memory->shmid,
				 (unsigned long long)st.st_size,
				 (unsigned long long)memory->size_bytes, socket);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

void hgshm_shm_remove(struct hgshm_memory *memory)
{
	char name[NAME_BYTES];

	if (memory->unlink && has_its_name(memory, memory->fd))
		shm_unlink(object_name(memory, name));
	memory->unlink = false;
}
