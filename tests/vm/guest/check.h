/* SPDX-License-Identifier: MIT */
/*
 * Checks for programs that run in a guest. A check that fails is told on
 * standard output, and the program goes on, so that one run shows all.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>

/* @condition holds. */
#define CHECK(condition) \
	check_that((condition), __FILE__, __LINE__, #condition, 0, 0)

/* Two numbers are equal; both are shown if not. */
#define CHECK_EQUAL(got, wanted) do {						\
	long long got_ = (got), wanted_ = (wanted);				\
	check_that(got_ == wanted_, __FILE__, __LINE__,				\
		   #got " == " #wanted, got_, wanted_);				\
} while (0)

/* The call returns -1 with this errno. */
#define CHECK_ERRNO(call, error) do {						\
	errno = 0;								\
	long long ret_ = (long long)(call);					\
	int errno_ = errno;							\
	check_errno(ret_, errno_, (error), __FILE__, __LINE__, #call);		\
} while (0)

void check_that(bool holds, const char *file, int line, const char *text,
		long long got, long long wanted);
void check_errno(long long ret, int error, int wanted, const char *file,
		 int line, const char *call);

/* What main() returns: 0 if all checks held, and there was at least one. */
int check_status(void);

/* Ends the program as failed: what was to be checked can't be reached. */
void check_abort(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif /* CHECK_H */
