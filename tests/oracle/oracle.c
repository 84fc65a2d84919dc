/* SPDX-License-Identifier: MIT */
/*
 * hgshm-oracle: what the jobs must come to, found in the plainest way there is: read
 * everything, sort all words, count equal neighbours. Shares nothing with apps/.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	const unsigned char *start;
	size_t length;
	unsigned long long times;
};

static void die(const char *what, const char *which)
{
	fprintf(stderr, "hgshm-oracle: %s: %s\n", what, which);
	exit(EXIT_FAILURE);
}

static unsigned char *read_all(const char *path, size_t most, size_t *length)
{
	size_t room = 1 << 20, have = 0, got;
	unsigned char *text = malloc(room);
	FILE *file = fopen(path, "rb");

	if (!file)
		die("cannot open", path);
	while (text && have < most) {
		size_t want = room - have < most - have ? room - have : most - have;

		got = fread(text + have, 1, want, file);
		if (!got)
			break;
		have += got;
		if (have == room)
			text = realloc(text, room *= 2);
	}
	if (!text)
		die("no memory for", path);
	if (ferror(file))
		die("cannot read", path);
	if (most != (size_t)-1 && have < most)
		die("shorter than --bytes", path);
	fclose(file);
	*length = have;
	return text;
}

static int is_letter_of_word(int c)
{
	return c > 127 || isalnum(c) || c == '\'';
}

static int by_text(const void *left, const void *right)
{
	const struct word *a = left, *b = right;
	size_t shorter = a->length < b->length ? a->length : b->length;
	int difference = memcmp(a->start, b->start, shorter);

	if (difference)
		return difference;
	return a->length < b->length ? -1 : a->length > b->length;
}

static int by_times(const void *left, const void *right)
{
	const struct word *a = left, *b = right;

	if (a->times != b->times)
		return a->times > b->times ? -1 : 1;
	return by_text(left, right);
}

static void count_words(unsigned char *text, size_t length)
{
	struct word *words = NULL;
	size_t found = 0, room = 0, different = 0;

	for (size_t at = 0; at < length;) {
		size_t start;

		while (at < length && !is_letter_of_word(text[at]))
			at++;
		start = at;
		for (; at < length && is_letter_of_word(text[at]); at++)
			if (text[at] < 128)
				text[at] = tolower(text[at]);
		if (at == start)
			break;
		if (found == room) {
			room = room ? room * 2 : 1024;
			words = realloc(words, room * sizeof(*words));
			if (!words)
				die("no memory for", "words");
		}
		words[found++] = (struct word){ text + start, at - start, 1 };
	}
	if (found)
		qsort(words, found, sizeof(*words), by_text);
	for (size_t i = 0; i < found; i++) {
		if (different && !by_text(&words[different - 1], &words[i]))
			words[different - 1].times++;
		else
			words[different++] = words[i];
	}
	if (different)
		qsort(words, different, sizeof(*words), by_times);
	for (size_t i = 0; i < different; i++) {
		printf("%llu\t", words[i].times);
		fwrite(words[i].start, 1, words[i].length, stdout);
		putchar('\n');
	}
	free(words);
}

static void count_byte(const unsigned char *text, size_t length, int byte)
{
	unsigned long long times = 0;

	while (length--)
		if (*text++ == byte)
			times++;
	printf("%llu\t0x%02x\n", times, byte);
}

int main(int argc, char **argv)
{
	const char *job = argc > 1 ? argv[1] : "", *path = NULL;
	size_t most = -1, length;
	unsigned char *text;
	int byte = '\n';

	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--byte") && i + 1 < argc) {
			const char *value = argv[++i];

			byte = value[1] ? (int)strtol(value, NULL, 16) : (unsigned char)value[0];
		} else if (!strcmp(argv[i], "--bytes") && i + 1 < argc) {
			most = strtoull(argv[++i], NULL, 10);
		} else if (!path) {
			path = argv[i];
		} else {
			die("unknown argument", argv[i]);
		}
	}
	if (!path || (strcmp(job, "wordcount") && strcmp(job, "count")))
		die("usage", "hgshm-oracle wordcount|count [--byte C] [--bytes N] FILE");
	text = read_all(path, most, &length);
	if (!strcmp(job, "count"))
		count_byte(text, length, byte);
	else
		count_words(text, length);
	free(text);
	if (fclose(stdout))
		die("cannot write", "standard output");
	return EXIT_SUCCESS;
}
