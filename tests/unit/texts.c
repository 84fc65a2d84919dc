/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "texts.h"

static char dir[64];
static char **paths;
static size_t paths_used;

static uint64_t next_random(uint64_t *state)
{
	*state += UINT64_C(0x9E3779B97F4A7C15);
	return (*state ^ *state >> 29) * UINT64_C(0xD1342543DE82EF95) >> 16;
}

struct text text_of(const void *bytes, size_t length)
{
	struct text text = { malloc(length + 1), length };

	assert_non_null(text.bytes);
	memcpy(text.bytes, bytes, length);
	return text;
}

/* Words of all lengths from 1 to about 40, some in capitals, some with bytes over 0x7F. */
struct text text_words(uint64_t seed, size_t length, unsigned int distinct)
{
	static const char separators[] = " \n\t.,-\0;:!?()_";
	struct text text = { malloc(length + 1), length };
	uint64_t state = seed;
	size_t used = 0;

	assert_non_null(text.bytes);
	while (used < length) {
		uint64_t r = next_random(&state);
		unsigned int word = (r % distinct) * (r >> 20 & 0xFF) / 256;
		char spelled[64];
		size_t bytes;

		bytes = snprintf(spelled, sizeof(spelled), word % 7 == 0 ? "it's%u" :
				 word % 31 == 0 ? "supercalifragilistic%uexpialidocious" :
				 word % 11 == 0 ? "\xC3\xA9%x" : word % 5 == 0 ? "W%uX" : "%x", word);
		if (bytes > length - used)
			bytes = length - used;
		memcpy(text.bytes + used, spelled, bytes);
		used += bytes;
		if (used < length)
			text.bytes[used++] = separators[(r >> 40) % (sizeof(separators) - 1)];
	}
	return text;
}

struct text text_noise(uint64_t seed, size_t length)
{
	struct text text = { malloc(length + 1), length };
	uint64_t state = seed;

	assert_non_null(text.bytes);
	for (size_t i = 0; i < length; i++)
		text.bytes[i] = next_random(&state);
	return text;
}

void text_free(struct text *text)
{
	free(text->bytes);
	text->bytes = NULL;
}

const char *texts_dir(void)
{
	const char *parent = getenv("TMPDIR");

	if (!*dir) {
		snprintf(dir, sizeof(dir), "%s/hgshm-unit-XXXXXX", parent ? parent : "/tmp");
		assert_non_null(mkdtemp(dir));
	}
	return dir;
}

void texts_cleanup(void)
{
	DIR *stream = *dir ? opendir(dir) : NULL;
	struct dirent *entry;

	if (!stream)
		return;
	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(stream), entry->d_name, 0);
	closedir(stream);
	rmdir(dir);
	dir[0] = '\0';
	while (paths_used)
		free(paths[--paths_used]);
	free(paths);
	paths = NULL;
}

const char *texts_path(const char *name)
{
	char **grown = realloc(paths, (paths_used + 1) * sizeof(*paths));

	assert_non_null(grown);
	paths = grown;
	assert_true(asprintf(&paths[paths_used], "%s/%s", texts_dir(), name) > 0);
	return paths[paths_used++];
}

void text_save(const struct text *text, const char *path)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text->bytes, 1, text->length, file), text->length);
	assert_int_equal(fclose(file), 0);
}

static struct text read_stream(FILE *file)
{
	struct text text = { malloc(1), 0 };
	char part[65536];
	size_t got;

	while ((got = fread(part, 1, sizeof(part), file))) {
		text.bytes = realloc(text.bytes, text.length + got + 1);
		assert_non_null(text.bytes);
		memcpy(text.bytes + text.length, part, got);
		text.length += got;
	}
	return text;
}

struct text text_load(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct text text;

	assert_non_null(file);
	text = read_stream(file);
	fclose(file);
	return text;
}

struct text oracle(const char *job, const char *byte, const char *path)
{
	const char *program = getenv("HGSHM_ORACLE");
	char command[512];
	struct text text;
	FILE *pipe;

	assert_non_null(program);
	snprintf(command, sizeof(command), "'%s' %s %s %s '%s'", program, job, byte ? "--byte" : "",
		 byte ? byte : "", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	text = read_stream(pipe);
	assert_int_equal(pclose(pipe), 0);
	return text;
}

void assert_same_text(const struct text *have, const struct text *wanted)
{
	assert_int_equal(have->length, wanted->length);
	assert_memory_equal(have->bytes, wanted->bytes, wanted->length);
}
