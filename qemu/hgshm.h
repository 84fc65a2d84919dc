/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm PCI device: what its files share
 *
 *   hgshm-device.c   the PCI device: properties, registers, realize, reset, exit
 *   hgshm-props.c    properties that say in words what is wrong with a value
 *   hgshm-qom.c      what can be read of a running device
 *   hgshm-migration.c  why it does not migrate
 *   hgshm-memory.c   the two memory BARs
 *   hgshm-shm.c, hgshm-memfd.c, hgshm-memdev.c  what can stand behind them
 *   hgshm-mapper.c   the mapper's side of the meeting
 *   hgshm-lines.c    its clients' private lines, and what they are told there
 *   hgshm-client.c   a client's side of the meeting, and its private line
 *   hgshm-join.c     the steps of that meeting
 *   hgshm-rejoin.c   the way back to a mapper that was away
 *   hgshm-socket.c   the chardev, seen as the socket that it is
 *   hgshm-peers.c    who is alive, and the doorbells out to them
 *   hgshm-vectors.c  interrupt vectors, the doorbells in
 *   hgshm-plugin.c   what makes a preloaded object of all that
 *
 * Everything runs under the big QEMU lock.
 */
#ifndef HW_MISC_HGSHM_H
#define HW_MISC_HGSHM_H

#include "qemu/event_notifier.h"
#include "qemu/queue.h"
#include "chardev/char-fe.h"
#include "qom/object.h"

#include "hgshm-compat.h"
#include "hgshm/regs.h"
#include "hgshm/proto.h"

#define TYPE_HGSHM "hgshm"
OBJECT_DECLARE_SIMPLE_TYPE(HgshmState, HGSHM)

typedef struct HgshmJoin HgshmJoin;
typedef struct HgshmMeeting HgshmMeeting;
typedef struct HgshmOffer HgshmOffer;
typedef struct HgshmRejoin HgshmRejoin;

typedef enum HgshmBacking {
    HGSHM_BACKING_SHM,
    HGSHM_BACKING_MEMFD,
} HgshmBacking;

/* One interrupt vector and the eventfd that raises it. */
typedef struct HgshmVector {
    HgshmState *s;
    unsigned number;
    EventNotifier source;   /* valid if has_source */
    bool has_source;
    EventNotifier previous; /* the source before, while rings may still come */
    bool has_previous;
    bool previous_rung;     /* and the vector could not be raised yet */
    bool unmasked;          /* the guest's MSI-X table lets it through */
    bool armed;             /* the source raises it now */
    int virq;               /* KVM route while armed by irqfd, else -1 */
} HgshmVector;

typedef struct HgshmPeer {
    HgshmState *s;
    EventNotifier doorbell; /* rings the peer; valid if has_doorbell */
    bool has_doorbell;
    int line;               /* private line, -1 for none */
    /* the mapper's: a newcomer has not been told of all others yet */
    bool newcomer;
    uint64_t unmet;         /* bit i: it has not been introduced to VM i */
    unsigned half_met;      /* a VM that it, the newcomer, was told of alone */
    EventNotifier to_half_met, from_half_met;   /* valid if half_met */
    int64_t deadline_ms;    /* of being a newcomer */
} HgshmPeer;

struct HgshmState {
    PCIDevice parent_obj;

    /* properties */
    CharBackend chr;
    uint64_t size_bytes;
    uint32_t clients;
    uint32_t index;
    uint32_t mapidx;
    char *shmid;
    uint32_t guestmmap;
    uint32_t unlink;
    uint32_t mesh;
    uint32_t mapidx_ro;
    uint32_t mapidx_any;
    HgshmBacking backing;
    HostMemoryBackend *memdev;

    /* the group, as realized */
    uint64_t slice_bytes;
    uint64_t peers;
    uint32_t epoch;
    uint32_t status;
    uint32_t irq_enable;
    uint64_t doorbells_out, doorbells_in; /* that went through QEMU */
    bool joined;            /* a client: the sizes and the memory are known */
    uint64_t shm_dev, shm_ino;

    /* memory */
    int memory_fd;          /* the mapper's, holds its lock; -1 for none */
    int slice_fd[HGSHM_CLIENTS_MAX]; /* the mapper's, of backing=memfd */
    bool memdev_taken;
    bool memory_unlink;     /* the object goes with this device */
    Notifier exit_notifier;
    MemoryRegion regs;
    MemoryRegion memory_bar, memory_ram;
    MemoryRegion *slice_ram;    /* clients of them, of backing=memfd, or NULL */
    MemoryRegion peer_bar, peer_ram;
    void *peer_map;         /* own read-only mapping of peer_ram, or NULL */
    Error *migration_blocker;

    /* the mapper's meetings in progress, oldest first */
    QTAILQ_HEAD(, HgshmMeeting) meetings;
    unsigned meeting_count;
    QEMUBH *arrival_bh;
    int64_t arrival_deadline_ms;    /* of one that can't be taken yet, or 0 */
    QEMUTimer *again;       /* what lacked descriptors */
    int64_t log_next_ns;
    unsigned log_suppressed;

    HgshmRejoin *rejoin;    /* a client whose mapper was lost before, or NULL */

    HgshmPeer peer[HGSHM_CLIENTS_MAX];
    HgshmVector vector[HGSHM_VECTORS_MAX];
};

static inline bool hgshm_is_mapper(const HgshmState *s)
{
    return s->index == 0;
}

/* hgshm-props.c */
void hgshm_props_add(ObjectClass *klass);
void hgshm_props_set_defaults(HgshmState *s);
bool hgshm_props_check(HgshmState *s, Error **errp);

/* hgshm-qom.c */
void hgshm_qom_add(ObjectClass *klass);

/* hgshm-migration.c */
bool hgshm_migration_block(HgshmState *s, Error **errp);
void hgshm_migration_unblock(HgshmState *s);

/* hgshm-memory.c */
bool hgshm_memory_create(HgshmState *s, Error **errp);
bool hgshm_memory_join(HgshmState *s, const HgshmOffer *offer, Error **errp);
unsigned hgshm_memory_grant(HgshmState *s, unsigned index, unsigned mapidx,
                            uint32_t *kind, int *fds);
void hgshm_memory_commit(HgshmState *s);
void hgshm_memory_cleanup(HgshmState *s);
void hgshm_memory_finalize(HgshmState *s);

/* hgshm-mapper.c */
bool hgshm_mapper_start(HgshmState *s, Error **errp);
void hgshm_mapper_stop(HgshmState *s);

/* hgshm-client.c */
bool hgshm_client_meet(HgshmState *s, Error **errp);

/* hgshm-socket.c */
bool hgshm_socket_check(HgshmState *s, bool server, Error **errp);
int hgshm_socket_dup(HgshmState *s);
int hgshm_socket_connect(HgshmState *s, int64_t deadline_ns);
const char *hgshm_socket_name(HgshmState *s);

/* hgshm-peers.c */
void hgshm_peers_init(HgshmState *s);
void hgshm_peers_cleanup(HgshmState *s);
void hgshm_peers_set(HgshmState *s, uint64_t peers);
void hgshm_peers_changed(HgshmState *s);
bool hgshm_peer_alive(const HgshmState *s, unsigned index);
void hgshm_peer_connect(HgshmState *s, unsigned index, int doorbell_fd,
                        int own_doorbell_fd);
void hgshm_peer_disconnect(HgshmState *s, unsigned index);
void hgshm_peer_set_line(HgshmState *s, unsigned index, int line,
                         IOHandler *handler);
void hgshm_peer_ring(HgshmState *s, unsigned index);

/* hgshm-vectors.c */
bool hgshm_vectors_init(HgshmState *s, Error **errp);
void hgshm_vectors_cleanup(HgshmState *s);
void hgshm_vectors_reset(HgshmState *s);
void hgshm_vectors_update(HgshmState *s);
void hgshm_vector_set_source(HgshmState *s, unsigned vector, int fd,
                             bool sender_stays);

#endif
