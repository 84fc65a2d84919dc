/* SPDX-License-Identifier: MIT */
/**
 * DOC: a command line that grows
 *
 * Out of memory is remembered in @failed and told once, by args_list().
 */
#ifndef HGSHM_LAUNCH_ARGS_H
#define HGSHM_LAUNCH_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct args {
	char **items;
	size_t count;
	bool failed;
};

void args_add(struct args *a, const char *text);
void args_addf(struct args *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * args_list() - the arguments, with a NULL at the end, for execv()
 *
 * Return: the list, which lives as long as @a, or NULL if memory ran out.
 */
char **args_list(struct args *a);

/**
 * args_print() - write the command so that it can be pasted into a shell
 *
 * One option a line, the lines joined by backslashes.
 */
void args_print(const struct args *a, FILE *stream);

/** shell_quote_print() - write one word, quoted for a shell where it must be */
void shell_quote_print(const char *word, FILE *stream);

/**
 * qemu_escape() - double the commas of a value inside a QEMU option
 * @value: any text
 *
 * Return: a new string for free(), or NULL if memory ran out.
 */
char *qemu_escape(const char *value);

void args_free(struct args *a);

#endif
