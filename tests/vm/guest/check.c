// SPDX-License-Identifier: MIT
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int checks;
static unsigned int failures;

void check_that(bool holds, const char *file, int line, const char *text,
		long long got, long long wanted)
{
	checks++;
	if (holds)
		return;
	failures++;
	if (got == wanted)
		printf("FAIL %s:%d: %s\n", file, line, text);
	else
		printf("FAIL %s:%d: %s: got %lld, wanted %lld\n", file, line, text,
		       got, wanted);
	fflush(stdout);
}

void check_errno(long long ret, int error, int wanted, const char *file,
		 int line, const char *call)
{
	checks++;
	if (ret == -1 && error == wanted)
		return;
	failures++;
	printf("FAIL %s:%d: %s: returned %lld (%s), wanted -1", file, line, call,
	       ret, ret == -1 ? strerror(error) : "no error");
	printf(" (%s)\n", strerror(wanted));
	fflush(stdout);
}

int check_status(void)
{
	if (!checks)
		printf("FAIL: nothing was checked\n");
	else
		printf("%u of %u checks failed\n", failures, checks);
	return failures || !checks;
}

void check_abort(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL: ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	exit(1);
}
