/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "standard_files.h"

void standard_files_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* the lowest that is free is fd, since those below are not */
		if (fcntl(fd, F_GETFD) < 0)
			open("/", O_PATH);
}
