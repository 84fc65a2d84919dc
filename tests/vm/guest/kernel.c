// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "check.h"

bool kernel_is_at_least(int major, int minor)
{
	struct utsname name;
	int its_major, its_minor;

	if (uname(&name) || sscanf(name.release, "%d.%d", &its_major, &its_minor) != 2)
		check_abort("no kernel version");
	return its_major > major || (its_major == major && its_minor >= minor);
}
