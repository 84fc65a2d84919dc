/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the mapper's side of the meeting
 *
 * Each connection that the chardev accepts becomes a meeting with a deadline of
 * its own, next to the others, so that one that stays silent holds up nobody.
 * A client that can't be answered for want of descriptors waits until there are
 * some.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#include "hgshm-mapper.h"
#include "trace.h"

/* Beyond this many at once the oldest makes room: a proper client is through
 * its meeting long before it is the oldest. */
#define MEETINGS_MAX        128
#define LOG_INTERVAL_NS     NANOSECONDS_PER_SECOND
#define AGAIN_MS            10

struct HgshmMeeting {
    HgshmState *s;
    int sock;
    QEMUTimer *deadline;
    int waits_for;          /* what keeps its HELLO unanswered: -errno, or 0 */
    struct hgshm_wire_message message;
    QTAILQ_ENTRY(HgshmMeeting) next;
};

static int64_t now_ms(void)
{
    return qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
}

/* At most a line a second, whatever the other side does. */
void hgshm_mapper_complain(HgshmState *s, const char *fmt, ...)
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

static uint32_t lowest_free(HgshmState *s)
{
    for (unsigned i = 1; i < s->clients; i++) {
        if (hgshm_lines_index_free(s, i)) {
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
    hgshm_mapper_complain(meeting->s, "refused a client: %s", text);
}

void hgshm_mapper_try_again(HgshmState *s)
{
    if (!timer_pending(s->again)) {
        timer_mod(s->again, now_ms() + AGAIN_MS);
    }
}

static int welcome(HgshmMeeting *meeting, unsigned index, unsigned mapidx,
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
    int error = event_notifier_init(&own, 0);

    if (error < 0) {
        return error;
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
    }
    return error;
}

/* Returns an error that passes; then it is to be tried again. */
static int admit(HgshmMeeting *meeting, unsigned index, unsigned mapidx)
{
    HgshmState *s = meeting->s;
    int own_doorbell_fd;
    int error = welcome(meeting, index, mapidx, &own_doorbell_fd);

    if (hgshm_error_passes(error)) {
        return error;
    }
    if (error < 0) {
        hgshm_mapper_complain(s, "a client left during the meeting: %s",
                              strerror(-error));
        return 0;
    }
    trace_hgshm_admit(index, mapidx);
    hgshm_lines_add(s, index, hgshm_wire_take_fd(&meeting->message, 0),
                    own_doorbell_fd, hgshm_wire_take_fd(&meeting->message, 1));
    return 0;
}

/* Returns an error that passes, or 0 for an answer. */
static int answer_hello(HgshmMeeting *meeting)
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
    } else if (!hgshm_lines_index_free(s, index)) {
        text = g_strdup_printf("index=%u is held by a running VM; stop that "
                               "one or give another index", index);
        refuse(meeting, HGSHM_REFUSED_INDEX_TAKEN, text);
    } else {
        return admit(meeting, index, mapidx);
    }
    return 0;
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

static void meeting_answer(HgshmMeeting *meeting)
{
    bool waited = meeting->waits_for;

    meeting->waits_for = answer_hello(meeting);
    if (!meeting->waits_for) {
        meeting_end(meeting);
        return;
    }
    if (!waited) {
        timer_mod(meeting->deadline, now_ms() + HGSHM_HOLD_MAX_MS);
    }
    hgshm_mapper_try_again(meeting->s);
}

static void meeting_readable(void *opaque)
{
    HgshmMeeting *meeting = opaque;
    HgshmState *s = meeting->s;
    int error = hgshm_wire_receive(meeting->sock, &meeting->message);

    if (error == -EAGAIN) {
        return;
    }
    if (error == 0) {
        meeting_answer(meeting);
        return;
    }
    if (meeting->waits_for) {
        hgshm_mapper_complain(s, "a client left before it was let in: %s",
                              hgshm_error_text(meeting->waits_for));
    } else if (error == -EPROTONOSUPPORT) {
        refuse(meeting, HGSHM_REFUSED_VERSION,
               "it speaks another protocol version");
    } else if (error == -EPROTO) {
        hgshm_mapper_complain(s, "dropped a connection: its message is not a "
                              "HELLO: %s", meeting->message.fault);
    } else if (error != -ECONNRESET || meeting->message.have) {
        hgshm_mapper_complain(s, "dropped a connection: %s",
                              hgshm_error_text(error));
    }
    meeting_end(meeting);
}

static void meeting_timeout(void *opaque)
{
    HgshmMeeting *meeting = opaque;

    if (meeting->waits_for) {
        hgshm_mapper_complain(meeting->s, "dropped a client that could not be "
                              "let in within %d s: %s",
                              HGSHM_HOLD_MAX_MS / 1000,
                              hgshm_error_text(meeting->waits_for));
    } else {
        hgshm_mapper_complain(meeting->s, "dropped a connection that sent no "
                              "HELLO within %d s",
                              HGSHM_MEET_MAPPER_TIMEOUT_MS / 1000);
    }
    meeting_end(meeting);
}

static void meeting_begin(HgshmState *s, int sock)
{
    HgshmMeeting *meeting = g_new0(HgshmMeeting, 1);

    if (s->meeting_count == MEETINGS_MAX) {
        hgshm_mapper_complain(s, "dropped the oldest of %u connections that "
                              "sent no HELLO", s->meeting_count);
        meeting_end(QTAILQ_FIRST(&s->meetings));
    }
    meeting->s = s;
    meeting->sock = sock;
    hgshm_wire_init(&meeting->message);
    meeting->deadline = timer_new_ms(QEMU_CLOCK_REALTIME, meeting_timeout,
                                     meeting);
    timer_mod(meeting->deadline, now_ms() + HGSHM_MEET_MAPPER_TIMEOUT_MS);
    QTAILQ_INSERT_TAIL(&s->meetings, meeting, next);
    s->meeting_count++;
    trace_hgshm_meeting_begin(s->meeting_count);
    qemu_set_fd_handler(sock, meeting_readable, NULL, meeting);
}

/*
 * Takes the connection over, so that the chardev can accept the next. Without a
 * descriptor for it, it stays with the chardev for some time, and the next ones
 * in the socket's queue.
 */
static void arrival(void *opaque)
{
    HgshmState *s = opaque;
    int sock = hgshm_socket_dup(s);
    int error = sock < 0 ? -errno : 0;

    if (hgshm_error_passes(error)) {
        if (!s->arrival_deadline_ms) {
            s->arrival_deadline_ms = now_ms() + HGSHM_HOLD_MAX_MS;
        }
        if (now_ms() < s->arrival_deadline_ms) {
            hgshm_mapper_try_again(s);
            return;
        }
    }
    s->arrival_deadline_ms = 0;
    if (error && error != -ENOTCONN) {
        hgshm_mapper_complain(s, "dropped a connection: %s",
                              hgshm_error_text(error));
    }
    qemu_chr_fe_disconnect(&s->chr);
    if (sock >= 0) {
        meeting_begin(s, sock);
    }
}

static void again(void *opaque)
{
    HgshmState *s = opaque;
    HgshmMeeting *meeting, *next;

    /* Those that are in come before those that want to. */
    hgshm_lines_introduce_newcomers(s);
    QTAILQ_FOREACH_SAFE(meeting, &s->meetings, next, next) {
        if (meeting->waits_for) {
            meeting_answer(meeting);
        }
    }
    if (s->arrival_deadline_ms) {
        arrival(s);
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
    s->again = timer_new_ms(QEMU_CLOCK_REALTIME, again, s);
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
    hgshm_lines_stop(s);
    timer_free(s->again);
    s->again = NULL;
    while (!QTAILQ_EMPTY(&s->meetings)) {
        meeting_end(QTAILQ_FIRST(&s->meetings));
    }
}
