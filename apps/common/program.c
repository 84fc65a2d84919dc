/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"
#include "program.h"
#include "standard_files.h"

void program_begin(const struct argp *argp, int argc, char **argv, void *options)
{
	standard_files_fill();
	argp_err_exit_status = 2;
	argp_parse(argp, argc, argv, 0, NULL, options);
	interrupt_catch();
	signal(SIGPIPE, SIG_IGN);
}

int program_end(const char *name, int ret, const struct problem *problem)
{
	if (ret)
		fprintf(stderr, "%s: %s\n", name, problem->text);
	if (interrupted)
		return 128 + interrupted;
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
