/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: memdev=, a host memory backend as the memory
 *
 * That is how huge pages, a NUMA policy, preallocation or a file of its own come
 * to the group: as -object memory-backend-memfd or -file with share=on.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include "hgshm-memory.h"

bool hgshm_memdev_take(HgshmState *s, Error **errp)
{
    const char *id = object_get_canonical_path_component(OBJECT(s->memdev));
    MemoryRegion *mr;
    struct stat st;

    if (host_memory_backend_is_mapped(s->memdev)) {
        error_setg(errp, "hgshm: memdev=%s is in use; give a backend of its "
                   "own", id);
        return false;
    }
    mr = host_memory_backend_get_memory(s->memdev);
    if (memory_region_get_fd(mr) < 0 || !qemu_ram_is_shared(mr->ram_block)) {
        error_setg(errp, "hgshm: memdev=%s can't be shared; give a "
                   "memory-backend-memfd or memory-backend-file with share=on",
                   id);
        return false;
    }
    s->memory_fd = qemu_dup(memory_region_get_fd(mr));
    if (s->memory_fd < 0 || fstat(s->memory_fd, &st) < 0) {
        error_setg_errno(errp, errno, "hgshm: memdev=%s can't be examined", id);
        return false;
    }
    s->shm_dev = st.st_dev;
    s->shm_ino = st.st_ino;
    host_memory_backend_set_mapped(s->memdev, true);
    s->memdev_taken = true;
    return true;
}

bool hgshm_memdev_check(HgshmState *s, int fd, Error **errp)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size < s->size_bytes) {
        error_setg(errp, "hgshm: the mapper at chardev socket %s sent memory "
                   "that is smaller than it says; restart the mapper",
                   hgshm_socket_name(s));
        return false;
    }
    return true;
}

void hgshm_memdev_release(HgshmState *s)
{
    if (s->memdev_taken) {
        host_memory_backend_set_mapped(s->memdev, false);
        s->memdev_taken = false;
    }
}
