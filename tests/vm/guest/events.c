// SPDX-License-Identifier: MIT
/*
 * What openers are told of events, with a VM at the other end that rings back:
 *
 *   events serve PEER    ring PEER once for each request in slice 0, and say so
 *                        there; ends when asked to
 *   events check PEER    poll, read, signals, IRQ_ENABLE, several openers; asks
 *                        PEER, which serves, for each ring; last, asks it to end
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "device.h"

#define READERS			3
#define RINGS_FOR_READERS	20
#define ANOTHER_USER		1000

static short poll_now(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) > 0 ? pollfd.revents : 0;
}

static void check_poll_and_read(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	struct hgshm_event events[HGSHM_VECTORS_MAX], poison = { .epoch = 0x5A5A5A5A };
	struct hgshm_event event = poison;
	void *unwritable = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQUAL(poll_now(fd, 0), 0);
	CHECK_ERRNO(read(fd, &event, sizeof(event)), EAGAIN);
	CHECK(!memcmp(&event, &poison, sizeof(event)));

	bench_have_rung(b, 1);
	CHECK_EQUAL(poll_now(fd, DEVICE_PATIENCE_MS), POLLIN);
	CHECK_ERRNO(read(fd, &event, sizeof(event) - 1), EINVAL);
	CHECK(!memcmp(&event, &poison, sizeof(event)));
	CHECK_ERRNO(read(fd, unwritable, sizeof(event)), EFAULT);
	CHECK_EQUAL(poll_now(fd, 0), POLLIN);
	CHECK_EQUAL(read(fd, events, sizeof(events)), sizeof(event));
	CHECK_EQUAL(events[0].type, HGSHM_EVENT_DOORBELL);
	CHECK_EQUAL(events[0].index, b->peer);
	CHECK_EQUAL(events[0].count, 1);
	CHECK_EQUAL(events[0].epoch, device_info(fd).epoch);
	CHECK_EQUAL(poll_now(fd, 0), 0);
	CHECK_ERRNO(read(fd, &event, sizeof(event)), EAGAIN);
	close(fd);
}

static void check_blocking_read(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR);
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		struct hgshm_event event;
		bool woken = read(fd, &event, sizeof(event)) == sizeof(event);

		_exit(woken && event.index == b->peer ? 0 : 1);
	}
	bench_have_rung(b, 1);
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	close(fd);
}

static void on_alarm(int signo)
{
}

/* A signal ends a read() that blocks, and it takes no event with it. */
static void check_interrupted_read(struct bench *b)
{
	struct itimerval again = { { 0, 20000 }, { 0, 20000 } }, stop = { 0 };
	struct sigaction action = { .sa_handler = on_alarm };
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_event event, poison;

	memset(&poison, 0x5A, sizeof(poison));
	event = poison;
	sigaction(SIGALRM, &action, NULL);
	/* Again and again: the first may come before read() is there. */
	setitimer(ITIMER_REAL, &again, NULL);
	CHECK_ERRNO(read(fd, &event, sizeof(event)), EINTR);
	setitimer(ITIMER_REAL, &stop, NULL);
	CHECK(!memcmp(&event, &poison, sizeof(event)));
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	close(fd);
}

static void check_openers(struct bench *b)
{
	int first = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int second, third;

	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(first, b->peer), 1);
	second = device_open(device_path(), O_RDONLY | O_NONBLOCK);
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(first, b->peer), 1);
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(first, b->peer), 1);
	third = device_open(device_path(), O_RDWR | O_NONBLOCK);
	/* What the first has read is still there for the second, merged. */
	CHECK_EQUAL(device_wait_ring(second, b->peer), 2);
	CHECK_EQUAL(poll_now(second, 0), 0);
	CHECK_EQUAL(poll_now(third, 0), 0);
	close(first);
	close(second);
	close(third);
}

/* Several processes read one descriptor: each ring goes to one of them. */
static void check_readers(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR);
	uint64_t count, total = 0;
	pid_t readers[READERS];
	int pipe_fds[2];

	if (pipe(pipe_fds))
		check_abort("pipe: %s", strerror(errno));
	for (int i = 0; i < READERS; i++) {
		readers[i] = fork();
		if (readers[i] == 0) {
			struct hgshm_event event;

			while (read(fd, &event, sizeof(event)) == sizeof(event) &&
			       event.type == HGSHM_EVENT_DOORBELL &&
			       write(pipe_fds[1], &event.count, sizeof(event.count)) > 0)
				continue;
			_exit(1);
		}
	}
	for (int i = 0; i < RINGS_FOR_READERS; i++) {
		bench_have_rung(b, 1);
		if (read(pipe_fds[0], &count, sizeof(count)) != sizeof(count))
			check_abort("read: %s", strerror(errno));
		total += count;
	}
	CHECK_EQUAL(total, RINGS_FOR_READERS);
	CHECK_EQUAL(poll_now(pipe_fds[0], DEVICE_QUIET_MS), 0);
	CHECK_EQUAL(poll_now(fd, 0), 0);
	for (int i = 0; i < READERS; i++) {
		kill(readers[i], SIGKILL);
		waitpid(readers[i], NULL, 0);
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(fd);
}

static void check_irq_enable(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);

	CHECK_EQUAL(device_info(fd).irq_enabled, 1);
	device_irq_enable(fd, false);
	CHECK_EQUAL(device_info(fd).irq_enabled, 0);
	bench_have_rung(b, 3);
	CHECK_EQUAL(poll_now(fd, DEVICE_QUIET_MS), 0);
	device_irq_enable(fd, true);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	CHECK_EQUAL(poll_now(fd, DEVICE_QUIET_MS), 0);

	/* Nothing waited: enabling again raises nothing. */
	device_irq_enable(fd, true);
	CHECK_EQUAL(poll_now(fd, DEVICE_QUIET_MS), 0);
	close(fd);
}

static int set_signal(int fd, int signo)
{
	struct hgshm_set_signal request = { .signo = signo };

	return ioctl(fd, HGSHM_IOC_SET_SIGNAL, &request);
}

static bool signal_came(const sigset_t *set, int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};

	return sigtimedwait(set, NULL, &timeout) > 0;
}

/* A bystander with the same descriptor, and blocked signals, as its parent. */
static pid_t fork_bystander(const sigset_t *set, int *stop_fd)
{
	int stop[2];
	pid_t child;

	if (pipe(stop))
		check_abort("pipe: %s", strerror(errno));
	child = fork();
	if (child == 0) {
		char byte;

		close(stop[1]);
		/* Ends with 1 if the signal came to it as well. */
		if (read(stop[0], &byte, 1))
			_exit(2);
		_exit(signal_came(set, 0));
	}
	close(stop[0]);
	*stop_fd = stop[1];
	return child;
}

static void check_signal(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int stop_fd, status = -1;
	sigset_t usr, rt;
	pid_t bystander;

	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	sigemptyset(&rt);
	sigaddset(&rt, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &usr, NULL);
	sigprocmask(SIG_BLOCK, &rt, NULL);

	CHECK_EQUAL(set_signal(fd, SIGUSR1), 0);
	bystander = fork_bystander(&usr, &stop_fd);
	bench_have_rung(b, 1);
	CHECK(signal_came(&usr, DEVICE_PATIENCE_MS));
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	close(stop_fd);
	CHECK_EQUAL(waitpid(bystander, &status, 0), bystander);
	CHECK_EQUAL(status, 0);

	/* A later call replaces; 0 stops; a closed descriptor stops. */
	CHECK_EQUAL(set_signal(fd, SIGRTMIN + 1), 0);
	bench_have_rung(b, 1);
	CHECK(signal_came(&rt, DEVICE_PATIENCE_MS));
	CHECK(!signal_came(&usr, 0));
	CHECK_EQUAL(set_signal(fd, 0), 0);
	device_drain(fd);
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	CHECK(!signal_came(&rt, DEVICE_QUIET_MS));

	CHECK_EQUAL(set_signal(fd, SIGUSR1), 0);
	close(fd);
	fd = device_open(device_path(), O_RDWR);
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	CHECK(!signal_came(&usr, DEVICE_QUIET_MS));
	close(fd);
}

/* The process that asked ends; another holds the descriptor open. */
static void check_signal_of_the_dead(struct bench *b)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(set_signal(fd, SIGKILL) != 0);
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	bench_have_rung(b, 1);
	CHECK_EQUAL(device_wait_ring(fd, b->peer), 1);
	close(fd);
}

/*
 * Whoever asked for a signal and has other rights since, as by a set-user-id program,
 * is not to be disturbed by it.
 */
static void check_signal_of_another_user(struct bench *b, const sigset_t *set)
{
	int fd = device_open(device_path(), O_RDWR | O_NONBLOCK);
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (setresuid(ANOTHER_USER, ANOTHER_USER, 0) || set_signal(fd, SIGUSR1) ||
		    setresuid(0, 0, 0))
			_exit(2);
		bench_have_rung(b, 1);
		if (device_wait_ring(fd, b->peer) != 1 || signal_came(set, 0))
			_exit(1);
		/* Back among those that may: the next one comes. */
		if (setresuid(ANOTHER_USER, 0, 0))
			_exit(3);
		bench_have_rung(b, 1);
		_exit(signal_came(set, DEVICE_PATIENCE_MS) ? 0 : 4);
	}
	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	struct bench b;
	sigset_t usr;

	if (argc != 3)
		check_abort("usage: events serve|check PEER");
	b = bench_open(atoi(argv[2]));
	if (!strcmp(argv[1], "serve")) {
		bench_serve(&b);
		return 0;
	}

	check_poll_and_read(&b);
	check_blocking_read(&b);
	check_interrupted_read(&b);
	check_openers(&b);
	check_readers(&b);
	check_irq_enable(&b);
	check_signal(&b);
	check_signal_of_the_dead(&b);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	check_signal_of_another_user(&b, &usr);
	bench_end(&b);
	return check_status();
}
