/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hgshm: what stands behind the memory BARs */
#ifndef HW_MISC_HGSHM_MEMORY_H
#define HW_MISC_HGSHM_MEMORY_H

#include "hgshm.h"

/* What a mapper's WELCOME says of its group. The fds stay the message's. */
struct HgshmOffer {
    uint32_t clients;
    uint32_t index;
    uint32_t kind;
    uint64_t size_bytes;
    uint64_t slice_bytes;
    uint64_t shm_dev;
    uint64_t shm_ino;
    unsigned fd_count;
    int fds[HGSHM_MEMORY_FDS_MAX];
};

/* hgshm-memory.c */
bool hgshm_memory_available(HgshmState *s, uint64_t missing_bytes,
                            Error **errp);

/* hgshm-shm.c */
bool hgshm_shm_create(HgshmState *s, Error **errp);
void hgshm_shm_commit(HgshmState *s);
void hgshm_shm_cleanup(HgshmState *s);
int hgshm_shm_open_announced(HgshmState *s, Error **errp);

/* hgshm-memfd.c */
bool hgshm_memfd_create(HgshmState *s, Error **errp);
bool hgshm_memfd_check(HgshmState *s, int fd, Error **errp);
void hgshm_memfd_close(HgshmState *s);

/* hgshm-memdev.c */
bool hgshm_memdev_take(HgshmState *s, Error **errp);
bool hgshm_memdev_check(HgshmState *s, int fd, Error **errp);
void hgshm_memdev_release(HgshmState *s);

#endif
