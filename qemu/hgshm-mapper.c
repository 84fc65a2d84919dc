/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the mapper's side of the meeting, and its private lines
 *
 * Each connection that the chardev accepts becomes a meeting with a deadline of
 * its own, next to the others, so that one that stays silent holds up nobody.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "wire.h"
#include "hgshm.h"
#include "trace.h"

/* Beyond this many at once the oldest makes room: a proper client is through
 * its meeting long before it is the oldest. */
#define MEETINGS_MAX        128
#define LOG_INTERVAL_NS     NANOSECONDS_PER_SECOND

struct HgshmMeeting {
    HgshmState *s;
    int sock;
    QEMUTimer *deadline;
    struct hgshm_wire_message message;
    QTAILQ_ENTRY(HgshmMeeting) next;
};

/* At most a line a second, whatever the other side does. */
static void G_GNUC_PRINTF(2, 3) complain(HgshmState *s, const char *fmt, ...)
{
    int64_t now_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    g_autofree char *text = NULL;
    va_list args;

    if (now_ns < s->log_next_ns) {
        s->log_suppressed++;
        return;
    }
    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    if (s->log_suppressed) {
        warn_report("hgshm: %s (and %u more since the last line)", text,
                    s->log_suppressed);
    } else {
        warn_report("hgshm: %s", text);
    }
    s->log_next_ns = now_ns + LOG_INTERVAL_NS;
    s->log_suppressed = 0;
}

static void peer_lost(HgshmState *s, unsigned index)
{
    struct hgshm_msg_peer down = { .index = cpu_to_le32(index) };

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
        complain(s, "VM %u sent bytes on its private line and is dropped",
                 index);
    }
    peer_lost(s, index);
}

/* Whether the index is free; a holder that died this moment no longer counts. */
static bool index_free(HgshmState *s, unsigned index)
{
    GPollFD line = { .fd = s->peer[index].line, .events = G_IO_IN };

    if (hgshm_peer_alive(s, index) && g_poll(&line, 1, 0) > 0) {
        line_readable(&s->peer[index]);
    }
    return !hgshm_peer_alive(s, index);
}

static uint32_t lowest_free(HgshmState *s)
{
    for (unsigned i = 1; i < s->clients; i++) {
        if (index_free(s, i)) {
            return i;
        }
    }
    return HGSHM_INDEX_NONE;
}

static void refuse(HgshmMeeting *meeting, unsigned code, const char *text)
{
    struct hgshm_msg_refused refused = { .code = cpu_to_le32(code) };

    trace_hgshm_refuse(code, text);
    pstrcpy((char *)refused.text, sizeof(refused.text), text);
    hgshm_wire_send(meeting->sock, HGSHM_MSG_REFUSED, &refused, NULL);
    complain(meeting->s, "refused a client: %s", text);
}

/* Tells two clients of each other, with a fresh doorbell each way. */
static void introduce(HgshmState *s, unsigned newcomer, unsigned other)
{
    struct hgshm_msg_peer up;
    EventNotifier to_other, to_newcomer;
    int fds[2];

    if (event_notifier_init(&to_other, 0) < 0) {
        complain(s, "no eventfd for VM %u to ring VM %u: %s", newcomer, other,
                 strerror(errno));
        return;
    }
    if (event_notifier_init(&to_newcomer, 0) < 0) {
        complain(s, "no eventfd for VM %u to ring VM %u: %s", other, newcomer,
                 strerror(errno));
        event_notifier_cleanup(&to_other);
        return;
    }

    up = (struct hgshm_msg_peer) { .index = cpu_to_le32(other) };
    fds[0] = event_notifier_get_fd(&to_other);
    fds[1] = event_notifier_get_fd(&to_newcomer);
    if (hgshm_wire_send(s->peer[newcomer].line, HGSHM_MSG_PEER_UP, &up,
                        fds) < 0) {
        peer_lost(s, newcomer);
    }

    up = (struct hgshm_msg_peer) { .index = cpu_to_le32(newcomer) };
    fds[0] = event_notifier_get_fd(&to_newcomer);
    fds[1] = event_notifier_get_fd(&to_other);
    if (hgshm_peer_alive(s, newcomer) &&
        hgshm_wire_send(s->peer[other].line, HGSHM_MSG_PEER_UP, &up, fds) < 0) {
        peer_lost(s, other);
    }

    event_notifier_cleanup(&to_other);
    event_notifier_cleanup(&to_newcomer);
}

static bool welcome(HgshmMeeting *meeting, unsigned index, unsigned mapidx,
                    int *own_doorbell_fd)
{
    HgshmState *s = meeting->s;
    struct hgshm_msg_welcome message = {
        .clients = cpu_to_le32(s->clients),
        .size_bytes = cpu_to_le64(s->size_bytes),
        .slice_bytes = cpu_to_le64(s->slice_bytes),
        .shm_dev = cpu_to_le64(s->shm_dev),
        .shm_ino = cpu_to_le64(s->shm_ino),
        .index = cpu_to_le32(index),
    };
    int fds[HGSHM_MSG_FDS_MAX];
    EventNotifier own;
    unsigned granted;
    uint32_t kind;
    int error;

    if (event_notifier_init(&own, 0) < 0) {
        complain(s, "a client can't be let in: %s", strerror(errno));
        return false;
    }
    *own_doorbell_fd = event_notifier_get_fd(&own);
    fds[0] = *own_doorbell_fd;
    pstrcpy((char *)message.shmid, sizeof(message.shmid), s->shmid);
    granted = hgshm_memory_grant(s, index, mapidx, &kind, fds + 1);
    message.memory = cpu_to_le32(kind);
    error = hgshm_wire_send_fds(meeting->sock, HGSHM_MSG_WELCOME, &message, fds,
                                1 + granted);
    if (error < 0) {
        event_notifier_cleanup(&own);
        complain(s, "a client left during the meeting: %s", strerror(-error));
        return false;
    }
    return true;
}

static void admit(HgshmMeeting *meeting, unsigned index, unsigned mapidx)
{
    HgshmState *s = meeting->s;
    struct hgshm_msg_peers now = { 0 };
    int own_doorbell_fd;

    if (!welcome(meeting, index, mapidx, &own_doorbell_fd)) {
        return;
    }
    trace_hgshm_admit(index, mapidx);
    hgshm_peer_connect(s, index, hgshm_wire_take_fd(&meeting->message, 0),
                       own_doorbell_fd);
    hgshm_peer_set_line(s, index, hgshm_wire_take_fd(&meeting->message, 1),
                        line_readable);
    hgshm_peers_set(s, s->peers | 1ULL << index);
    for (unsigned i = 1; s->mesh && i < s->clients; i++) {
        if (i != index && hgshm_peer_alive(s, i) &&
            hgshm_peer_alive(s, index)) {
            introduce(s, index, i);
        }
    }
    now.peers = cpu_to_le64(s->mesh ? s->peers : 1ULL | 1ULL << index);
    if (hgshm_peer_alive(s, index) &&
        hgshm_wire_send(s->peer[index].line, HGSHM_MSG_PEERS, &now, NULL) < 0) {
        peer_lost(s, index);
    }
}

static void answer_hello(HgshmMeeting *meeting)
{
    HgshmState *s = meeting->s;
    const struct hgshm_msg_hello *hello = &meeting->message.hello;
    uint32_t index = le32_to_cpu(hello->index);
    uint32_t mapidx = le32_to_cpu(hello->mapidx);
    g_autofree char *text = NULL;

    if (le16_to_cpu(hello->h.type) != HGSHM_MSG_HELLO || hello->flags ||
        hello->reserved || hello->shmid[HGSHM_SHMID_BYTES - 1] ||
        !hgshm_wire_is_eventfd(meeting->message.fds[0]) ||
        !hgshm_wire_is_line(meeting->message.fds[1])) {
        refuse(meeting, HGSHM_REFUSED_MALFORMED, "its HELLO is malformed");
    } else if (hello->shmid[0] &&
               strcmp((const char *)hello->shmid, s->shmid)) {
        text = g_strdup_printf("its shmid is not the mapper's shmid=%s",
                               s->shmid);
        refuse(meeting, HGSHM_REFUSED_SHMID, text);
    } else if (index == HGSHM_INDEX_NONE &&
               (index = lowest_free(s)) == HGSHM_INDEX_NONE) {
        text = g_strdup_printf("all %u indices below clients=%u are held; stop "
                               "a member or give the mapper more clients",
                               s->clients, s->clients);
        refuse(meeting, HGSHM_REFUSED_FULL, text);
    } else if (index == 0 || index >= s->clients) {
        text = g_strdup_printf("index=%u is out of range; the mapper has "
                               "clients=%u, so give 1 to %u", index, s->clients,
                               s->clients - 1);
        refuse(meeting, HGSHM_REFUSED_INDEX_RANGE, text);
    } else if (mapidx != HGSHM_INDEX_NONE && mapidx >= s->clients) {
        text = g_strdup_printf("mapidx=%u is out of range; the mapper has "
                               "clients=%u, so give 0 to %u", mapidx,
                               s->clients, s->clients - 1);
        refuse(meeting, HGSHM_REFUSED_MAPIDX_RANGE, text);
    } else if (mapidx != HGSHM_INDEX_NONE && mapidx != 0 && !s->mapidx_any) {
        text = g_strdup_printf("mapidx=%u is not granted; the mapper shares "
                               "slice 0 only, unless it has mapidx-any=on",
                               mapidx);
        refuse(meeting, HGSHM_REFUSED_MAPIDX_RANGE, text);
    } else if (!index_free(s, index)) {
        text = g_strdup_printf("index=%u is held by a running VM; stop that "
                               "one or give another index", index);
        refuse(meeting, HGSHM_REFUSED_INDEX_TAKEN, text);
    } else {
        admit(meeting, index, mapidx);
    }
}

static void meeting_end(HgshmMeeting *meeting)
{
    HgshmState *s = meeting->s;

    QTAILQ_REMOVE(&s->meetings, meeting, next);
    s->meeting_count--;
    trace_hgshm_meeting_end(s->meeting_count);
    timer_free(meeting->deadline);
    qemu_set_fd_handler(meeting->sock, NULL, NULL, NULL);
    close(meeting->sock);
    hgshm_wire_reset(&meeting->message);
    g_free(meeting);
}

static void meeting_readable(void *opaque)
{
    HgshmMeeting *meeting = opaque;
    int error = hgshm_wire_receive(meeting->sock, &meeting->message);

    if (error == -EAGAIN) {
        return;
    }
    if (error == -EPROTONOSUPPORT) {
        refuse(meeting, HGSHM_REFUSED_VERSION,
               "it speaks another protocol version");
    } else if (error == 0) {
        answer_hello(meeting);
    } else if (error != -ECONNRESET || meeting->message.have) {
        complain(meeting->s, "dropped a connection: its message is not a "
                 "HELLO: %s", hgshm_wire_fault(&meeting->message, error));
    }
    meeting_end(meeting);
}

static void meeting_timeout(void *opaque)
{
    HgshmMeeting *meeting = opaque;

    complain(meeting->s, "dropped a connection that sent no HELLO within %d s",
             HGSHM_MEET_MAPPER_TIMEOUT_MS / 1000);
    meeting_end(meeting);
}

static void meeting_begin(HgshmState *s, int sock)
{
    HgshmMeeting *meeting = g_new0(HgshmMeeting, 1);

    if (s->meeting_count == MEETINGS_MAX) {
        complain(s, "dropped the oldest of %u connections that sent no HELLO",
                 s->meeting_count);
        meeting_end(QTAILQ_FIRST(&s->meetings));
    }
    meeting->s = s;
    meeting->sock = sock;
    hgshm_wire_init(&meeting->message);
    meeting->deadline = timer_new_ms(QEMU_CLOCK_REALTIME, meeting_timeout,
                                     meeting);
    timer_mod(meeting->deadline, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
              HGSHM_MEET_MAPPER_TIMEOUT_MS);
    QTAILQ_INSERT_TAIL(&s->meetings, meeting, next);
    s->meeting_count++;
    trace_hgshm_meeting_begin(s->meeting_count);
    qemu_set_fd_handler(sock, meeting_readable, NULL, meeting);
}

/* Takes the connection over, so that the chardev can accept the next. */
static void arrival(void *opaque)
{
    HgshmState *s = opaque;
    int sock = hgshm_socket_dup(s);

    if (sock < 0 && errno != ENOTCONN) {
        complain(s, "dropped a connection: %s", strerror(errno));
    }
    qemu_chr_fe_disconnect(&s->chr);
    if (sock >= 0) {
        meeting_begin(s, sock);
    }
}

static int nothing_wanted(void *opaque)
{
    return 0;
}

static void chardev_event(void *opaque, QEMUChrEvent event)
{
    HgshmState *s = opaque;

    /* The chardev is in the midst of its own work here. */
    if (event == CHR_EVENT_OPENED) {
        qemu_bh_schedule(s->arrival_bh);
    }
}

bool hgshm_mapper_start(HgshmState *s, Error **errp)
{
    if (!hgshm_socket_check(s, true, errp)) {
        return false;
    }
    s->arrival_bh = qemu_bh_new(arrival, s);
    qemu_chr_fe_set_handlers(&s->chr, nothing_wanted, NULL, chardev_event, NULL,
                             s, NULL, true);
    return true;
}

void hgshm_mapper_stop(HgshmState *s)
{
    if (!s->arrival_bh) {
        return;
    }
    qemu_chr_fe_set_handlers(&s->chr, NULL, NULL, NULL, NULL, NULL, NULL, false);
    qemu_bh_delete(s->arrival_bh);
    s->arrival_bh = NULL;
    while (!QTAILQ_EMPTY(&s->meetings)) {
        meeting_end(QTAILQ_FIRST(&s->meetings));
    }
}
