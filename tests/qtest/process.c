// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "test.h"

bool process_become(const struct process_user *user)
{
	struct rlimit limit = { user->descriptors_max, user->descriptors_max };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint32_t caps = 1u << CAP_DAC_OVERRIDE;
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps, .inheritable = caps },
	};

	return !setrlimit(RLIMIT_NOFILE, &limit) && !prctl(PR_SET_KEEPCAPS, 1) &&
	       !setresuid(user->uid, user->uid, user->uid) &&
	       !syscall(SYS_capset, &header, data) &&
	       !prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0);
}

static _Noreturn void become(pid_t parent, const struct process_user *user,
			     const char *const *argv, const char *const *environment,
			     int output_fd)
{
	int null_fd = open("/dev/null", O_RDONLY);

	if (user && !process_become(user))
		_exit(127);
	/* The parent may have died before the first of these lines. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		_exit(127);
	for (; environment && *environment; environment++)
		putenv((char *)*environment);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void process_start(struct process *p, const struct process_user *user, const char *const *argv,
		   const char *const *environment, const char *output_path)
{
	pid_t parent = getpid();
	int write_fd;

	*p = (struct process) { .pidfd = -1 };
	write_fd = open(output_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND |
			O_CLOEXEC, 0600);
	p->output_fd = open(output_path, O_RDONLY | O_CLOEXEC);
	if (write_fd < 0 || p->output_fd < 0)
		fail_msg("%s: %s", output_path, strerror(errno));
	p->pid = fork();
	if (p->pid < 0)
		fail_msg("fork: %s", strerror(errno));
	if (p->pid == 0)
		become(parent, user, argv, environment, write_fd);
	close(write_fd);
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		fail_msg("pidfd_open: %s", strerror(errno));
}

bool process_running(const struct process *p)
{
	struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };

	return p->pid && poll(&pfd, 1, 0) == 0;
}

static void reap(struct process *p)
{
	while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

void process_wait(struct process *p)
{
	struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };

	if (!p->pid)
		return;
	if (poll(&pfd, 1, WAIT_MS) == 0)
		fail_msg("process %d did not end within %d ms", (int)p->pid,
			 WAIT_MS);
	reap(p);
}

void process_kill(struct process *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	reap(p);
}

int process_exit_code(const struct process *p)
{
	return WIFEXITED(p->status) ? WEXITSTATUS(p->status) :
				      128 + WTERMSIG(p->status);
}

char *process_take_output(struct process *p)
{
	size_t have = 0, room = 4096;
	char *text = malloc(room);
	ssize_t n;

	assert_non_null(text);
	while ((n = read(p->output_fd, text + have, room - have - 1)) > 0) {
		have += n;
		if (have == room - 1) {
			room *= 2;
			text = realloc(text, room);
			assert_non_null(text);
		}
	}
	text[have] = '\0';
	return text;
}

void process_close(struct process *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->output_fd >= 0)
		close(p->output_fd);
	p->pidfd = -1;
	p->output_fd = -1;
}

unsigned long long process_status_value(const struct process *p, const char *name)
{
	size_t bytes = strlen(name);
	char path[64], line[256];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status)) {
		if (strncmp(line, name, bytes) == 0 && line[bytes] == ':') {
			fclose(status);
			return strtoull(line + bytes + 1, NULL, 10);
		}
	}
	fclose(status);
	fail_msg("%s has no %s", path, name);
	return 0;
}
