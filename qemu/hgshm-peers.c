/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm peers: who is alive, and the doorbells out to them
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"

#include <glib-unix.h>

#include "hgshm.h"
#include "trace.h"

bool hgshm_peer_alive(const HgshmState *s, unsigned index)
{
    return index < HGSHM_CLIENTS_MAX && (s->peers >> index & 1);
}

/* Tells the guest to look at PEERS and STATUS. */
void hgshm_peers_changed(HgshmState *s)
{
    HgshmVector *v = &s->vector[HGSHM_VECTOR_PEERS];

    s->epoch++;
    trace_hgshm_peers(s->index, s->peers, s->epoch);
    if (v->has_source) {
        event_notifier_set(&v->source);
    }
}

void hgshm_peers_set(HgshmState *s, uint64_t peers)
{
    if (s->peers != peers) {
        s->peers = peers;
        hgshm_peers_changed(s);
    }
}

void hgshm_peers_init(HgshmState *s)
{
    for (unsigned i = 0; i < HGSHM_CLIENTS_MAX; i++) {
        s->peer[i].s = s;
        s->peer[i].line = -1;
    }
    for (unsigned i = 0; i < HGSHM_VECTORS_MAX; i++) {
        s->vector[i].s = s;
        s->vector[i].number = i;
        s->vector[i].virq = -1;
    }
    s->peers = 1ULL << s->index;
    s->epoch = 0;
}

static void drop_doorbell(HgshmPeer *p, unsigned index)
{
    if (!p->has_doorbell) {
        return;
    }
    if (hgshm_kvm_rings()) {
        memory_region_del_eventfd(&p->s->regs, HGSHM_DOORBELL(index), 0, false,
                                  0, &p->doorbell);
    }
    p->has_doorbell = false;
    event_notifier_cleanup(&p->doorbell);
}

/*
 * Takes both file descriptors. The peer made one of them, so neither may make
 * this QEMU wait: a full eventfd does so when it is written.
 */
void hgshm_peer_connect(HgshmState *s, unsigned index, int doorbell_fd,
                        int own_doorbell_fd)
{
    HgshmPeer *p = &s->peer[index];
    bool stays = p->has_doorbell;

    trace_hgshm_peer_connect(s->index, index);
    g_unix_set_fd_nonblocking(doorbell_fd, true, NULL);
    g_unix_set_fd_nonblocking(own_doorbell_fd, true, NULL);
    drop_doorbell(p, index);
    event_notifier_init_fd(&p->doorbell, doorbell_fd);
    p->has_doorbell = true;
    if (hgshm_kvm_rings()) {
        memory_region_add_eventfd(&s->regs, HGSHM_DOORBELL(index), 0, false, 0,
                                  &p->doorbell);
    }
    hgshm_vector_set_source(s, HGSHM_VECTOR_DOORBELL(index), own_doorbell_fd,
                            stays);
}

void hgshm_peer_set_line(HgshmState *s, unsigned index, int line,
                         IOHandler *handler)
{
    s->peer[index].line = line;
    qemu_set_fd_handler(line, handler, NULL, &s->peer[index]);
}

static void drop_line(HgshmPeer *p)
{
    if (p->line >= 0) {
        qemu_set_fd_handler(p->line, NULL, NULL, NULL);
        close(p->line);
        p->line = -1;
    }
}

/*
 * PEERS is the caller's to change. The peer's last rings may still wait in its
 * eventfd, so the vector keeps that as its source.
 */
void hgshm_peer_disconnect(HgshmState *s, unsigned index)
{
    HgshmPeer *p = &s->peer[index];

    if (p->has_doorbell) {
        trace_hgshm_peer_disconnect(s->index, index);
    }
    drop_line(p);
    drop_doorbell(p, index);
}

void hgshm_peers_cleanup(HgshmState *s)
{
    for (unsigned i = 0; i < HGSHM_CLIENTS_MAX; i++) {
        hgshm_peer_disconnect(s, i);
    }
}

/* A ring that no ioeventfd took. */
void hgshm_peer_ring(HgshmState *s, unsigned index)
{
    if (index < HGSHM_CLIENTS_MAX && s->peer[index].has_doorbell) {
        s->doorbells_out++;
        trace_hgshm_doorbell_out(s->index, index);
        event_notifier_set(&s->peer[index].doorbell);
    }
}
