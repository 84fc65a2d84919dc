/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"
#include "removal.h"

#define LOCK_TRIES	100
#define LOCK_STEP_MS	1

/* As a mapper does: only who has the lock may take the name away. */
int removal_object(const char *root, const char *name, enum removal how, struct problem *problem)
{
	char path[PATH_MAX];
	struct stat by_fd, by_name;
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s" SHM_FOLDER "/%s", root, name);
	/* O_NONBLOCK: it may be a FIFO by now */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (how != REMOVAL_FORCED &&
	    (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &by_fd) || lstat(path, &by_name) ||
	     by_fd.st_dev != by_name.st_dev || by_fd.st_ino != by_name.st_ino))
		ret = problem_set(problem, -EBUSY, "%s: a mapper has taken it just now", name);
	else if (unlink(path))
		ret = problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	close(fd);
	return ret;
}

/* Its name is in *name, which points into path. */
static int open_folder(const char *path, enum removal how, const char **name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	*name = slash ? slash + 1 : path;
	if (!slash)
		return open(".", flags);
	if (slash - path >= (ptrdiff_t)sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return open(folder, how == REMOVAL_FOUND ? flags | O_NOFOLLOW : flags);
}

/* Founders of the library hold it while they look, remove and listen; so none does now. */
static void lock_folder(int folder)
{
	for (int i = 0; i < LOCK_TRIES && flock(folder, LOCK_EX | LOCK_NB); i++)
		poll(NULL, 0, LOCK_STEP_MS);
}

/* 1 if somebody listens at the socket, 0 if nobody does, or -errno. */
static int is_listened_at(int folder, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder,
		     name) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	close(fd);
	return ret == ECONNREFUSED ? 0 : ret == 0 || ret == EAGAIN || ret == EPROTOTYPE ? 1 : -ret;
}

/* A QEMU that begins to listen puts a new socket there, which may have the number again. */
static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
	       one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static int check_deserted(int folder, const char *name, const char *path,
			  const struct stat *looked_at, struct problem *problem)
{
	struct stat now;
	int listened;

	lock_folder(folder);
	listened = is_listened_at(folder, name);
	if (listened < 0)
		return problem_set(problem, listened, "%s: %s", path, strerror(-listened));
	if (listened || fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) ||
	    !is_same(looked_at, &now))
		return problem_set(problem, -EBUSY, "%s: somebody listens there; stop it, or give "
				   "--force", path);
	return 0;
}

int removal_socket(const char *path, enum removal how, struct problem *problem)
{
	const char *name;
	struct stat st;
	int folder, ret = 0;

	folder = open_folder(path, how, &name);
	if (folder < 0)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		ret = problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISSOCK(st.st_mode))
		ret = problem_set(problem, -ENOTSOCK, "%s: not a socket; give a group by its name "
				  "alone", path);
	else if (how != REMOVAL_FORCED)
		ret = check_deserted(folder, name, path, &st, problem);
	if (!ret && unlinkat(folder, name, 0))
		ret = problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	close(folder);
	return ret;
}
