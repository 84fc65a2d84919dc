/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the steps by which a client joins a group
 *
 * Greeting: HELLO is sent over the meeting socket, WELCOME is awaited there.
 * Joining: the peers are heard over the private line, until PEERS ends that.
 * Who waits between the steps, and how, is the caller's affair: realize does so
 * with a deadline, a client whose mapper came back in the main loop.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"

#include "hgshm-join.h"

#define HELLO_AGAIN_MS 20

/* What may reach the user's terminal of a text that the mapper wrote. */
#define PRINTABLE G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS \
                  " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static bool fill(HgshmState *s, HgshmJoin *j, Error **errp)
{
    EventNotifier own;
    int line[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   line) < 0) {
        error_setg_errno(errp, errno, "hgshm: no private line to the mapper "
                         "at %s", hgshm_socket_name(s));
        return false;
    }
    j->line = line[0];
    j->line_mapper = line[1];
    if (event_notifier_init(&own, 0) < 0) {
        error_setg_errno(errp, errno, "hgshm: no eventfd for doorbells");
        return false;
    }
    j->own_doorbell_fd = event_notifier_get_fd(&own);
    return true;
}

/* Too many descriptors may be under way of a user whose VMs join all at once. */
static bool say_hello(HgshmState *s, HgshmJoin *j, int64_t deadline_ns,
                      Error **errp)
{
    struct hgshm_msg_hello hello = {
        .index = cpu_to_le32(s->index),
        .mapidx = cpu_to_le32(s->mapidx),
    };
    int fds[] = { j->own_doorbell_fd, j->line_mapper };
    int error;

    pstrcpy((char *)hello.shmid, sizeof(hello.shmid), s->shmid);
    error = hgshm_wire_send(j->sock, HGSHM_MSG_HELLO, &hello, fds);
    while (error == -ETOOMANYREFS && hgshm_wire_now_ns() < deadline_ns) {
        g_poll(NULL, 0, HELLO_AGAIN_MS);
        error = hgshm_wire_send(j->sock, HGSHM_MSG_HELLO, &hello, fds);
    }
    close_fd(&j->line_mapper);
    if (error < 0) {
        hgshm_join_explain(s, j, error, errp);
        return false;
    }
    return true;
}

bool hgshm_join_begin(HgshmState *s, HgshmJoin *j, int sock,
                      int64_t deadline_ns, Error **errp)
{
    *j = (HgshmJoin) {
        .sock = sock,
        .line = -1,
        .line_mapper = -1,
        .own_doorbell_fd = -1,
    };
    hgshm_wire_init(&j->message);
    if (!fill(s, j, errp) || !say_hello(s, j, deadline_ns, errp)) {
        hgshm_join_end(j);
        return false;
    }
    return true;
}

void hgshm_join_end(HgshmJoin *j)
{
    close_fd(&j->sock);
    close_fd(&j->line);
    close_fd(&j->line_mapper);
    close_fd(&j->own_doorbell_fd);
    hgshm_wire_reset(&j->message);
}

int hgshm_join_fd(const HgshmJoin *j)
{
    return j->greeted ? j->line : j->sock;
}

void hgshm_join_explain(HgshmState *s, HgshmJoin *j, int error, Error **errp)
{
    const char *name = hgshm_socket_name(s);

    j->error = error;
    switch (error) {
    case -ETIMEDOUT:
        error_setg(errp, "hgshm: the mapper at chardev socket %s did not "
                   "answer within %d s; is the index=0 VM of this group "
                   "running there?", name, HGSHM_MEET_CLIENT_TIMEOUT_MS / 1000);
        break;
    case -EPROTONOSUPPORT:
        error_setg(errp, "hgshm: the mapper at chardev socket %s speaks "
                   "protocol version %u, this VM %u; use the same hgshm for "
                   "both", name, le16_to_cpu(j->message.header.version),
                   HGSHM_PROTO_VERSION);
        break;
    case -ECONNRESET:
    case -EPIPE:
        error_setg(errp, "hgshm: the mapper at chardev socket %s closed the "
                   "connection; is the index=0 VM of this group running there?",
                   name);
        break;
    case -EPROTO:
        error_setg(errp, "hgshm: what answers at chardev socket %s is no hgshm "
                   "mapper (%s); give the socket of the index=0 VM", name,
                   j->message.fault);
        break;
    default:
        error_setg(errp, "hgshm: the mapper at chardev socket %s: %s", name,
                   hgshm_error_text(error));
    }
}

static HgshmJoinStep fault(HgshmState *s, HgshmJoin *j, const char *text,
                           Error **errp)
{
    j->message.fault = text;
    hgshm_join_explain(s, j, -EPROTO, errp);
    return HGSHM_JOIN_FAILED;
}

static HgshmJoinStep refused(HgshmState *s, HgshmJoin *j, Error **errp)
{
    char *text = (char *)j->message.refused.text;

    text[HGSHM_REFUSED_TEXT_BYTES - 1] = '\0';
    g_strcanon(text, PRINTABLE, '?');
    error_setg(errp, "hgshm: the mapper at chardev socket %s refused this VM: "
               "%s", hgshm_socket_name(s), text);
    return HGSHM_JOIN_FAILED;
}

static bool welcome_makes_sense(const HgshmState *s, const HgshmOffer *offer)
{
    return offer->clients <= HGSHM_CLIENTS_MAX && s->index < offer->clients &&
           offer->index == s->index &&
           (s->mapidx == HGSHM_INDEX_NONE || s->mapidx < offer->clients) &&
           offer->slice_bytes &&
           offer->slice_bytes % HGSHM_SLICE_ALIGN_BYTES == 0 &&
           offer->slice_bytes <= offer->size_bytes / offer->clients &&
           offer->size_bytes <= 1 * EiB;
}

static HgshmJoinStep take_welcome(HgshmState *s, HgshmJoin *j, Error **errp)
{
    const struct hgshm_msg_welcome *w = &j->message.welcome;
    HgshmOffer offer = {
        .clients = le32_to_cpu(w->clients),
        .index = le32_to_cpu(w->index),
        .size_bytes = le64_to_cpu(w->size_bytes),
        .slice_bytes = le64_to_cpu(w->slice_bytes),
        .shm_dev = le64_to_cpu(w->shm_dev),
        .shm_ino = le64_to_cpu(w->shm_ino),
        .kind = le32_to_cpu(w->memory),
        .fd_count = j->message.fd_count - 1,
    };
    int own = j->own_doorbell_fd;

    if (!welcome_makes_sense(s, &offer) ||
        !hgshm_wire_is_eventfd(j->message.fds[0])) {
        return fault(s, j, "its WELCOME contradicts itself", errp);
    }
    for (unsigned i = 0; i < offer.fd_count; i++) {
        offer.fds[i] = j->message.fds[1 + i];
    }
    if (!hgshm_client_take_offer(s, &offer, errp)) {
        return HGSHM_JOIN_FAILED;
    }
    j->own_doorbell_fd = -1;
    hgshm_peer_connect(s, 0, hgshm_wire_take_fd(&j->message, 0), own);
    j->greeted = true;
    return HGSHM_JOIN_MORE;
}

static HgshmJoinStep take_message(HgshmState *s, HgshmJoin *j, Error **errp)
{
    unsigned type = le16_to_cpu(j->message.header.type);

    if (j->greeted) {
        if (!hgshm_client_take_news(s, &j->message)) {
            return fault(s, j, "it tells of peers that can't be", errp);
        }
        return type == HGSHM_MSG_PEERS ? HGSHM_JOIN_DONE : HGSHM_JOIN_MORE;
    }
    switch (type) {
    case HGSHM_MSG_WELCOME:
        return take_welcome(s, j, errp);
    case HGSHM_MSG_REFUSED:
        return refused(s, j, errp);
    default:
        return fault(s, j, "its message does not belong here", errp);
    }
}

HgshmJoinStep hgshm_join_step(HgshmState *s, HgshmJoin *j, Error **errp)
{
    int error = hgshm_wire_receive(hgshm_join_fd(j), &j->message);
    HgshmJoinStep step;

    if (error == -EAGAIN) {
        return HGSHM_JOIN_MORE;
    }
    if (error < 0) {
        hgshm_join_explain(s, j, error, errp);
        return HGSHM_JOIN_FAILED;
    }
    step = take_message(s, j, errp);
    hgshm_wire_reset(&j->message);
    return step;
}

int hgshm_join_take_line(HgshmJoin *j)
{
    int line = j->line;

    j->line = -1;
    return line;
}
