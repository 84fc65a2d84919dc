// SPDX-License-Identifier: MIT
#include "command.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

pid_t command_start(const char *command)
{
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return child;
}

bool command_runs(pid_t child)
{
	siginfo_t info = { 0 };

	/* Looks only: its end is still there for command_check_end(). */
	return !waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid == 0;
}

void command_check_end(pid_t child)
{
	int status = -1;

	CHECK_EQUAL(waitpid(child, &status, 0), child);
	CHECK_EQUAL(status, 0);
}
