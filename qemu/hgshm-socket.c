/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the chardev, seen as the socket that it is
 *
 * The character device layer has no bounded wait and one connection at a time.
 * So the device takes a duplicate of each connection's file descriptor, speaks
 * over that, and lets the chardev go.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/timer.h"
#include "chardev/char.h"
#include "chardev/char-socket.h"

#include <sys/un.h>

#include "wire.h"
#include "hgshm.h"

static SocketChardev *socket_of(HgshmState *s)
{
    Chardev *chr = qemu_chr_fe_get_driver(&s->chr);

    return chr && object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_SOCKET)
        ? SOCKET_CHARDEV(chr) : NULL;
}

bool hgshm_socket_check(HgshmState *s, bool server, Error **errp)
{
    Chardev *chr = qemu_chr_fe_get_driver(&s->chr);
    SocketChardev *sock = socket_of(s);

    if (!sock) {
        error_setg(errp, "hgshm: chardev=%s is no socket; give the id of a "
                   "-chardev socket,path=...", chr->label);
        return false;
    }
    if (sock->addr->type != SOCKET_ADDRESS_TYPE_UNIX &&
        sock->addr->type != SOCKET_ADDRESS_TYPE_FD) {
        error_setg(errp, "hgshm: chardev=%s is no unix socket; give it path=, "
                   "since file descriptors travel over it", chr->label);
        return false;
    }
    if (sock->is_listen != server) {
        error_setg(errp, server ?
                   "hgshm: chardev=%s is a client socket; index=0 needs "
                   "server=on,wait=off" :
                   "hgshm: chardev=%s is a server socket; only index=0 has "
                   "server=on", chr->label);
        return false;
    }
    return true;
}

int hgshm_socket_dup(HgshmState *s)
{
    SocketChardev *sock = socket_of(s);

    if (!sock || sock->state != TCP_CHARDEV_STATE_CONNECTED || !sock->sioc) {
        errno = ENOTCONN;
        return -1;
    }
    return qemu_dup(sock->sioc->fd);
}

/*
 * A connection of our own to where the chardev leads, for when it has none.
 * deadline_ns 0: at once or not at all.
 */
int hgshm_socket_connect(HgshmState *s, int64_t deadline_ns)
{
    SocketChardev *sock = socket_of(s);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int64_t left_ns = deadline_ns - hgshm_wire_now_ns();
    int error, fd;

    if (!sock || sock->addr->type != SOCKET_ADDRESS_TYPE_UNIX ||
        strlen(sock->addr->u.q_unix.path) >= sizeof(address.sun_path)) {
        errno = ENOTCONN;
        return -1;
    }
    pstrcpy(address.sun_path, sizeof(address.sun_path),
            sock->addr->u.q_unix.path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
                (deadline_ns ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) {
        return -1;
    }
    if (deadline_ns && left_ns > 0) {
        struct timeval wait = {
            .tv_sec = left_ns / NANOSECONDS_PER_SECOND,
            .tv_usec = left_ns % NANOSECONDS_PER_SECOND / SCALE_US + 1,
        };

        /* Bounds the wait for room in the mapper's queue. */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

const char *hgshm_socket_name(HgshmState *s)
{
    SocketChardev *sock = socket_of(s);

    if (sock && sock->addr->type == SOCKET_ADDRESS_TYPE_UNIX) {
        return sock->addr->u.q_unix.path;
    }
    return qemu_chr_fe_get_driver(&s->chr)->label;
}
