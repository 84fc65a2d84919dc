/* SPDX-License-Identifier: MIT */
/* One clear line about what went wrong, handed up to whoever prints it. */
#ifndef COMMON_PROBLEM_H
#define COMMON_PROBLEM_H

struct problem {
	char text[512];
};

/* Writes the line and returns error, which is a negative errno. */
int problem_set(struct problem *problem, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* COMMON_PROBLEM_H */
