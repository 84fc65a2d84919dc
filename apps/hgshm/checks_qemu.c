/* SPDX-License-Identifier: MIT */
/* Whether QEMU is there and takes the plug-in: it is asked itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "clock.h"

#define ANSWER_NS	(20 * NS_PER_SECOND)

extern char **environ;

/* Reads what comes until its end, keeping what fits; false if that takes too long. */
static bool read_answer(int fd, char *answer, size_t answer_bytes)
{
	int64_t end_ns = clock_ns() + ANSWER_NS;
	size_t length = 0;
	char rest[256];

	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int64_t left_ns = end_ns - clock_ns();
		bool full = length + 1 >= answer_bytes;
		ssize_t got;

		if (left_ns <= 0 || poll(&pollfd, 1, left_ns / NS_PER_MS + 1) <= 0)
			return false;
		got = full ? read(fd, rest, sizeof(rest)) :
			     read(fd, answer + length, answer_bytes - 1 - length);
		if (got <= 0) {
			answer[length] = '\0';
			return got == 0;
		}
		if (!full)
			length += got;
	}
}

/* Runs it with both outputs into answer. The exit status, or -errno. */
static int ask(char *const argv[], char *answer, size_t answer_bytes)
{
	posix_spawn_file_actions_t actions;
	bool answered;
	int pipe_fds[2], status, error;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 2);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	answered = !error && read_answer(pipe_fds[0], answer, answer_bytes);
	close(pipe_fds[0]);
	if (error)
		return -error;
	if (!answered)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!answered)
		return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What the user names, what was installed with this program, or what PATH has. */
static void find_wrapper(char *path, size_t path_bytes)
{
	const char *given = getenv("HGSHM_QEMU");
	char self[PATH_MAX];
	ssize_t length;

	if (given && *given) {
		snprintf(path, path_bytes, "%s", given);
		return;
	}
	length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length > 0) {
		self[length] = '\0';
		*strrchr(self, '/') = '\0';
		snprintf(path, path_bytes, "%s/hgshm-qemu", self);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, path_bytes, "hgshm-qemu");
}

void checks_qemu(struct checks *checks)
{
	char wrapper[PATH_MAX + 32];
	char answer[4096] = "", version[200] = "";
	char *const ask_version[] = { wrapper, "--version", NULL };
	char *const ask_device[] = { wrapper, "-device", "hgshm,help", NULL };
	struct check *check;
	int status;

	if (*checks->root)
		return;
	find_wrapper(wrapper, sizeof(wrapper));
	status = ask(ask_version, answer, sizeof(answer));
	snprintf(version, sizeof(version), "%.*s", (int)strcspn(answer, "\n"), answer);
	if (status < 0) {
		check = check_add(checks, "qemu", CHECK_PROBLEM, "%.200s: %s", wrapper,
				  strerror(-status));
		check_mend(check, status == -ENOENT ? "make install installs hgshm-qemu; HGSHM_QEMU "
			   "names one that is elsewhere" : "see why %.150s does not run", wrapper);
		return;
	}
	if (!status)
		status = ask(ask_device, answer, sizeof(answer));
	if (!status && strstr(answer, "clients=")) {
		check_add(checks, "qemu", CHECK_OK, "%s takes the plug-in", version);
		return;
	}
	check = check_add(checks, "qemu", CHECK_PROBLEM, "%.*s", (int)strcspn(answer, "\n"), answer);
	check_mend(check, "the line says it; on Debian: apt-get install qemu-system-x86, then make and "
		   "make install, after each update of QEMU");
}
