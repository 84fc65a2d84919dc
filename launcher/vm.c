// SPDX-License-Identifier: MIT
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "report.h"

struct far_ends {
	struct channels channels;
	int stderr_fd;
};

/* QEMU answers this from its main loop, hence after all devices were made. */
static const char qmp_hello[] = "{\"execute\": \"qmp_capabilities\"}\n";

static int open_channels(struct vm *vm, struct far_ends *far)
{
	int *ours[] = { &vm->fds[VM_CHANNEL_OUT], &vm->fds[VM_CHANNEL_QMP],
			&vm->fds[VM_CHANNEL_STDERR] };
	int *theirs[] = { &far->channels.out, &far->channels.qmp, &far->stderr_fd };

	*far = (struct far_ends){ { -1, -1 }, -1 };
	for (size_t i = 0; i < VM_CHANNELS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			return -errno;
		*ours[i] = pair[0];
		*theirs[i] = pair[1];
		if (fcntl(pair[0], F_SETFL, O_NONBLOCK))
			return -errno;
	}
	if (send(vm->fds[VM_CHANNEL_QMP], qmp_hello, sizeof(qmp_hello) - 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void close_far_ends(const struct far_ends *far)
{
	const int fds[] = { far->channels.out, far->channels.qmp, far->stderr_fd };

	for (size_t i = 0; i < VM_CHANNELS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

static FILE *open_log(const struct places *p, unsigned int index, const char *what)
{
	char *path = places_log(p, index, what);
	FILE *log = path ? fopen(path, "we") : NULL;

	if (!log)
		report_errno(-errno, "can't write %s", path ? path : what);
	free(path);
	return log;
}

__attribute__((noreturn))
static void become_qemu(char **command, const struct far_ends *far, pid_t parent,
			bool foreground)
{
	sigset_t none;
	int null;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	/* the terminal's Ctrl-C is for us, who then stop all in order */
	if (!foreground) {
		setpgid(0, 0);
		null = open("/dev/null", O_RDWR);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	dup2(far->stderr_fd, STDERR_FILENO);
	fcntl(far->channels.out, F_SETFD, 0);
	fcntl(far->channels.qmp, F_SETFD, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(command[0], command);
	dprintf(STDERR_FILENO, "can't run %s: %s; choose a QEMU by --qemu\n", command[0], strerror(errno));
	_exit(127);
}

static int spawn(struct vm *vm, char **command, const struct far_ends *far, bool foreground)
{
	pid_t parent = getpid();

	fflush(NULL);
	vm->pid = fork();
	if (vm->pid < 0)
		return -errno;
	if (vm->pid == 0)
		become_qemu(command, far, parent, foreground);
	vm->state = VM_RUNNING;
	return 0;
}

int vm_start(struct vm *vm, const struct launch_options *o,
	     const struct places *p, unsigned int index, bool foreground)
{
	struct args a = { 0 };
	struct far_ends far;
	int error;

	*vm = (struct vm){
		.index = index,
		.has_script = values_get(&o->runs, index, NULL),
		.fds = { -1, -1, -1 },
		.guest.status = GUEST_NO_STATUS,
		.guest.output = { .stream = stdout, .index = index, .prefix = o->prefix },
		.qemu_says = { .stream = stderr, .index = index, .prefix = true },
	};
	error = open_channels(vm, &far);
	if (!error) {
		vm->guest.output.log = open_log(p, index, "out");
		vm->qemu_says.log = open_log(p, index, "qemu");
		if (!vm->guest.output.log || !vm->qemu_says.log)
			error = -EIO;
	}
	if (!error) {
		command_build(&a, o, p, index, &far.channels, foreground);
		error = args_list(&a) ? spawn(vm, args_list(&a), &far, foreground) : -ENOMEM;
	}
	if (error)
		report_errno(error, "can't start VM %u", index);
	args_free(&a);
	close_far_ends(&far);
	return error;
}

static void take_qmp(struct vm *vm, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != '\n') {
			/* an overlong line is of no interest to us */
			if (vm->qmp_line_bytes + 1 < sizeof(vm->qmp_line))
				vm->qmp_line[vm->qmp_line_bytes++] = bytes[i];
			continue;
		}
		vm->qmp_line[vm->qmp_line_bytes] = '\0';
		vm->qmp_line_bytes = 0;
		if (strstr(vm->qmp_line, "\"return\""))
			vm->ready = true;
	}
}

static int take(struct vm *vm, enum vm_channel channel, const char *bytes, size_t count)
{
	switch (channel) {
	case VM_CHANNEL_OUT:
		return guest_take(&vm->guest, bytes, count);
	case VM_CHANNEL_QMP:
		take_qmp(vm, bytes, count);
		return 0;
	default:
		for (size_t i = 0; i < count; i++)
			output_byte(&vm->qemu_says, bytes[i]);
		output_flush(&vm->qemu_says);
		return 0;
	}
}

int vm_read(struct vm *vm, enum vm_channel channel)
{
	static char buffer[1 << 16];
	ssize_t count;

	if (vm->fds[channel] < 0)
		return 0;
	count = read(vm->fds[channel], buffer, sizeof(buffer));
	if (count > 0)
		return take(vm, channel, buffer, count);
	if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(vm->fds[channel]);
		vm->fds[channel] = -1;
	}
	return 0;
}

int vm_answer_barrier(struct vm *vm)
{
	char answer[GUEST_MESSAGE_BYTES + 1];
	int bytes = snprintf(answer, sizeof(answer), "%s\n", vm->guest.barrier);

	vm->guest.barrier[0] = '\0';
	if (send(vm->fds[VM_CHANNEL_OUT], answer, bytes, MSG_NOSIGNAL) != bytes)
		return errno ? -errno : -EIO;
	return 0;
}

bool vm_ended_well(const struct vm *vm, char *why, size_t why_bytes)
{
	if (WIFSIGNALED(vm->wait_status))
		snprintf(why, why_bytes, "its QEMU was killed by signal %d (%s)",
			 WTERMSIG(vm->wait_status), strsignal(WTERMSIG(vm->wait_status)));
	else if (WEXITSTATUS(vm->wait_status))
		snprintf(why, why_bytes, "its QEMU ended with status %d",
			 WEXITSTATUS(vm->wait_status));
	else if (vm->has_script && vm->guest.status == GUEST_NO_STATUS)
		snprintf(why, why_bytes, "it stopped before its script had ended");
	else if (vm->has_script && vm->guest.status)
		snprintf(why, why_bytes, "its script ended with status %d", vm->guest.status);
	else
		return true;
	return false;
}

void vm_close(struct vm *vm)
{
	if (vm->state == VM_NOT_STARTED && !vm->guest.output.stream)
		return;
	for (int channel = 0; channel < VM_CHANNELS; channel++) {
		int fd = vm->fds[channel];
		char probe;

		while (fd >= 0 && recv(fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			vm_read(vm, channel);
		if (vm->fds[channel] >= 0)
			close(vm->fds[channel]);
		vm->fds[channel] = -1;
	}
	output_end(&vm->guest.output);
	output_end(&vm->qemu_says);
}
