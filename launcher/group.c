// SPDX-License-Identifier: MIT
#include "group.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "vm.h"

#define STOP_PATIENCE_MS	5000
#define NEVER_MS		INT64_MAX

struct group {
	const struct launch_options *o;
	const struct places *p;
	struct vm vms[LAUNCH_CLIENTS_MAX];
	unsigned int first;
	unsigned int end;
	int signal_fd;
	bool foreground;
	bool failed;
	bool stopping;
	int signal;		/* the one that ended it, or 0 */
	int64_t kill_at_ms;	/* once stopping */
	int64_t give_up_at_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void signal_all(struct group *g, int signal)
{
	for (unsigned int i = g->first; i < g->end; i++) {
		if (g->vms[i].state == VM_RUNNING)
			kill(g->vms[i].pid, signal);
	}
}

/* What QEMUs say of an end that we brought about is for their logs alone. */
static void mute_qemus(struct group *g)
{
	for (unsigned int i = g->first; i < g->end; i++)
		g->vms[i].qemu_says.muted = true;
}

static void stop(struct group *g)
{
	if (g->stopping)
		return;
	g->stopping = true;
	mute_qemus(g);
	g->kill_at_ms = now_ms() + STOP_PATIENCE_MS;
	signal_all(g, SIGTERM);
}

static void fail(struct group *g)
{
	g->failed = true;
	stop(g);
}

static void start(struct group *g, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end && !g->stopping; i++) {
		if (vm_start(&g->vms[i], g->o, g->p, i, g->foreground))
			fail(g);
	}
}

static bool any_running(const struct group *g)
{
	for (unsigned int i = g->first; i < g->end; i++) {
		if (g->vms[i].state == VM_RUNNING)
			return true;
	}
	return false;
}

/* All that still run, and at least one, are at a barrier of the same name. */
static bool barrier_is_reached(const struct group *g)
{
	const char *name = NULL;

	for (unsigned int i = g->first; i < g->end; i++) {
		const struct vm *vm = &g->vms[i];

		if (vm->state == VM_ENDED)
			continue;
		if (!vm->guest.barrier[0] || (name && strcmp(name, vm->guest.barrier)))
			return false;
		name = vm->guest.barrier;
	}
	return name;
}

static void open_barrier(struct group *g)
{
	if (g->stopping || !barrier_is_reached(g))
		return;
	for (unsigned int i = g->first; i < g->end; i++) {
		/* one that dies just now is noticed by its SIGCHLD */
		if (g->vms[i].state == VM_RUNNING)
			vm_answer_barrier(&g->vms[i]);
	}
}

static void reap(struct group *g)
{
	for (unsigned int i = g->first; i < g->end; i++) {
		struct vm *vm = &g->vms[i];
		char why[128];

		if (vm->state != VM_RUNNING ||
		    waitpid(vm->pid, &vm->wait_status, WNOHANG) != vm->pid)
			continue;
		vm->state = VM_ENDED;
		vm_close(vm);
		if (!g->stopping && !vm_ended_well(vm, why, sizeof(why))) {
			report("VM %u failed: %s", i, why);
			fail(g);
		} else if (i == 0) {
			/* the others' QEMUs now warn that the mapper is gone */
			mute_qemus(g);
		}
	}
}

static void take_signals(struct group *g)
{
	struct signalfd_siginfo info;

	while (read(g->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			reap(g);
			continue;
		}
		if (!g->signal)
			g->signal = info.ssi_signo;
		stop(g);
	}
}

static void take_channels(struct group *g, const struct pollfd *polled)
{
	for (unsigned int i = g->first; i < g->end; i++, polled += VM_CHANNELS) {
		for (int channel = 0; channel < VM_CHANNELS; channel++) {
			if (!polled[channel].revents ||
			    !vm_read(&g->vms[i], channel) || g->stopping)
				continue;
			report("VM %u failed: its guest sent a message that is none", i);
			fail(g);
		}
	}
}

static void check_time(struct group *g)
{
	int64_t now = now_ms();

	if (g->stopping && now >= g->kill_at_ms) {
		g->kill_at_ms = NEVER_MS;
		signal_all(g, SIGKILL);
	}
	if (!g->stopping && now >= g->give_up_at_ms) {
		report("not ended after %u s (--timeout); stopping", g->o->timeout_s);
		fail(g);
	}
}

static int wait_ms(const struct group *g)
{
	int64_t until = g->stopping ? g->kill_at_ms : g->give_up_at_ms;
	int64_t now = now_ms();

	if (until == NEVER_MS)
		return -1;
	if (until <= now)
		return 0;
	return until - now > INT_MAX ? INT_MAX : (int)(until - now);
}

static void turn(struct group *g)
{
	struct pollfd polled[1 + LAUNCH_CLIENTS_MAX * VM_CHANNELS];
	nfds_t count = 0;

	polled[count++] = (struct pollfd){ .fd = g->signal_fd, .events = POLLIN };
	for (unsigned int i = g->first; i < g->end; i++) {
		for (int channel = 0; channel < VM_CHANNELS; channel++)
			polled[count++] = (struct pollfd){
				.fd = g->vms[i].state == VM_RUNNING ? g->vms[i].fds[channel] : -1,
				.events = POLLIN,
			};
	}
	if (poll(polled, count, wait_ms(g)) < 0 && errno != EINTR) {
		report_errno(-errno, "can't wait for the VMs");
		fail(g);
	}
	/* output first, so that nothing is shown after the news of an end */
	take_channels(g, polled + 1);
	if (polled[0].revents)
		take_signals(g);
	check_time(g);
	open_barrier(g);
}

int group_block_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
		report_errno(fd, "can't receive signals");
	}
	return fd;
}

static void run(struct group *g)
{
	bool others_started = g->end - g->first == 1;

	for (unsigned int i = g->first; i < g->end; i++)
		memset(g->vms[i].fds, -1, sizeof(g->vms[i].fds));
	start(g, g->first, g->first + 1);
	while (any_running(g)) {
		turn(g);
		if (!others_started && g->vms[g->first].ready &&
		    g->vms[g->first].state == VM_RUNNING) {
			others_started = true;
			start(g, g->first + 1, g->end);
			if (!g->o->runs.count && !g->stopping)
				report("%u VMs are up; consoles: %s/vmN.console; Ctrl-C stops them",
				       g->o->clients, g->p->dir);
		}
	}
	if (!others_started && !g->stopping) {
		report("VM %u ended before the others were started", g->first);
		g->failed = true;
	}
	for (unsigned int i = g->first; i < g->end; i++)
		vm_close(&g->vms[i]);
}

int group_run(const struct launch_options *o, const struct places *p, int signal_fd)
{
	struct group *g = calloc(1, sizeof(*g));
	int status;

	if (!g) {
		report_errno(-ENOMEM, "can't start");
		return EXIT_FAILURE;
	}
	g->o = o;
	g->p = p;
	g->first = options_first(o);
	g->end = options_end(o);
	g->foreground = o->index != LAUNCH_WHOLE_GROUP && !o->runs.count &&
			isatty(STDIN_FILENO);
	g->give_up_at_ms = o->timeout_s ? now_ms() + (int64_t)o->timeout_s * 1000 : NEVER_MS;
	g->signal_fd = signal_fd;
	run(g);
	status = g->signal ? 128 + g->signal : g->failed ? EXIT_FAILURE : EXIT_SUCCESS;
	free(g);
	return status;
}
