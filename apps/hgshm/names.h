/* SPDX-License-Identifier: MIT */
/* A list of texts, each in it once. */
#ifndef HGSHM_NAMES_H
#define HGSHM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
	char **items;
	size_t count;
};

/* -ENOMEM, or 0 */
int names_add(struct names *names, const char *text);
bool names_have(const struct names *names, const char *text);
void names_sort(struct names *names);
void names_free(struct names *names);

#endif /* HGSHM_NAMES_H */
