/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "socket.h"
#include "uri.h"
#include "wire.h"

#define SOCKET_MODE	0600
#define BACKLOG		128
#define LOCK_TRIES	100
#define LOCK_STEP_MS	1

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static bool is_no_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static int explain_connect(const char *path, int error)
{
	switch (error) {
	case ENOENT:
		return hgshm_fail(-ENOENT, "%s: there is no such socket; start the group's mapper "
				  "first", path);
	case ECONNREFUSED:
		if (is_no_socket(path))
			return hgshm_fail(-ECONNREFUSED, "%s is no socket; give the path where the "
					  "group's mapper listens", path);
		return hgshm_fail(-ECONNREFUSED, "%s: no mapper listens there; start it first",
				  path);
	case EACCES:
		return hgshm_fail(-EACCES, "%s: this user may not join there; let its owner chmod the "
				  "socket, or run this as its owner", path);
	case EAGAIN:
		return hgshm_fail(-ETIMEDOUT, "%s: the mapper takes no connections; is it stopped "
				  "or overloaded?", path);
	default:
		return hgshm_fail(-error, "%s: %s", path, strerror(error));
	}
}

int hgshm_socket_connect(const char *path, int64_t deadline_ns)
{
	struct sockaddr_un address = address_of(path);
	int kind = SOCK_STREAM | SOCK_CLOEXEC | (deadline_ns ? 0 : SOCK_NONBLOCK);
	int fd = socket(AF_UNIX, kind, 0);
	int error;

	if (fd < 0)
		return hgshm_fail(-errno, "%s: %s", path, strerror(errno));
	do {
		if (deadline_ns) {
			int64_t left_us = (deadline_ns - hgshm_wire_now_ns()) / 1000;
			struct timeval left = { 0, 1 };

			if (left_us > 0)
				left = (struct timeval){ left_us / 1000000, left_us % 1000000 + 1 };
			/* Bounds the wait for room in the mapper's queue. */
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left));
		}
		error = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	} while (error == EINTR);
	if (!error)
		return fd;
	close(fd);
	return explain_connect(path, error);
}

/* Whether what has the name is a socket that was left. Returns why not. */
static int check_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : hgshm_fail(-errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return hgshm_fail(-EADDRINUSE, "%s is there and is no socket; give another path",
				  path);
	fd = hgshm_socket_connect(path, 0);
	if (fd == -ECONNREFUSED || fd == -ENOENT)
		return 0;
	if (fd >= 0)
		close(fd);
	else if (fd != -ETIMEDOUT)
		return fd;
	return hgshm_fail(-EADDRINUSE, "%s: another mapper listens there; stop it or give another "
			  "path", path);
}

/*
 * Between the look at a socket that was left and its removal another founder might
 * put its own there. Founders lock the folder meanwhile; any user can, so none waits
 * long for it.
 */
static int lock_folder(const char *path)
{
	char folder[HGSHM_SOCKET_PATH_BYTES];
	char *end;
	int fd;

	strcpy(folder, path);
	end = strrchr(folder, '/');
	end[end == folder ? 1 : 0] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		poll(NULL, 0, LOCK_STEP_MS);
	return fd;
}

static int listen_at(struct hgshm_listener *listener, const char *path)
{
	struct sockaddr_un address = address_of(path);
	struct stat st;
	int ret;

	ret = check_stale(path);
	if (ret)
		return ret;
	unlink(path);
	/* bind() gives the name the rights that the socket has by then. */
	if (fchmod(listener->fd, SOCKET_MODE) < 0 ||
	    bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return hgshm_fail(-errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &st) == 0) {
		listener->dev = st.st_dev;
		listener->ino = st.st_ino;
	}
	if (listen(listener->fd, BACKLOG) < 0)
		return hgshm_fail(-errno, "%s: %s", path, strerror(errno));
	return 0;
}

int hgshm_socket_listen(struct hgshm_listener *listener, const char *path)
{
	int folder_fd;
	int ret;

	*listener = (struct hgshm_listener){
		.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
	};
	if (listener->fd < 0)
		return hgshm_fail(-errno, "%s: %s", path, strerror(errno));
	folder_fd = lock_folder(path);
	ret = listen_at(listener, path);
	if (folder_fd >= 0)
		close(folder_fd);
	if (ret)
		hgshm_socket_close(listener, path);
	return ret;
}

void hgshm_socket_close(struct hgshm_listener *listener, const char *path)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (listener->ino && lstat(path, &st) == 0 && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		unlink(path);
	close(listener->fd);
	listener->fd = -1;
}
