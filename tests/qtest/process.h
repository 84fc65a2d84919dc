/* SPDX-License-Identifier: MIT */
/**
 * DOC: a child process whose end can be waited for and whose words are kept
 *
 * The child gets SIGTERM when the test program dies. Its standard output and
 * error go to one file. Functions fail the running test where something takes
 * longer than WAIT_MS.
 */
#ifndef QTEST_PROCESS_H
#define QTEST_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct process - a child
 * @pid: 0 before it starts and after it has been waited for
 * @pidfd: readable when it has ended
 * @output_fd: what it wrote
 * @status: of waitpid(), after its end
 */
struct process {
	pid_t pid;
	int pidfd;
	int output_fd;
	int status;
};

/**
 * struct process_user - an ordinary user, but for reading what the tests' user may read
 * @uid: its number
 * @descriptors_max: RLIMIT_NOFILE
 */
struct process_user {
	uid_t uid;
	unsigned int descriptors_max;
};

/** process_become() - make this process that user's; only root may. Return: whether it is */
bool process_become(const struct process_user *user);

/**
 * process_start() - run a program
 * @p: out
 * @user: whose it is; NULL for the tests' own
 * @argv: program and arguments, NULL-terminated; looked up in PATH
 * @environment: NAME=VALUE words to add, NULL-terminated, or NULL
 * @output_path: file to create for its output
 */
void process_start(struct process *p, const struct process_user *user, const char *const *argv,
		   const char *const *environment, const char *output_path);

/** process_running() - Return: whether the child has not ended yet */
bool process_running(const struct process *p);

/** process_wait() - wait for the child's end, keep its status */
void process_wait(struct process *p);

/** process_kill() - end the child by SIGKILL, if it is there, and wait */
void process_kill(struct process *p);

/** process_exit_code() - Return: exit code of an ended child, 128 + signal if killed */
int process_exit_code(const struct process *p);

/**
 * process_take_output() - what the child wrote since the last call
 *
 * Return: text, to be freed by the caller.
 */
char *process_take_output(struct process *p);

/** process_status_value() - Return: the number that /proc/PID/status gives for @name */
unsigned long long process_status_value(const struct process *p, const char *name);

/** process_close() - give back what @p holds; the child has ended */
void process_close(struct process *p);

#endif
