/* SPDX-License-Identifier: MIT */
/* How every program here begins and ends. */
#ifndef COMMON_PROGRAM_H
#define COMMON_PROGRAM_H

#include <argp.h>

#include "problem.h"

/*
 * Reads the options; one that is wrong ends the program with status 2. From here on the
 * signals of interrupt.h are caught, and writing to a peer that hung up only fails.
 */
void program_begin(const struct argp *argp, int argc, char **argv, void *options);

/* The exit status. If ret is not 0, the problem is set and said under the program's name. */
int program_end(const char *name, int ret, const struct problem *problem);

#endif /* COMMON_PROGRAM_H */
