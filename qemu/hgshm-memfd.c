/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: backing=memfd, one sealed memfd a slice
 *
 * A QEMU has the file descriptors of the slices that its VM may see and no
 * others, so not even a QEMU that was broken into reaches more. The seals keep
 * any holder from shrinking a slice under the others.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include <sys/mman.h>

#include "allocate.h"
#include "hgshm-memory.h"

#define SEALS   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int create_slice(HgshmState *s, unsigned index, Error **errp)
{
    g_autofree char *name = g_strdup_printf("%s.%u", s->shmid, index);
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error = 0;

    if (fd < 0 || ftruncate(fd, s->slice_bytes) < 0) {
        error = errno;
    } else {
        error = -hgshm_allocate(fd, s->slice_bytes);
    }
    if (!error && fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
        error = errno;
    }
    if (error) {
        error_setg_errno(errp, error, "hgshm: backing=memfd: slice %u of size="
                         "%" PRIu64 " can't be made", index, s->size_bytes);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

bool hgshm_memfd_create(HgshmState *s, Error **errp)
{
    struct stat st;

    if (!hgshm_memory_available(s, s->size_bytes, errp)) {
        return false;
    }
    for (unsigned i = 0; i < s->clients; i++) {
        s->slice_fd[i] = create_slice(s, i, errp);
        if (s->slice_fd[i] < 0) {
            return false;
        }
    }
    if (fstat(s->slice_fd[0], &st) < 0) {
        error_setg_errno(errp, errno, "hgshm: backing=memfd can't be examined");
        return false;
    }
    s->shm_dev = st.st_dev;
    s->shm_ino = st.st_ino;
    return true;
}

bool hgshm_memfd_check(HgshmState *s, int fd, Error **errp)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
        (uint64_t)st.st_size != s->slice_bytes) {
        error_setg(errp, "hgshm: the mapper at chardev socket %s sent a slice "
                   "that is not sealed, or not of its size; use the same hgshm "
                   "for both", hgshm_socket_name(s));
        return false;
    }
    return true;
}

void hgshm_memfd_close(HgshmState *s)
{
    for (unsigned i = 0; i < HGSHM_CLIENTS_MAX; i++) {
        if (s->slice_fd[i] >= 0) {
            close(s->slice_fd[i]);
            s->slice_fd[i] = -1;
        }
    }
}
