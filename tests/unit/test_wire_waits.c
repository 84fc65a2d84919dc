// SPDX-License-Identifier: MIT
/* Waiting for a message, sending to those who do not listen, kinds of fds. */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire_fixture.h"

#define MS_NS		INT64_C(1000000)

static void test_send_to_nobody(void **state)
{
	struct fixture *f = *state;
	union any message = { .bytes = { 0 } };

	/* and no SIGPIPE, which would end this program */
	assert_int_equal(shutdown(f->to, SHUT_RDWR), 0);
	assert_int_equal(hgshm_wire_send(f->from, HGSHM_MSG_PEERS, &message,
					 NULL), -EPIPE);
}

static void test_send_to_one_who_does_not_read(void **state)
{
	struct fixture *f = *state;
	union any message = { .bytes = { 0 } };
	int error = 0;

	for (int i = 0; i < 100000 && !error; i++)
		error = hgshm_wire_send(f->from, HGSHM_MSG_REFUSED, &message,
					NULL);
	assert_int_equal(error, -EAGAIN);
	assert_string_equal(hgshm_wire_fault(&f->m, -EAGAIN), strerror(EAGAIN));
}

static void test_deadline_past(void **state)
{
	struct fixture *f = *state;
	union any message = { .bytes = { 0 } };

	assert_int_equal(hgshm_wire_receive_until(f->to, &f->m, 0), -ETIMEDOUT);
	assert_string_equal(hgshm_wire_fault(&f->m, -ETIMEDOUT),
			    "it did not come in time");
	/* What is there is taken all the same. */
	assert_int_equal(hgshm_wire_send(f->from, HGSHM_MSG_PEERS, &message,
					 NULL), 0);
	assert_int_equal(hgshm_wire_receive_until(f->to, &f->m, 0), 0);
}

static void test_deadline_with_half_a_message(void **state)
{
	int64_t deadline_ns = hgshm_wire_now_ns() + 30 * MS_NS;
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	send_raw(f->from, &message, 64, f->files, 2);
	assert_int_equal(hgshm_wire_receive_until(f->to, &f->m, deadline_ns),
			 -ETIMEDOUT);
	assert_true(hgshm_wire_now_ns() >= deadline_ns);
}

static void ignore(int number)
{
}

static void test_deadline_under_signals(void **state)
{
	const struct itimerval every_ms = {
		.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000,
	};
	const struct itimerval never = { .it_value.tv_usec = 0 };
	int64_t deadline_ns = hgshm_wire_now_ns() + 30 * MS_NS;
	struct sigaction action = { .sa_handler = ignore }, before;
	struct fixture *f = *state;
	int error;

	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	error = hgshm_wire_receive_until(f->to, &f->m, deadline_ns);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(error, -ETIMEDOUT);
	assert_true(hgshm_wire_now_ns() >= deadline_ns);
}

static void test_wait_ends_with_the_message(void **state)
{
	int64_t deadline_ns = hgshm_wire_now_ns() + 60000 * MS_NS;
	struct fixture *f = *state;
	union any message;
	int status;
	pid_t pid;

	make(&message, HGSHM_MSG_WELCOME, 160, 3);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		send_raw(f->from, &message, 1, f->files, 3);
		send_raw(f->from, &message.bytes[1], 159, NULL, 0);
		_exit(0);
	}
	assert_int_equal(hgshm_wire_receive_until(f->to, &f->m, deadline_ns), 0);
	expect_received(f, &message, 160, 3);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_wait_ends_with_the_hang_up(void **state)
{
	int64_t deadline_ns = hgshm_wire_now_ns() + 60000 * MS_NS;
	struct fixture *f = *state;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		shutdown(f->from, SHUT_RDWR);
		_exit(0);
	}
	assert_int_equal(hgshm_wire_receive_until(f->to, &f->m, deadline_ns),
			 -ECONNRESET);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_what_is_an_eventfd(void **state)
{
	struct fixture *f = *state;
	int event = eventfd(0, EFD_CLOEXEC), poller = epoll_create1(EPOLL_CLOEXEC);

	assert_true(hgshm_wire_is_eventfd(event));
	assert_false(hgshm_wire_is_eventfd(poller));
	assert_false(hgshm_wire_is_eventfd(f->from));
	assert_false(hgshm_wire_is_eventfd(f->files[0]));
	assert_false(hgshm_wire_is_eventfd(-1));
	close(event);
	close(poller);
	assert_false(hgshm_wire_is_eventfd(event));
}

static void expect_no_line(int domain, int type)
{
	int sock = socket(domain, type | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0);
	assert_false(hgshm_wire_is_line(sock));
	close(sock);
	assert_false(hgshm_wire_is_line(sock));
}

static void test_what_is_a_line(void **state)
{
	struct fixture *f = *state;
	int pair[2];

	assert_true(hgshm_wire_is_line(f->from));
	assert_true(hgshm_wire_is_line(f->to));
	assert_false(hgshm_wire_is_line(f->files[0]));
	assert_false(hgshm_wire_is_line(-1));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    pair), 0);
	assert_false(hgshm_wire_is_line(pair[0]));
	close(pair[0]);
	close(pair[1]);
	/* not connected to anybody */
	expect_no_line(AF_UNIX, SOCK_SEQPACKET);
	expect_no_line(AF_UNIX, SOCK_STREAM);
	expect_no_line(AF_INET, SOCK_STREAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_both(test_send_to_nobody),
		on_both(test_send_to_one_who_does_not_read),
		on_both(test_deadline_past),
		on_both(test_deadline_with_half_a_message),
		on_both(test_deadline_under_signals),
		on_both(test_wait_ends_with_the_message),
		on_both(test_wait_ends_with_the_hang_up),
		on_both(test_what_is_an_eventfd),
		on_line(test_what_is_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
