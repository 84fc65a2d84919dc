// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "command.h"
#include "group.h"
#include "options.h"
#include "places.h"

int main(int argc, char **argv)
{
	struct launch_options o;
	struct places p;
	int status = EXIT_FAILURE;
	bool has_run = false;

	options_parse(&o, argc, argv);
	if (!places_choose(&p, &o)) {
		if (o.print) {
			command_print(&o, &p);
			status = EXIT_SUCCESS;
		} else if (!places_make(&p, &o)) {
			has_run = true;
			status = group_run(&o, &p);
		}
	}
	if (!o.print)
		places_clean(&p, &o, has_run && status == EXIT_FAILURE);
	places_free(&p);
	options_free(&o);
	return status;
}
