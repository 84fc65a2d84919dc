/* SPDX-License-Identifier: MIT */
/* What hgshm doctor looks at, and what it found. */
#ifndef HGSHM_CHECKS_H
#define HGSHM_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#define CHECKS_MAX	32

enum check_result {
	CHECK_OK,
	CHECK_ADVICE,		/* works without, better with */
	CHECK_PROBLEM,
};

/**
 * struct check - one thing that was looked at
 * @name: a word
 * @result: how it is
 * @found: one line
 * @mend: one line: what to do; "" where there is nothing to do
 */
struct check {
	const char *name;
	enum check_result result;
	char found[256];
	char mend[256];
};

/**
 * struct checks - all of them
 * @root: look below this directory; "" for this machine, only then programs are run and
 *	devices opened
 * @size_bytes: how much memory a group is to have
 */
struct checks {
	const char *root;
	uint64_t size_bytes;
	struct check items[CHECKS_MAX];
	unsigned int count;
};

/* Adds one; the words of @mend are kept by check_mend(). */
struct check *check_add(struct checks *checks, const char *name, enum check_result result,
			const char *format, ...) __attribute__((format(printf, 4, 5)));
void check_mend(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether this machine is a guest with an hgshm device. */
bool checks_is_guest(const char *root);

void checks_guest(struct checks *checks);
void checks_host(struct checks *checks);

/* Parts of checks_host() and checks_guest(). */
void checks_qemu(struct checks *checks);
void checks_memlock(struct checks *checks);

#endif /* HGSHM_CHECKS_H */
