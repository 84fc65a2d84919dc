/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the memory BARs, whatever is behind them
 *
 *   backing=shm     one named object; clients open it themselves
 *   backing=memfd   one sealed memfd a slice; a client gets those it may see
 *   memdev=         a host memory backend; clients get it whole
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/madvise.h"

#include <sys/mman.h>

#include "allocate.h"
#include "hgshm-memory.h"

/*
 * Whether so much more can be allocated. To find out by doing it would have the
 * kernel kill processes.
 */
bool hgshm_memory_available(HgshmState *s, uint64_t missing_bytes,
                            Error **errp)
{
    uint64_t available_bytes = hgshm_available_bytes();
    g_autofree char *wanted = size_to_str(s->size_bytes);
    g_autofree char *available = size_to_str(available_bytes);

    if (missing_bytes <= available_bytes) {
        return true;
    }
    error_setg(errp, "hgshm: size=%" PRIu64 " (%s) does not fit this machine's "
               "memory, of which %s is available; free some or give a smaller "
               "size", s->size_bytes, wanted, available);
    return false;
}

/* The pages of a BAR's memory, mapped by QEMU and unmapped with the region. */
static bool init_ram(HgshmState *s, MemoryRegion *ram, const char *name, int fd,
                     uint64_t offset, uint64_t bytes, Error **errp)
{
    int own_fd = qemu_dup(fd);
    Error *err = NULL;

    if (own_fd < 0) {
        error_setg_errno(errp, errno, "hgshm: the memory of shmid=%s can't be "
                         "mapped", s->shmid);
        return false;
    }
    /* From here own_fd is the RAM block's. */
    memory_region_init_ram_from_fd(ram, OBJECT(s), name, bytes, RAM_SHARED,
                                   own_fd, offset, &err);
    if (err) {
        close(own_fd);
        error_propagate_prepend(errp, err, "hgshm: shmid=%s: ", s->shmid);
        return false;
    }
    /* Where tmpfs is set to be asked (shmem_enabled=advise). */
    qemu_madvise(memory_region_get_ram_ptr(ram), bytes, QEMU_MADV_HUGEPAGE);
    return true;
}

/* The same, read-only by the host's own page tables. */
static bool init_ram_readonly(HgshmState *s, MemoryRegion *ram,
                              const char *name, int fd, uint64_t offset,
                              uint64_t bytes, Error **errp)
{
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, offset);

    if (map == MAP_FAILED) {
        error_setg_errno(errp, errno, "hgshm: the memory of shmid=%s can't be "
                         "mapped", s->shmid);
        return false;
    }
    s->peer_map = map;
    memory_region_init_ram_ptr(ram, OBJECT(s), name, bytes, map);
    memory_region_set_readonly(ram, true);
    return true;
}

static void init_bar(HgshmState *s, MemoryRegion *bar, const char *name,
                     uint64_t bytes)
{
    memory_region_init(bar, OBJECT(s), name,
                       MAX(pow2ceil(bytes), HGSHM_BAR_MEMORY_MIN_BYTES));
}

static void register_bar(HgshmState *s, int number, MemoryRegion *bar)
{
    pci_register_bar(PCI_DEVICE(s), number,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, bar);
}

/* The mapper's BAR 1 from a memfd a slice: they lie in it one after another. */
static bool map_slices(HgshmState *s, Error **errp)
{
    s->slice_ram = g_new0(MemoryRegion, s->clients);
    for (unsigned i = 0; i < s->clients; i++) {
        g_autofree char *name = g_strdup_printf("hgshm.slice%u", i);

        if (!init_ram(s, &s->slice_ram[i], name, s->slice_fd[i], 0,
                      s->slice_bytes, errp)) {
            return false;
        }
        memory_region_add_subregion(&s->memory_bar, i * s->slice_bytes,
                                    &s->slice_ram[i]);
    }
    return true;
}

static bool map_whole(HgshmState *s, Error **errp)
{
    if (s->memdev) {
        memory_region_init_alias(&s->memory_ram, OBJECT(s), "hgshm.memory",
                                 host_memory_backend_get_memory(s->memdev), 0,
                                 s->size_bytes);
    } else if (!init_ram(s, &s->memory_ram, "hgshm.memory", s->memory_fd, 0,
                         s->size_bytes, errp)) {
        return false;
    }
    memory_region_add_subregion(&s->memory_bar, 0, &s->memory_ram);
    return true;
}

bool hgshm_memory_create(HgshmState *s, Error **errp)
{
    bool ok;

    if (s->memdev) {
        ok = hgshm_memdev_take(s, errp);
    } else if (s->backing == HGSHM_BACKING_MEMFD) {
        ok = hgshm_memfd_create(s, errp);
    } else {
        ok = hgshm_shm_create(s, errp);
    }
    if (!ok || !s->guestmmap) {
        return ok;
    }
    init_bar(s, &s->memory_bar, "hgshm.memory-bar", s->size_bytes);
    ok = s->backing == HGSHM_BACKING_MEMFD ? map_slices(s, errp)
                                           : map_whole(s, errp);
    if (ok) {
        register_bar(s, HGSHM_BAR_MEMORY, &s->memory_bar);
    }
    return ok;
}

/* The fds that a client gets with its WELCOME, which stay the mapper's. */
unsigned hgshm_memory_grant(HgshmState *s, unsigned index, unsigned mapidx,
                            uint32_t *kind, int *fds)
{
    if (s->memdev) {
        *kind = HGSHM_MEMORY_WHOLE;
        fds[0] = s->memory_fd;
        return 1;
    }
    if (s->backing == HGSHM_BACKING_MEMFD) {
        *kind = HGSHM_MEMORY_SLICES;
        fds[0] = s->slice_fd[index];
        fds[1] = mapidx == HGSHM_INDEX_NONE ? -1 : s->slice_fd[mapidx];
        return mapidx == HGSHM_INDEX_NONE ? 1 : 2;
    }
    *kind = HGSHM_MEMORY_NAMED;
    return 0;
}

/* Where a client finds a slice. */
typedef struct Place {
    int fd;
    uint64_t offset;
} Place;

static bool map_client_bar(HgshmState *s, MemoryRegion *bar, MemoryRegion *ram,
                           const char *name, Place place, bool readonly,
                           Error **errp)
{
    g_autofree char *ram_name = g_strdup_printf("hgshm.%s", name);
    g_autofree char *bar_name = g_strdup_printf("hgshm.%s-bar", name);

    if (!(readonly ? init_ram_readonly : init_ram)(s, ram, ram_name, place.fd,
                                                   place.offset,
                                                   s->slice_bytes, errp)) {
        return false;
    }
    init_bar(s, bar, bar_name, s->slice_bytes);
    memory_region_add_subregion(bar, 0, ram);
    return true;
}

static bool map_client_bars(HgshmState *s, Place own, Place peer, Error **errp)
{
    bool has_peer = s->mapidx != HGSHM_INDEX_NONE;

    if (!map_client_bar(s, &s->memory_bar, &s->memory_ram, "memory", own, false,
                        errp) ||
        (has_peer && !map_client_bar(s, &s->peer_bar, &s->peer_ram, "peer",
                                     peer, s->mapidx_ro, errp))) {
        return false;
    }
    register_bar(s, HGSHM_BAR_MEMORY, &s->memory_bar);
    if (has_peer) {
        register_bar(s, HGSHM_BAR_PEER, &s->peer_bar);
    }
    return true;
}

static bool join_whole(HgshmState *s, int fd, Error **errp)
{
    Place own = { fd, s->slice_bytes * s->index };
    Place peer = { fd, s->slice_bytes * s->mapidx };

    return !s->guestmmap || map_client_bars(s, own, peer, errp);
}

static bool join_slices(HgshmState *s, const HgshmOffer *offer, Error **errp)
{
    Place own = { offer->fds[0], 0 };
    Place peer = { offer->fds[1], 0 };

    for (unsigned i = 0; i < offer->fd_count; i++) {
        if (!hgshm_memfd_check(s, offer->fds[i], errp)) {
            return false;
        }
    }
    return !s->guestmmap || map_client_bars(s, own, peer, errp);
}

bool hgshm_memory_join(HgshmState *s, const HgshmOffer *offer, Error **errp)
{
    unsigned slices = s->mapidx == HGSHM_INDEX_NONE ? 1 : 2;
    bool ok;
    int fd;

    if (offer->kind == HGSHM_MEMORY_NAMED && offer->fd_count == 0) {
        fd = hgshm_shm_open_announced(s, errp);
        if (fd < 0) {
            return false;
        }
        ok = join_whole(s, fd, errp);
        close(fd);
        return ok;
    }
    if (offer->kind == HGSHM_MEMORY_SLICES && offer->fd_count == slices) {
        return join_slices(s, offer, errp);
    }
    if (offer->kind == HGSHM_MEMORY_WHOLE && offer->fd_count == 1) {
        return hgshm_memdev_check(s, offer->fds[0], errp) &&
               join_whole(s, offer->fds[0], errp);
    }
    error_setg(errp, "hgshm: the mapper at chardev socket %s shares its memory "
               "in a way that this VM does not know; use the same hgshm for "
               "both", hgshm_socket_name(s));
    return false;
}

void hgshm_memory_commit(HgshmState *s)
{
    hgshm_shm_commit(s);
}

/* A region in a container holds a reference to its owner, the device. */
static void take_out_of_bar(MemoryRegion *bar, MemoryRegion *ram)
{
    if (memory_region_is_mapped(ram)) {
        memory_region_del_subregion(bar, ram);
    }
}

void hgshm_memory_cleanup(HgshmState *s)
{
    take_out_of_bar(&s->memory_bar, &s->memory_ram);
    take_out_of_bar(&s->peer_bar, &s->peer_ram);
    for (unsigned i = 0; s->slice_ram && i < s->clients; i++) {
        take_out_of_bar(&s->memory_bar, &s->slice_ram[i]);
    }
    hgshm_shm_cleanup(s);
    hgshm_memdev_release(s);
    hgshm_memfd_close(s);
    if (s->memory_fd >= 0) {
        close(s->memory_fd);
        s->memory_fd = -1;
    }
}

/* No vCPU can reach the regions any more once the device is finalized. */
void hgshm_memory_finalize(HgshmState *s)
{
    if (s->peer_map) {
        munmap(s->peer_map, s->slice_bytes);
        s->peer_map = NULL;
    }
    g_free(s->slice_ram);
}
