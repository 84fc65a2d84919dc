/* SPDX-License-Identifier: MIT */
/* Shell commands beside the program that tests what they do to it. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

pid_t command_start(const char *command);

/* Not ended yet. */
bool command_runs(pid_t child);

/* Waits for a child of any kind; checks that its exit status is 0. */
void command_check_end(pid_t child);

#endif /* COMMAND_H */
