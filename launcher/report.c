// SPDX-License-Identifier: MIT
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report(const char *format, ...)
{
	va_list list;

	fputs("hgshm-launch: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void report_errno(int error, const char *format, ...)
{
	va_list list;

	fputs("hgshm-launch: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, ": %s\n", strerror(-error));
}
