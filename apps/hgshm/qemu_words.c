/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_words.h"

/*
 * QEMU's own syntax: name=value,name=value, where ",," in a value stands for a comma. The
 * first part may be a bare value.
 */
static bool option_value(const char *word, const char *name, char *value, size_t value_bytes)
{
	size_t name_length = strlen(name);

	while (*word) {
		bool wanted = !strncmp(word, name, name_length) && word[name_length] == '=';
		size_t length = 0;

		if (wanted)
			word += name_length + 1;
		for (; *word && (*word != ',' || word[1] == ','); word++) {
			word += *word == ',';
			if (wanted && length + 1 < value_bytes)
				value[length++] = *word;
		}
		if (wanted) {
			value[length] = '\0';
			return true;
		}
		word += *word == ',';
	}
	return false;
}

/* The JSON that libvirt writes for -device: one flat object. */
static bool json_value(const char *word, const char *name, char *value, size_t value_bytes)
{
	char key[32];
	const char *at;
	size_t length = 0;
	bool quoted;

	snprintf(key, sizeof(key), "\"%s\"", name);
	at = strstr(word, key);
	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, " :");
	quoted = *at == '"';
	at += quoted;
	for (; *at && (quoted ? *at != '"' : !strchr(",} ", *at)); at++) {
		at += *at == '\\' && at[1];
		if (length + 1 < value_bytes)
			value[length++] = *at;
	}
	value[length] = '\0';
	return true;
}

static bool word_value(const char *word, const char *name, char *value, size_t value_bytes)
{
	value[0] = '\0';
	return *word == '{' ? json_value(word, name, value, value_bytes) :
			      option_value(word, name, value, value_bytes);
}

static bool is_device(const char *word)
{
	char driver[16];

	if (*word == '{')
		return json_value(word, "driver", driver, sizeof(driver)) &&
		       !strcmp(driver, "hgshm");
	return !strncmp(word, "hgshm,", 6) ||
	       (option_value(word, "driver", driver, sizeof(driver)) && !strcmp(driver, "hgshm"));
}

static const char *next_word(const char *word, const char *end)
{
	const char *nul = memchr(word, '\0', end - word);

	return nul && nul + 1 < end ? nul + 1 : NULL;
}

/* The word after each -device or -chardev, whether with one minus or two. */
static bool is_option(const char *word, const char *name)
{
	if (*word++ != '-')
		return false;
	return !strcmp(word + (*word == '-'), name);
}

static void find_socket(const char *words, const char *end, const char *id, char *path,
			size_t path_bytes)
{
	for (const char *word = words; word; word = next_word(word, end)) {
		const char *value = next_word(word, end);
		char found[64];

		if (!value || !is_option(word, "chardev"))
			continue;
		if (word_value(value, "id", found, sizeof(found)) && !strcmp(found, id)) {
			word_value(value, "path", path, path_bytes);
			return;
		}
	}
}

size_t qemu_words_devices(const char *words, size_t bytes,
			  struct qemu_device devices[QEMU_DEVICES_MAX])
{
	const char *end = words + bytes;
	size_t count = 0;

	if (!bytes || end[-1])
		return 0;
	for (const char *word = words; word && count < QEMU_DEVICES_MAX;
	     word = next_word(word, end)) {
		const char *value = next_word(word, end);
		struct qemu_device *device = &devices[count];
		char text[64];

		if (!value || !is_option(word, "device") || !is_device(value))
			continue;
		*device = (struct qemu_device){ .index = -1 };
		word_value(value, "shmid", device->shmid, sizeof(device->shmid));
		if (word_value(value, "index", text, sizeof(text)))
			device->index = atoi(text);
		if (word_value(value, "chardev", text, sizeof(text)))
			find_socket(words, end, text, device->socket, sizeof(device->socket));
		count++;
	}
	return count;
}
