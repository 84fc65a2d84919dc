// SPDX-License-Identifier: MIT
#include "args.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void args_take(struct args *a, char *text)
{
	char **grown;

	if (!text) {
		a->failed = true;
		return;
	}
	grown = reallocarray(a->items, a->count + 2, sizeof(*grown));
	if (!grown) {
		free(text);
		a->failed = true;
		return;
	}
	a->items = grown;
	a->items[a->count++] = text;
	a->items[a->count] = NULL;
}

void args_add(struct args *a, const char *text)
{
	args_take(a, strdup(text));
}

void args_addf(struct args *a, const char *format, ...)
{
	char *text;
	va_list list;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	args_take(a, text);
}

char **args_list(struct args *a)
{
	return a->failed ? NULL : a->items;
}

void shell_quote_print(const char *word, FILE *stream)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_=+,./:@%";

	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, stream);
		return;
	}
	fputc('\'', stream);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", stream);
		else
			fputc(*word, stream);
	}
	fputc('\'', stream);
}

void args_print(const struct args *a, FILE *stream)
{
	for (size_t i = 0; i < a->count; i++) {
		if (i > 0)
			fputs(a->items[i][0] == '-' ? " \\\n\t" : " ", stream);
		shell_quote_print(a->items[i], stream);
	}
	fputc('\n', stream);
}

char *qemu_escape(const char *value)
{
	char *escaped = malloc(2 * strlen(value) + 1);
	char *to = escaped;

	if (!escaped)
		return NULL;
	for (; *value; value++) {
		if (*value == ',')
			*to++ = ',';
		*to++ = *value;
	}
	*to = '\0';
	return escaped;
}

void args_free(struct args *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->items[i]);
	free(a->items);
	a->items = NULL;
	a->count = 0;
}
