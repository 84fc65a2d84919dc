/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the shared memory object of backing=shm
 *
 * The mapper holds a lock on its object as long as it lives (flock, so that the
 * kernel lets go of it however the mapper ends). That is how a second mapper of
 * the same name is told from a stale object.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "allocate.h"
#include "hgshm-memory.h"

#define SHM_MODE    0600
#define SHM_FOLDER  "/dev/shm"

static char *shm_name(HgshmState *s)
{
    return g_strdup_printf("/%s", s->shmid);
}

static bool same_object(HgshmState *s, int fd)
{
    g_autofree char *path = g_strdup_printf(SHM_FOLDER "/%s", s->shmid);
    struct stat by_fd, by_name;

    return !fstat(fd, &by_fd) && !lstat(path, &by_name) &&
           by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

static bool check_object(HgshmState *s, int fd, struct stat *st, Error **errp)
{
    if (fstat(fd, st) < 0) {
        error_setg_errno(errp, errno, "hgshm: shmid=%s can't be examined",
                         s->shmid);
        return false;
    }
    if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() ||
        (st->st_mode & 0077)) {
        error_setg(errp, "hgshm: shmid=%s names a memory object that others "
                   "own or may open; delete " SHM_FOLDER "/%s or choose another "
                   "shmid", s->shmid, s->shmid);
        return false;
    }
    return true;
}

static bool lock_object(HgshmState *s, int fd, Error **errp)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !same_object(s, fd)) {
        error_setg(errp, "hgshm: index=0 of shmid=%s is held by a running VM; "
                   "stop that one or choose another shmid", s->shmid);
        return false;
    }
    return true;
}

/* Looks first: to fill the file system up to its end is felt by all that use it. */
static bool check_room(HgshmState *s, int fd, Error **errp)
{
    uint64_t has_bytes, missing_bytes, free_bytes;
    struct statvfs vfs;
    struct stat st;

    if (fstat(fd, &st) < 0 || fstatvfs(fd, &vfs) < 0) {
        error_setg_errno(errp, errno, "hgshm: shmid=%s can't be examined",
                         s->shmid);
        return false;
    }
    has_bytes = (uint64_t)st.st_blocks * 512;
    missing_bytes = has_bytes < s->size_bytes ? s->size_bytes - has_bytes : 0;
    free_bytes = (uint64_t)vfs.f_bfree * vfs.f_frsize;
    /* One that is mounted without a bound has no blocks. */
    if (vfs.f_blocks && missing_bytes > free_bytes) {
        g_autofree char *wanted = size_to_str(s->size_bytes);
        g_autofree char *free_text = size_to_str(free_bytes);

        error_setg(errp, "hgshm: size=%" PRIu64 " (%s) does not fit "
                   SHM_FOLDER ", where %s is free; free some, enlarge it "
                   "(mount -o remount,size=...), or give a smaller size",
                   s->size_bytes, wanted, free_text);
        return false;
    }
    return hgshm_memory_available(s, missing_bytes, errp);
}

static bool allocate_object(HgshmState *s, int fd, Error **errp)
{
    int error;

    if (!check_room(s, fd, errp)) {
        return false;
    }
    error = ftruncate(fd, s->size_bytes) < 0
        ? errno : -hgshm_allocate(fd, s->size_bytes);
    if (error) {
        error_setg_errno(errp, error, "hgshm: size=%" PRIu64 " can't be "
                         "allocated for shmid=%s", s->size_bytes, s->shmid);
    }
    return !error;
}

/* A new, locked, zeroed object; the caller has made room for its name. */
static int create_object(HgshmState *s, Error **errp)
{
    g_autofree char *name = shm_name(s);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SHM_MODE);

    if (fd < 0) {
        error_setg_errno(errp, errno, "hgshm: shmid=%s can't be created in "
                         SHM_FOLDER, s->shmid);
        return -1;
    }
    if (!lock_object(s, fd, errp)) {
        close(fd);
        return -1;
    }
    if (!allocate_object(s, fd, errp)) {
        shm_unlink(name);
        close(fd);
        return -1;
    }
    s->memory_unlink = true;
    return fd;
}

/* unlink=1: an object left by a mapper that is gone makes room. */
static bool remove_stale(HgshmState *s, int fd, Error **errp)
{
    g_autofree char *name = shm_name(s);

    if (!lock_object(s, fd, errp)) {
        return false;
    }
    if (shm_unlink(name) < 0) {
        error_setg_errno(errp, errno, "hgshm: the old memory of shmid=%s can't "
                         "be deleted", s->shmid);
        return false;
    }
    return true;
}

/* unlink=0: the object as it is, contents and all. */
static bool adopt_object(HgshmState *s, int fd, Error **errp)
{
    struct stat st;

    if (!check_object(s, fd, &st, errp) || !lock_object(s, fd, errp)) {
        return false;
    }
    if ((uint64_t)st.st_size != s->size_bytes) {
        error_setg(errp, "hgshm: unlink=0, but the memory of shmid=%s has "
                   "%" PRIu64 " bytes, not size=%" PRIu64 "; give that size, "
                   "another shmid, or unlink=1 to replace it", s->shmid,
                   (uint64_t)st.st_size, s->size_bytes);
        return false;
    }
    return allocate_object(s, fd, errp);
}

static int open_object(HgshmState *s, Error **errp)
{
    g_autofree char *name = shm_name(s);
    int fd = shm_open(name, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0 && errno == ENOENT) {
        return create_object(s, errp);
    }
    if (fd < 0) {
        error_setg_errno(errp, errno, "hgshm: shmid=%s can't be opened",
                         s->shmid);
        return -1;
    }
    if (s->unlink) {
        bool removed = remove_stale(s, fd, errp);

        close(fd);
        return removed ? create_object(s, errp) : -1;
    }
    if (!adopt_object(s, fd, errp)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void unlink_own_object(HgshmState *s)
{
    if (s->memory_unlink && same_object(s, s->memory_fd)) {
        g_autofree char *name = shm_name(s);

        shm_unlink(name);
    }
    s->memory_unlink = false;
}

/* QEMU's exit does not unrealize devices, and the name must go all the same. */
static void exit_notify(Notifier *notifier, void *data)
{
    unlink_own_object(container_of(notifier, HgshmState, exit_notifier));
}

bool hgshm_shm_create(HgshmState *s, Error **errp)
{
    struct stat st;

    s->memory_fd = open_object(s, errp);
    if (s->memory_fd < 0) {
        return false;
    }
    s->exit_notifier.notify = exit_notify;
    qemu_add_exit_notifier(&s->exit_notifier);
    if (!check_object(s, s->memory_fd, &st, errp)) {
        return false;
    }
    s->shm_dev = st.st_dev;
    s->shm_ino = st.st_ino;
    return true;
}

/* From now on the object outlives the device if the user wants it so. */
void hgshm_shm_commit(HgshmState *s)
{
    s->memory_unlink = s->memory_unlink && s->unlink;
}

void hgshm_shm_cleanup(HgshmState *s)
{
    if (s->exit_notifier.notify) {
        qemu_remove_exit_notifier(&s->exit_notifier);
        s->exit_notifier.notify = NULL;
        unlink_own_object(s);
    }
}

/* The client's own look at what the mapper announced: same object, same size. */
int hgshm_shm_open_announced(HgshmState *s, Error **errp)
{
    g_autofree char *name = shm_name(s);
    struct stat st;
    int fd = shm_open(name, O_RDWR | O_CLOEXEC, 0);

    if (fd < 0) {
        error_setg_errno(errp, errno, "hgshm: shmid=%s can't be opened",
                         s->shmid);
        return -1;
    }
    if (!check_object(s, fd, &st, errp)) {
        close(fd);
        return -1;
    }
    if (st.st_dev != s->shm_dev || st.st_ino != s->shm_ino) {
        error_setg(errp, "hgshm: shmid=%s here is not the memory of the mapper "
                   "at %s; give the same shmid on the same host", s->shmid,
                   hgshm_socket_name(s));
        close(fd);
        return -1;
    }
    if ((uint64_t)st.st_size != s->size_bytes) {
        error_setg(errp, "hgshm: shmid=%s has %" PRIu64 " bytes, not the %"
                   PRIu64 " that the mapper announced; restart the mapper",
                   s->shmid, (uint64_t)st.st_size, s->size_bytes);
        close(fd);
        return -1;
    }
    return fd;
}
