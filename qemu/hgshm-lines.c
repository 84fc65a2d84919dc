/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the mapper's clients, their private lines and what they are told of
 * each other
 *
 * A newcomer is introduced to all others, and then told by PEERS that this was
 * all. Where descriptors are lacking that goes on later, others being served
 * meanwhile.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"

#include "hgshm-mapper.h"

static void drop_half_met(HgshmPeer *p)
{
    if (p->half_met) {
        event_notifier_cleanup(&p->to_half_met);
        event_notifier_cleanup(&p->from_half_met);
        p->half_met = 0;
    }
}

static void peer_lost(HgshmState *s, unsigned index)
{
    struct hgshm_msg_peer down = { .index = cpu_to_le32(index) };

    drop_half_met(&s->peer[index]);
    s->peer[index].newcomer = false;
    s->peer[index].unmet = 0;
    for (unsigned i = 1; i < s->clients; i++) {
        s->peer[i].unmet &= ~(1ULL << index);
        if (s->peer[i].half_met == index) {
            drop_half_met(&s->peer[i]);
        }
    }
    hgshm_peer_disconnect(s, index);
    hgshm_peers_set(s, s->peers & ~(1ULL << index));
    for (unsigned i = 1; s->mesh && i < s->clients; i++) {
        if (hgshm_peer_alive(s, i) &&
            hgshm_wire_send(s->peer[i].line, HGSHM_MSG_PEER_DOWN, &down,
                            NULL) < 0) {
            peer_lost(s, i);
        }
    }
}

/* A client has nothing to say on its line, so this is its end. */
static void line_readable(void *opaque)
{
    HgshmPeer *p = opaque;
    HgshmState *s = p->s;
    unsigned index = p - s->peer;
    char byte;
    ssize_t n = recv(p->line, &byte, sizeof(byte), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        hgshm_mapper_complain(s, "VM %u sent bytes on its private line and is "
                              "dropped", index);
    }
    peer_lost(s, index);
}

/* Whether the index is free; a holder that died this moment no longer counts. */
bool hgshm_lines_index_free(HgshmState *s, unsigned index)
{
    GPollFD line = { .fd = s->peer[index].line, .events = G_IO_IN };

    if (hgshm_peer_alive(s, index) && g_poll(&line, 1, 0) > 0) {
        line_readable(&s->peer[index]);
    }
    return !hgshm_peer_alive(s, index);
}

static int tell_of(HgshmState *s, unsigned whom, unsigned of,
                   const EventNotifier *rings_of,
                   const EventNotifier *rings_whom)
{
    struct hgshm_msg_peer up = { .index = cpu_to_le32(of) };
    int fds[] = {
        event_notifier_get_fd(rings_of), event_notifier_get_fd(rings_whom),
    };

    return hgshm_wire_send(s->peer[whom].line, HGSHM_MSG_PEER_UP, &up, fds);
}

static int make_doorbells(HgshmPeer *p)
{
    int error = event_notifier_init(&p->to_half_met, 0);

    if (error) {
        return error;
    }
    error = event_notifier_init(&p->from_half_met, 0);
    if (error) {
        event_notifier_cleanup(&p->to_half_met);
    }
    return error;
}

/*
 * Tells two clients of each other, with a fresh doorbell each way. Returns an
 * error that passes; then the rest is for the next call, with the same doorbells
 * where the newcomer has them: it may have rung.
 */
static int introduce(HgshmState *s, unsigned newcomer, unsigned other)
{
    HgshmPeer *p = &s->peer[newcomer];
    unsigned told = newcomer;
    int error = 0;

    if (!p->half_met) {
        error = make_doorbells(p);
        if (!error) {
            p->half_met = other;
            error = tell_of(s, newcomer, other, &p->to_half_met,
                            &p->from_half_met);
        }
        if (error) {
            drop_half_met(p);
        }
    }
    if (!error) {
        told = other;
        error = tell_of(s, other, newcomer, &p->from_half_met,
                        &p->to_half_met);
    }
    if (hgshm_error_passes(error)) {
        return error;
    }
    drop_half_met(p);
    if (error) {
        peer_lost(s, told);
    }
    return 0;
}

/* A newcomer does not see yet who has still to be introduced to it. */
static uint64_t peers_of(const HgshmState *s, unsigned index)
{
    uint64_t peers = s->peers;

    if (!s->mesh) {
        return 1ULL | 1ULL << index;
    }
    for (unsigned i = 1; i < s->clients; i++) {
        if (s->peer[i].unmet >> index & 1) {
            peers &= ~(1ULL << i);
        }
    }
    return peers;
}

static int send_peers(HgshmState *s, unsigned index)
{
    struct hgshm_msg_peers now = { .peers = cpu_to_le64(peers_of(s, index)) };

    return hgshm_wire_send(s->peer[index].line, HGSHM_MSG_PEERS, &now, NULL);
}

/* Returns an error that passes while it is a newcomer still. */
static int introduce_newcomer(HgshmState *s, unsigned index)
{
    HgshmPeer *p = &s->peer[index];
    int error = 0;

    /* Who is lost meanwhile is not among them any more. */
    while (p->unmet) {
        unsigned other = ctz64(p->unmet);

        error = introduce(s, index, other);
        if (error) {
            hgshm_mapper_try_again(s);
            return error;
        }
        p->unmet &= ~(1ULL << other);
    }
    if (p->newcomer) {
        error = send_peers(s, index);
    }
    if (hgshm_error_passes(error)) {
        hgshm_mapper_try_again(s);
        return error;
    }
    p->newcomer = false;
    if (error) {
        peer_lost(s, index);
    }
    return 0;
}

void hgshm_lines_introduce_newcomers(HgshmState *s)
{
    int64_t now_ms = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);

    for (unsigned i = 1; i < s->clients; i++) {
        HgshmPeer *p = &s->peer[i];
        int error = p->newcomer ? introduce_newcomer(s, i) : 0;

        if (error && p->deadline_ms <= now_ms) {
            hgshm_mapper_complain(s, "VM %u is dropped, the others could not "
                                  "be introduced to it within %d s: %s", i,
                                  HGSHM_HOLD_MAX_MS / 1000,
                                  hgshm_error_text(error));
            peer_lost(s, i);
        }
    }
}

void hgshm_lines_stop(HgshmState *s)
{
    for (unsigned i = 1; i < s->clients; i++) {
        drop_half_met(&s->peer[i]);
    }
}

void hgshm_lines_add(HgshmState *s, unsigned index, int doorbell_fd,
                     int own_doorbell_fd, int line)
{
    HgshmPeer *p = &s->peer[index];

    p->newcomer = true;
    p->unmet = s->mesh ? s->peers & ~(1ULL | 1ULL << index) : 0;
    p->deadline_ms = qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + HGSHM_HOLD_MAX_MS;
    hgshm_peer_connect(s, index, doorbell_fd, own_doorbell_fd);
    hgshm_peer_set_line(s, index, line, line_readable);
    hgshm_peers_set(s, s->peers | 1ULL << index);
    introduce_newcomer(s, index);
}
