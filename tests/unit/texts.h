/* SPDX-License-Identifier: MIT */
/* Texts for tests, files for them, and what the oracle says of them. */
#ifndef UNIT_TEXTS_H
#define UNIT_TEXTS_H

#include <stddef.h>
#include <stdint.h>

struct text {
	unsigned char *bytes;
	size_t length;
};

/* Repeatable: the same seed gives the same text. */
struct text text_of(const void *bytes, size_t length);
struct text text_words(uint64_t seed, size_t length, unsigned int distinct);
struct text text_noise(uint64_t seed, size_t length);
void text_free(struct text *text);

/* A new directory for this test; removed with all files in it by texts_cleanup. */
const char *texts_dir(void);
void texts_cleanup(void);

/* A path in that directory, good until texts_cleanup. */
const char *texts_path(const char *name);
void text_save(const struct text *text, const char *path);
struct text text_load(const char *path);

/* What hgshm-oracle prints for a file. */
struct text oracle(const char *job, const char *byte, const char *path);

/* Fails the test unless both are the same, byte for byte. */
void assert_same_text(const struct text *have, const struct text *wanted);

#endif /* UNIT_TEXTS_H */
