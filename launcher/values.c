// SPDX-License-Identifier: MIT
#include "values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* Two digits and a colon at most, so that a path is not mistaken for it. */
static const char *split_index(const char *text, int *index)
{
	int digits = 0;
	int number = 0;

	while (digits < 2 && isdigit((unsigned char)text[digits]))
		number = number * 10 + (text[digits++] - '0');
	if (digits == 0 || text[digits] != ':') {
		*index = VALUES_EVERY_VM;
		return text;
	}
	*index = number;
	return text + digits + 1;
}

int values_add(struct values *v, const char *text)
{
	struct value *grown = reallocarray(v->items, v->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	v->items = grown;
	v->items[v->count].text = split_index(text, &v->items[v->count].index);
	v->count++;
	return 0;
}

const char *values_get(const struct values *v, unsigned int index,
		       const char *otherwise)
{
	const char *every = otherwise;
	const char *own = NULL;

	for (size_t i = 0; i < v->count; i++) {
		if (v->items[i].index == VALUES_EVERY_VM)
			every = v->items[i].text;
		else if ((unsigned int)v->items[i].index == index)
			own = v->items[i].text;
	}
	return own ? own : every;
}

int values_highest_index(const struct values *v)
{
	int highest = VALUES_EVERY_VM;

	for (size_t i = 0; i < v->count; i++) {
		if (v->items[i].index > highest)
			highest = v->items[i].index;
	}
	return highest;
}

void values_free(struct values *v)
{
	free(v->items);
	v->items = NULL;
	v->count = 0;
}
