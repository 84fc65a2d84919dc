/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: how a client finds back to a mapper that died and came again
 *
 * While the mapper is away the client looks for its socket a few times a second.
 * It joins again as it did at first, but in the main loop, since its guest runs.
 * A mapper that comes back with another memory is told to the guest once, and
 * not joined: the guest's mappings show the old memory.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "hgshm-join.h"
#include "trace.h"

#define LOOK_INTERVAL_MS    200
#define LOOK_INTERVAL_MAX_MS 10000
/* A mapper that stays for less is not back, it comes and goes. */
#define STAY_MIN_MS         2000

struct HgshmRejoin {
    QEMUTimer *timer;
    int64_t look_ms;        /* how long to wait before it is looked for */
    int64_t back_ms;        /* when it was back last; 0: never */
    bool meeting;           /* join is under way, the timer is its deadline */
    bool complained;        /* since the mapper was lost */
    HgshmJoin join;
};

static int64_t now_ms(void)
{
    return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

static void again_in(HgshmState *s, int64_t ms)
{
    timer_mod(s->rejoin->timer, now_ms() + ms);
}

static void end_meeting(HgshmState *s)
{
    HgshmRejoin *r = s->rejoin;

    if (r->meeting) {
        qemu_set_fd_handler(hgshm_join_fd(&r->join), NULL, NULL, NULL);
        hgshm_join_end(&r->join);
        r->meeting = false;
    }
}

/* Says why once, and looks again unless that makes no sense. */
static void failed(HgshmState *s, Error *err)
{
    HgshmRejoin *r = s->rejoin;

    end_meeting(s);
    if (r->complained && !(s->status & HGSHM_STATUS_MEMORY_STALE)) {
        error_free(err);
    } else {
        warn_report_err(err);
        r->complained = true;
    }
    if (s->status & HGSHM_STATUS_MEMORY_STALE) {
        hgshm_peers_changed(s);
    } else {
        again_in(s, r->look_ms);
    }
}

static void join_readable(void *opaque)
{
    HgshmState *s = opaque;
    HgshmRejoin *r = s->rejoin;
    int fd = hgshm_join_fd(&r->join);
    Error *err = NULL;

    switch (hgshm_join_step(s, &r->join, &err)) {
    case HGSHM_JOIN_MORE:
        if (fd != hgshm_join_fd(&r->join)) {
            qemu_set_fd_handler(fd, NULL, NULL, NULL);
            qemu_set_fd_handler(hgshm_join_fd(&r->join), join_readable, NULL,
                                s);
        }
        break;
    case HGSHM_JOIN_DONE:
        qemu_set_fd_handler(fd, NULL, NULL, NULL);
        timer_del(r->timer);
        hgshm_client_settle(s, &r->join);
        hgshm_join_end(&r->join);
        r->meeting = false;
        r->back_ms = now_ms();
        trace_hgshm_rejoined(s->index);
        info_report("hgshm: index=%u is back with the mapper of shmid=%s",
                    s->index, s->shmid);
        break;
    case HGSHM_JOIN_FAILED:
        failed(s, err);
        break;
    }
}

static void look(void *opaque)
{
    HgshmState *s = opaque;
    HgshmRejoin *r = s->rejoin;
    Error *err = NULL;
    int sock;

    if (r->meeting) {
        hgshm_join_explain(s, &r->join, -ETIMEDOUT, &err);
        failed(s, err);
        return;
    }
    sock = hgshm_socket_connect(s, 0);
    trace_hgshm_rejoin_look(s->index, sock);
    if (sock < 0) {
        again_in(s, r->look_ms);
        return;
    }
    if (!hgshm_join_begin(s, &r->join, sock, 0, &err)) {
        failed(s, err);
        return;
    }
    r->meeting = true;
    qemu_set_fd_handler(hgshm_join_fd(&r->join), join_readable, NULL, s);
    again_in(s, HGSHM_MEET_CLIENT_TIMEOUT_MS);
}

void hgshm_rejoin_start(HgshmState *s)
{
    HgshmRejoin *r;

    if (!s->rejoin) {
        s->rejoin = g_new0(HgshmRejoin, 1);
        s->rejoin->timer = timer_new_ms(QEMU_CLOCK_REALTIME, look, s);
    }
    r = s->rejoin;
    r->complained = false;
    /* Each return and loss is told, so one that comes and goes is met ever less. */
    if (r->back_ms && now_ms() - r->back_ms < STAY_MIN_MS) {
        r->look_ms = MIN(2 * r->look_ms, LOOK_INTERVAL_MAX_MS);
    } else {
        r->look_ms = LOOK_INTERVAL_MS;
    }
    again_in(s, r->look_ms);
}

void hgshm_rejoin_stop(HgshmState *s)
{
    if (s->rejoin) {
        end_meeting(s);
        timer_free(s->rejoin->timer);
        g_free(s->rejoin);
        s->rejoin = NULL;
    }
}
