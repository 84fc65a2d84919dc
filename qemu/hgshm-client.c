/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: a client's side of the meeting, and its private line
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

#include "wire.h"
#include "hgshm.h"

/* What may reach the user's terminal of a text that the mapper wrote. */
#define PRINTABLE G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS \
                  " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/* The two sockets of a meeting, until the device keeps what it needs. */
typedef struct Meeting {
    HgshmState *s;
    int sock;
    int line;               /* own end of the private line */
    int line_mapper;        /* the end that goes to the mapper */
    int own_doorbell_fd;
    int64_t deadline_ns;
    struct hgshm_wire_message message;
} Meeting;

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static bool meeting_open(Meeting *m, Error **errp)
{
    HgshmState *s = m->s;
    const char *name = hgshm_socket_name(s);
    EventNotifier own;
    int line[2];

    m->sock = hgshm_socket_dup(s);
    if (m->sock < 0) {
        error_setg(errp, "hgshm: no mapper is connected at chardev socket %s; "
                   "start the index=0 VM first", name);
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   line) < 0) {
        error_setg_errno(errp, errno, "hgshm: no private line to the mapper "
                         "at %s", name);
        return false;
    }
    m->line = line[0];
    m->line_mapper = line[1];
    if (event_notifier_init(&own, 0) < 0) {
        error_setg_errno(errp, errno, "hgshm: no eventfd for doorbells");
        return false;
    }
    m->own_doorbell_fd = event_notifier_get_fd(&own);
    return true;
}

static void meeting_close(Meeting *m)
{
    close_fd(&m->sock);
    close_fd(&m->line);
    close_fd(&m->line_mapper);
    close_fd(&m->own_doorbell_fd);
    hgshm_wire_reset(&m->message);
    qemu_chr_fe_disconnect(&m->s->chr);
}

static void report(Meeting *m, int error, Error **errp)
{
    const char *name = hgshm_socket_name(m->s);

    switch (error) {
    case -ETIMEDOUT:
        error_setg(errp, "hgshm: the mapper at chardev socket %s did not "
                   "answer within %d s; is the index=0 VM of this group "
                   "running there?", name, HGSHM_MEET_CLIENT_TIMEOUT_MS / 1000);
        break;
    case -EPROTONOSUPPORT:
        error_setg(errp, "hgshm: the mapper at chardev socket %s speaks "
                   "protocol version %u, this VM %u; use the same hgshm for "
                   "both", name, le16_to_cpu(m->message.header.version),
                   HGSHM_PROTO_VERSION);
        break;
    case -ECONNRESET:
    case -EPIPE:
        error_setg(errp, "hgshm: the mapper at chardev socket %s closed the "
                   "connection; is the index=0 VM of this group running there?",
                   name);
        break;
    default:
        error_setg(errp, "hgshm: what answers at chardev socket %s is no hgshm "
                   "mapper (%s); give the socket of the index=0 VM", name,
                   hgshm_wire_fault(&m->message, error));
    }
}

/* The next message of this type, or the mapper's refusal in its own words. */
static bool expect(Meeting *m, int sock, unsigned type, Error **errp)
{
    int error;
    unsigned got;

    hgshm_wire_reset(&m->message);
    error = hgshm_wire_receive_until(sock, &m->message, m->deadline_ns);
    if (error < 0) {
        report(m, error, errp);
        return false;
    }
    got = le16_to_cpu(m->message.header.type);
    if (got == type) {
        return true;
    }
    if (got == HGSHM_MSG_REFUSED) {
        m->message.refused.text[HGSHM_REFUSED_TEXT_BYTES - 1] = '\0';
        g_strcanon((char *)m->message.refused.text, PRINTABLE, '?');
        error_setg(errp, "hgshm: the mapper at chardev socket %s refused this "
                   "VM: %s", hgshm_socket_name(m->s),
                   (char *)m->message.refused.text);
    } else {
        m->message.fault = "its message does not belong here";
        report(m, -EPROTO, errp);
    }
    return false;
}

static bool say_hello(Meeting *m, Error **errp)
{
    HgshmState *s = m->s;
    struct hgshm_msg_hello hello = {
        .index = cpu_to_le32(s->index),
        .mapidx = cpu_to_le32(s->mapidx),
    };
    int fds[] = { m->own_doorbell_fd, m->line_mapper };
    int error;

    pstrcpy((char *)hello.shmid, sizeof(hello.shmid), s->shmid);
    error = hgshm_wire_send(m->sock, HGSHM_MSG_HELLO, &hello, fds);
    close_fd(&m->line_mapper);
    if (error < 0) {
        report(m, error, errp);
        return false;
    }
    return true;
}

static bool accept_welcome(Meeting *m, Error **errp)
{
    HgshmState *s = m->s;
    const struct hgshm_msg_welcome *w = &m->message.welcome;
    uint32_t clients = le32_to_cpu(w->clients);
    uint64_t size_bytes = le64_to_cpu(w->size_bytes);
    uint64_t slice_bytes = le64_to_cpu(w->slice_bytes);

    if (clients > HGSHM_CLIENTS_MAX || s->index >= clients ||
        (s->mapidx != HGSHM_INDEX_NONE && s->mapidx >= clients) ||
        slice_bytes == 0 || slice_bytes % HGSHM_SLICE_ALIGN_BYTES ||
        slice_bytes > size_bytes / clients || size_bytes > 1 * EiB ||
        !hgshm_wire_is_eventfd(m->message.fds[0])) {
        m->message.fault = "its WELCOME contradicts itself";
        report(m, -EPROTO, errp);
        return false;
    }
    s->clients = clients;
    s->size_bytes = size_bytes;
    s->slice_bytes = slice_bytes;
    return hgshm_memory_join(s, le64_to_cpu(w->shm_dev),
                             le64_to_cpu(w->shm_ino), errp);
}

static bool is_other_client(HgshmState *s, uint32_t index)
{
    return index > 0 && index < s->clients && index != s->index;
}

/* What the mapper says on the line. Returns false if it should not have. */
static bool take_news(HgshmState *s, struct hgshm_wire_message *m)
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
    hgshm_peer_disconnect(s, 0);
    hgshm_peers_set(s, s->peers & ~1ULL);
}

static void line_readable(void *opaque)
{
    HgshmState *s = ((HgshmPeer *)opaque)->s;
    struct hgshm_wire_message m;
    int error;

    hgshm_wire_init(&m);
    error = hgshm_wire_receive(s->peer[0].line, &m);
    if (error == 0 && !take_news(s, &m)) {
        error = -EPROTO;
        m.fault = "it sent what it should not";
    }
    if (error < 0 && error != -EAGAIN) {
        mapper_lost(s, hgshm_wire_fault(&m, error));
    }
    hgshm_wire_reset(&m);
}

/* The mapper first tells of all who are there, and ends that with PEERS. */
static bool hear_peers(Meeting *m, Error **errp)
{
    uint16_t type;

    do {
        int error;

        hgshm_wire_reset(&m->message);
        error = hgshm_wire_receive_until(m->line, &m->message, m->deadline_ns);
        if (error == 0 && !take_news(m->s, &m->message)) {
            error = -EPROTO;
            m->message.fault = "it tells of peers that can't be";
        }
        if (error == 0 && hgshm_wire_now_ns() >= m->deadline_ns) {
            error = -ETIMEDOUT;
        }
        if (error < 0) {
            report(m, error, errp);
            return false;
        }
        type = le16_to_cpu(m->message.header.type);
    } while (type != HGSHM_MSG_PEERS);
    return true;
}

static bool meet(Meeting *m, Error **errp)
{
    HgshmState *s = m->s;
    int own;

    if (!meeting_open(m, errp) || !say_hello(m, errp) ||
        !expect(m, m->sock, HGSHM_MSG_WELCOME, errp) ||
        !accept_welcome(m, errp)) {
        return false;
    }
    own = m->own_doorbell_fd;
    m->own_doorbell_fd = -1;
    hgshm_peer_connect(s, 0, hgshm_wire_take_fd(&m->message, 0), own);
    if (!hear_peers(m, errp)) {
        return false;
    }
    hgshm_peer_set_line(s, 0, m->line, line_readable);
    m->line = -1;
    return true;
}

bool hgshm_client_meet(HgshmState *s, Error **errp)
{
    Meeting m = {
        .s = s,
        .sock = -1,
        .line = -1,
        .line_mapper = -1,
        .own_doorbell_fd = -1,
        .deadline_ns = hgshm_wire_now_ns() +
                       HGSHM_MEET_CLIENT_TIMEOUT_MS * INT64_C(1000000),
    };
    bool ok;

    if (!hgshm_socket_check(s, false, errp)) {
        return false;
    }
    hgshm_wire_init(&m.message);
    ok = meet(&m, errp);
    meeting_close(&m);
    return ok;
}
