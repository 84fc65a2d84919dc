// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "group.h"
#include "options.h"
#include "places.h"

static int print(const struct launch_options *o)
{
	struct places p;
	int status = EXIT_FAILURE;

	if (!places_choose(&p, o)) {
		command_print(o, &p);
		status = EXIT_SUCCESS;
	}
	places_free(&p);
	return status;
}

static int launch(const struct launch_options *o)
{
	struct places p;
	int signal_fd = group_block_signals();
	int status = EXIT_FAILURE;
	bool has_run = false;

	if (signal_fd < 0)
		return EXIT_FAILURE;
	if (!places_choose(&p, o) && !places_make(&p, o)) {
		has_run = true;
		status = group_run(o, &p, signal_fd);
	}
	places_clean(&p, o, has_run && status == EXIT_FAILURE);
	places_free(&p);
	close(signal_fd);
	return status;
}

int main(int argc, char **argv)
{
	struct launch_options o;
	int status;

	options_parse(&o, argc, argv);
	status = o.print ? print(&o) : launch(&o);
	options_free(&o);
	return status;
}
