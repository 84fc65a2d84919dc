/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "interrupt.h"
#include "size.h"
#include "text.h"

uint64_t command_number(struct argp_state *state, const char *name, const char *text,
			uint64_t least, uint64_t most)
{
	uint64_t number;

	if (parse_number(text, &number) || number < least || number > most)
		argp_error(state, "%s=%s: a number from %llu to %llu is wanted", name, text,
			   (unsigned long long)least, (unsigned long long)most);
	return number;
}

int64_t command_seconds(struct argp_state *state, const char *name, const char *text)
{
	int64_t ns;

	if (parse_seconds(text, &ns))
		argp_error(state, "%s=%s: seconds are wanted, as 10 or 0.5", name, text);
	return ns;
}

void command_complain(const char *name, const struct problem *problem)
{
	fprintf(stderr, "%s: ", name);
	text_print(stderr, problem->text);
	putc('\n', stderr);
}

int command_end(const char *name, int ret, const struct problem *problem)
{
	if (interrupted)
		return 128 + interrupted;
	if (!ret && (fflush(stdout) || ferror(stdout))) {
		fprintf(stderr, "%s: standard output: %s\n", name, strerror(errno));
		return EXIT_FAILURE;
	}
	if (ret)
		command_complain(name, problem);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
