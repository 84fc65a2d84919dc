/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: a client, from its meeting in realize to the loss of its mapper
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

#include "hgshm-join.h"
#include "trace.h"

/* The first offer makes the device; a later one must be the same memory. */
bool hgshm_client_take_offer(HgshmState *s, const HgshmOffer *offer,
                             Error **errp)
{
    if (s->joined) {
        bool same = offer->clients == s->clients &&
                    offer->size_bytes == s->size_bytes &&
                    offer->slice_bytes == s->slice_bytes &&
                    offer->shm_dev == s->shm_dev &&
                    offer->shm_ino == s->shm_ino;

        if (!same) {
            s->status |= HGSHM_STATUS_MEMORY_STALE;
            error_setg(errp, "hgshm: the mapper of shmid=%s came back with "
                       "another memory; index=%u still has the old one: "
                       "restart this VM or plug its device in again",
                       s->shmid, s->index);
        }
        return same;
    }
    s->clients = offer->clients;
    s->size_bytes = offer->size_bytes;
    s->slice_bytes = offer->slice_bytes;
    s->shm_dev = offer->shm_dev;
    s->shm_ino = offer->shm_ino;
    s->joined = hgshm_memory_join(s, offer, errp);
    return s->joined;
}

static bool is_other_client(HgshmState *s, uint32_t index)
{
    return index > 0 && index < s->clients && index != s->index;
}

/* What the mapper says on the line. Returns false if it should not have. */
bool hgshm_client_take_news(HgshmState *s, struct hgshm_wire_message *m)
{
    uint64_t all = UINT64_MAX >> (HGSHM_CLIENTS_MAX - s->clients);
    uint32_t index;

    switch (le16_to_cpu(m->header.type)) {
    case HGSHM_MSG_PEERS:
        hgshm_peers_set(s, (le64_to_cpu(m->peers.peers) & all) |
                           1ULL << s->index);
        return true;
    case HGSHM_MSG_PEER_UP:
        index = le32_to_cpu(m->peer.index);
        if (!is_other_client(s, index) || !hgshm_wire_is_eventfd(m->fds[0]) ||
            !hgshm_wire_is_eventfd(m->fds[1])) {
            return false;
        }
        hgshm_peer_connect(s, index, hgshm_wire_take_fd(m, 0),
                           hgshm_wire_take_fd(m, 1));
        hgshm_peers_set(s, s->peers | 1ULL << index);
        return true;
    case HGSHM_MSG_PEER_DOWN:
        index = le32_to_cpu(m->peer.index);
        if (!is_other_client(s, index)) {
            return false;
        }
        hgshm_peer_disconnect(s, index);
        hgshm_peers_set(s, s->peers & ~(1ULL << index));
        return true;
    default:
        return false;
    }
}

static void mapper_lost(HgshmState *s, const char *why)
{
    warn_report("hgshm: the mapper of shmid=%s is gone (%s); index=%u keeps "
                "the memory and the other VMs", s->shmid, why, s->index);
    trace_hgshm_mapper_lost(s->index, why);
    hgshm_peer_disconnect(s, 0);
    hgshm_peers_set(s, s->peers & ~1ULL);
    hgshm_rejoin_start(s);
}

static void line_readable(void *opaque)
{
    HgshmState *s = ((HgshmPeer *)opaque)->s;
    struct hgshm_wire_message m;
    int error;

    hgshm_wire_init(&m);
    error = hgshm_wire_receive(s->peer[0].line, &m);
    if (error == 0 && !hgshm_client_take_news(s, &m)) {
        error = -EPROTO;
        m.fault = "it sent what it should not";
    }
    if (error < 0 && error != -EAGAIN) {
        mapper_lost(s, hgshm_wire_fault(&m, error));
    }
    hgshm_wire_reset(&m);
}

/* The line outlives the meeting. */
void hgshm_client_settle(HgshmState *s, HgshmJoin *j)
{
    hgshm_peer_set_line(s, 0, hgshm_join_take_line(j), line_readable);
}

/* Steps until done or failed, or the deadline. Blocks. */
static HgshmJoinStep step_until(HgshmState *s, HgshmJoin *j,
                                int64_t deadline_ns, Error **errp)
{
    for (;;) {
        HgshmJoinStep step = hgshm_join_step(s, j, errp);
        GPollFD fd = { .fd = hgshm_join_fd(j), .events = G_IO_IN };
        int64_t left_ns = deadline_ns - hgshm_wire_now_ns();

        if (step != HGSHM_JOIN_MORE) {
            return step;
        }
        if (left_ns <= 0) {
            hgshm_join_explain(s, j, -ETIMEDOUT, errp);
            return HGSHM_JOIN_FAILED;
        }
        g_poll(&fd, 1, DIV_ROUND_UP(left_ns, SCALE_MS));
    }
}

/* Takes the socket. Returns the connection's error, 0, or -1 for another one. */
static int meet_over(HgshmState *s, int sock, int64_t deadline_ns, Error **errp)
{
    HgshmJoin join;
    HgshmJoinStep step;

    if (!hgshm_join_begin(s, &join, sock, deadline_ns, errp)) {
        return join.error ? join.error : -1;
    }
    step = step_until(s, &join, deadline_ns, errp);
    if (step == HGSHM_JOIN_DONE) {
        hgshm_client_settle(s, &join);
    }
    hgshm_join_end(&join);
    if (step == HGSHM_JOIN_DONE) {
        return 0;
    }
    return join.error ? join.error : -1;
}

bool hgshm_client_meet(HgshmState *s, Error **errp)
{
    int64_t deadline_ns = hgshm_wire_now_ns() +
                          HGSHM_MEET_CLIENT_TIMEOUT_MS * INT64_C(1000000);
    int error = -EPIPE;
    Error *err = NULL;
    int sock;

    if (!hgshm_socket_check(s, false, errp)) {
        return false;
    }
    sock = hgshm_socket_dup(s);
    if (sock >= 0) {
        error = meet_over(s, sock, deadline_ns, &err);
    }
    qemu_chr_fe_disconnect(&s->chr);
    /*
     * A chardev that was made long before the device holds a connection that
     * the mapper has dropped as silent, or none. A fresh one tells.
     */
    if (error == -EPIPE) {
        sock = hgshm_socket_connect(s, deadline_ns);
        if (sock >= 0) {
            error_free(err);
            err = NULL;
            error = meet_over(s, sock, deadline_ns, &err);
        } else if (!err) {
            error_setg_errno(&err, errno, "hgshm: no mapper is connected at "
                             "chardev socket %s; start the index=0 VM first",
                             hgshm_socket_name(s));
        }
    }
    error_propagate(errp, err);
    return error == 0;
}
