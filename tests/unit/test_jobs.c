/* SPDX-License-Identifier: MIT */
/* The jobs alone: whatever way the text is cut, the counts are the oracle's. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#include "job.h"
#include "records.h"
#include "texts.h"
#include "word_scan.h"
#include "word_table.h"

static void *start(const struct job_ops *job, const char *given, size_t table_bytes)
{
	struct job_config config = { .table_bytes = table_bytes, .hash_seed = 42 };
	void *ctx;

	assert_int_equal(job->check(given, config.params), 0);
	assert_int_equal(job->init(&ctx, &config), 0);
	return ctx;
}

static int append_result(void *arg, uint64_t count, const void *key, size_t key_bytes)
{
	struct text *text = arg;
	char line[32];
	int bytes = snprintf(line, sizeof(line), "%llu\t", (unsigned long long)count);

	text->bytes = realloc(text->bytes, text->length + bytes + key_bytes + 2);
	memcpy(text->bytes + text->length, line, bytes);
	memcpy(text->bytes + text->length + bytes, key, key_bytes);
	text->length += bytes + key_bytes + 1;
	text->bytes[text->length - 1] = '\n';
	return 0;
}

static void flush_into(const struct job_ops *job, void *from, void *to, size_t portion_bytes)
{
	unsigned char *out = malloc(portion_bytes);
	struct job_portion portion;

	do {
		assert_int_equal(job->flush(from, out, portion_bytes, &portion), 0);
		assert_true(portion.bytes <= portion_bytes);
		assert_int_equal(job->merge(to, out, portion.bytes, portion.records), 0);
	} while (portion.more);
	free(out);
}

static struct text finish(const struct job_ops *job, void *ctx)
{
	struct text have = { NULL, 0 };
	struct job_sink sink = { append_result, &have };
	uint64_t distinct;

	assert_int_equal(job->finish(ctx, &sink, &distinct), 0);
	job->free(ctx);
	return have;
}

/* The oracle sorts, which takes its time: asked once for each text and job. */
static const struct text *wanted_of(const char *job, const char *byte, const struct text *text)
{
	static struct text wanted;
	static struct text asked;
	static char question[32];
	char now[32];

	snprintf(now, sizeof(now), "%s %s", job, byte ? byte : "");
	if (asked.bytes && asked.length == text->length && !strcmp(question, now) &&
	    !memcmp(asked.bytes, text->bytes, text->length))
		return &wanted;
	if (asked.bytes) {
		text_free(&asked);
		text_free(&wanted);
	}
	strcpy(question, now);
	asked = text_of(text->bytes, text->length);
	text_save(text, texts_path("text"));
	wanted = oracle(job, byte, texts_path("text"));
	return &wanted;
}

/* Maps a text in chunks of at most chunk_bytes, cut where the job may be cut. */
static void check_text(const char *job_name, const char *byte, const struct text *text,
		       size_t chunk_bytes, size_t table_bytes, size_t portion_bytes)
{
	const struct job_ops *job = job_find(job_name);
	char given[16] = "";
	struct text have;
	uint64_t records = 0;
	void *worker, *merger;

	assert_non_null(job);
	if (byte)
		snprintf(given, sizeof(given), "byte=%s", byte);
	worker = start(job, given, table_bytes);
	merger = start(job, given, SIZE_MAX);
	for (size_t at = 0; at < text->length;) {
		size_t end = at + chunk_bytes < text->length ? at + chunk_bytes : text->length;

		while (job->separator && end < text->length && !job->separator[text->bytes[end - 1]])
			end++;
		assert_int_equal(job->map_chunk(worker, text->bytes + at, end - at, &records), 0);
		if (job->wants_flush(worker))
			flush_into(job, worker, merger, portion_bytes);
		at = end;
	}
	flush_into(job, worker, merger, portion_bytes);
	assert_int_equal(job->total(merger), records);
	job->free(worker);
	have = finish(job, merger);
	assert_same_text(&have, wanted_of(job_name, byte, text));
	text_free(&have);
}

static void check_all_ways(const struct text *text)
{
	static const size_t chunk_bytes[] = { 1, 2, 63, 64, 65, 4096, SIZE_MAX / 2 };

	for (size_t i = 0; i < sizeof(chunk_bytes) / sizeof(chunk_bytes[0]); i++)
		check_text("wordcount", NULL, text, chunk_bytes[i], SIZE_MAX, 1 << 20);
	check_text("wordcount", NULL, text, 4096, 1, 1 << 20);
	check_text("wordcount", NULL, text, 4096, SIZE_MAX, 70000);
	check_text("count", "e", text, 4096, SIZE_MAX, 64);
	check_text("count", "0x00", text, 100, SIZE_MAX, 16);
	check_text("count", NULL, text, 1, SIZE_MAX, 64);
}

static void check_string(const char *bytes, size_t length)
{
	struct text text = text_of(bytes, length);

	check_all_ways(&text);
	text_free(&text);
}

static void test_small_texts(void **state)
{
	static const char nuls[] = "a\0b\0\0ab\0";
	static const char all_kinds[] = "Don't don't DON'T 'tis 'TIS x' ' '' 007 \xC3\x89\xC3\xA9 "
		"under_score a-b @[`{ AZaz09 \x80 \xFF\xFE /:\x7F";

	check_string("", 0);
	check_string("a", 1);
	check_string("A a", 3);
	check_string("\n", 1);
	check_string("no final newline", 16);
	check_string("final newline\n", 14);
	check_string(nuls, sizeof(nuls) - 1);
	check_string(all_kinds, sizeof(all_kinds) - 1);
}

static void test_cut_at_each_place(void **state)
{
	static const char bytes[] = "The quick brown fox, the lazy\0dog; it's antidisestablishmentarian"
		"ism and antidisestablishmentarianisms and sixteenletterwor sixteenletterword.\n";
	struct text text = text_of(bytes, sizeof(bytes) - 1);

	for (size_t cut = 1; cut <= text.length; cut++)
		check_text("wordcount", NULL, &text, cut, SIZE_MAX, 1000);
	text_free(&text);
}

static void test_every_byte_pair(void **state)
{
	struct text text = { malloc(4 * 65536 + 1), 0 };

	for (unsigned int a = 0; a < 256; a++) {
		for (unsigned int b = 0; b < 256; b++) {
			text.bytes[text.length++] = a;
			text.bytes[text.length++] = b;
			text.bytes[text.length++] = '.';
		}
	}
	check_text("wordcount", NULL, &text, 1 << 20, SIZE_MAX, 1 << 20);
	text_free(&text);
}

static void test_many_words(void **state)
{
	struct text text = text_words(7, 1500000, 60000);

	check_text("wordcount", NULL, &text, 100000, SIZE_MAX, 1 << 20);
	check_text("wordcount", NULL, &text, 10000, 200000, 5000);
	text_free(&text);
}

static void test_noise(void **state)
{
	struct text text = text_noise(11, 300000);

	check_text("wordcount", NULL, &text, 65536, SIZE_MAX, 1 << 20);
	check_text("count", "0xff", &text, 1000, SIZE_MAX, 100);
	text_free(&text);
}

static void test_long_words(void **state)
{
	static const size_t lengths[] = { 15, 16, 17, 31, 32, 33, 255, 256, 257, 16383, 16384,
					  16385, 16640, 40000, 100000 };
	struct text text = { malloc(1000000), 0 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int copy = 0; copy < 2; copy++) {
			memset(text.bytes + text.length, 'a' + i, lengths[i]);
			text.length += lengths[i];
			text.bytes[text.length++] = ' ';
		}
	}
	check_text("wordcount", NULL, &text, 1000000, SIZE_MAX, 1 << 20);
	check_text("wordcount", NULL, &text, 17, 1, 100012);
	text_free(&text);
}

static void test_same_fold_everywhere(void **state)
{
	struct text text = text_noise(3, 64 * 1024);
	unsigned char wanted[64], have[64];
	uint64_t mask;

	for (size_t at = 0; at < text.length; at += 64) {
		mask = 0;
		for (int i = 0; i < 64; i++) {
			unsigned char byte = text.bytes[at + i];

			wanted[i] = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
			mask |= (uint64_t)!word_separator[byte] << i;
		}
		for (size_t f = 0; word_fold_at(f); f++) {
			assert_true(word_fold_at(f)(text.bytes + at, have) == mask);
			assert_memory_equal(have, wanted, 64);
		}
	}
	text_free(&text);
}

/* All want the last place, and there is room after it for a few only. */
static void test_crowded_end(void **state)
{
	struct slot_table table;
	uint64_t sum = 0;

	assert_int_equal(short_table_init(&table), 0);
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 300; i++)
			assert_int_equal(short_table_add(&table, (uint64_t[]){ i + 1, 7 }, ~(i << 44),
							 i + 1), 0);
	assert_int_equal(table.used, 300);
	slot_table_compact(&table);
	for (size_t i = 0; i < table.used; i++) {
		assert_true(!i || table.slots[i - 1].hash < table.slots[i].hash);
		sum += table.slots[i].count;
	}
	assert_int_equal(sum, 3 * 300 * 301 / 2);
	slot_table_fini(&table);
}

/* Quicksort, heapsort alone, and what is between. */
static void test_sort(void **state)
{
	static const unsigned int depths[] = { 0, 1, 5, 64 };
	struct slot_table table;

	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		for (size_t words = 0; words < 3000; words = words * 3 + 1) {
			assert_int_equal(short_table_init(&table), 0);
			for (size_t i = 0; i < words; i++) {
				unsigned char word[32] = { 0 };
				uint64_t key[2];
				int bytes = snprintf((char *)word, sizeof(word), "%zx%s", i * 7919,
						     i % 3 ? "" : "suffix");

				short_key(key, word, bytes);
				assert_int_equal(short_table_add(&table, key, short_hash(key, 1),
								 i % 5 + 1), 0);
			}
			short_table_sort_within(&table, depths[d]);
			assert_int_equal(table.used, words);
			for (size_t i = 1; i < words; i++) {
				const struct slot *a = table.slots + i - 1, *b = a + 1;

				assert_true(a->count > b->count ||
					    (a->count == b->count &&
					     memcmp(a->key, b->key, SHORT_WORD_BYTES) < 0));
			}
			slot_table_fini(&table);
		}
	}
}

static void test_flush_needs_room(void **state)
{
	const struct job_ops *job = &job_wordcount;
	unsigned char out[64];
	struct job_portion portion;
	uint64_t records = 0;
	void *ctx = start(job, "", SIZE_MAX);

	assert_int_equal(job->map_chunk(ctx, "alpha beta", 10, &records), 0);
	assert_int_equal(job->flush(ctx, out, RECORD_HEAD_BYTES + 3, &portion), -ENOSPC);
	assert_int_equal(job->flush(ctx, out, RECORD_HEAD_BYTES + 5, &portion), 0);
	assert_true(portion.more);
	assert_int_equal(portion.records, 1);
	assert_int_equal(job->map_chunk(ctx, "gamma", 5, &records), -EBUSY);
	assert_int_equal(job->flush(ctx, out, sizeof(out), &portion), 0);
	assert_false(portion.more);
	assert_int_equal(job->map_chunk(ctx, "gamma", 5, &records), 0);
	job->free(ctx);
}

/* One record, with a count and key length that may lie. */
static size_t make_record(unsigned char *out, uint64_t count, uint32_t key_bytes, const char *key)
{
	memcpy(out, &count, 8);
	memcpy(out + 8, &key_bytes, 4);
	memcpy(out + RECORD_HEAD_BYTES, key, strlen(key));
	return RECORD_HEAD_BYTES + strlen(key);
}

static void check_merge_refuses(const struct job_ops *job, const void *portion, size_t bytes,
				uint64_t records)
{
	void *ctx = start(job, "", SIZE_MAX);

	assert_int_equal(job->merge(ctx, portion, bytes, records), -EPROTO);
	job->free(ctx);
}

static void test_merge_trusts_nothing(void **state)
{
	const struct job_ops *job = &job_wordcount;
	unsigned char out[256];
	size_t bytes = make_record(out, 2, 4, "word");
	void *ctx = start(job, "", SIZE_MAX);

	assert_int_equal(job->merge(ctx, out, bytes, 1), 0);
	assert_int_equal(job->merge(ctx, out, 0, 0), 0);
	assert_int_equal(job->total(ctx), 2);
	job->free(ctx);
	check_merge_refuses(job, out, bytes, 0);
	check_merge_refuses(job, out, bytes, 2);
	check_merge_refuses(job, out, bytes - 1, 1);
	check_merge_refuses(job, out, 11, 1);
	check_merge_refuses(job, out, 0, 1);
	check_merge_refuses(job, out, make_record(out, 0, 4, "word"), 1);
	check_merge_refuses(job, out, make_record(out, 1, 0, ""), 1);
	check_merge_refuses(job, out, make_record(out, 1, 5, "word"), 1);
	check_merge_refuses(job, out, make_record(out, 1, UINT32_MAX, "word"), 1);
	check_merge_refuses(job, out, make_record(out, 1, 4, "Word"), 1);
	check_merge_refuses(job, out, make_record(out, 1, 4, "a\nbc"), 1);
	bytes = make_record(out, UINT64_MAX, 1, "a");
	bytes += make_record(out + bytes, 1, 1, "b");
	check_merge_refuses(job, out, bytes, 2);

	job = &job_count;
	bytes = make_record(out, 3, 4, "0x0a");
	ctx = start(job, "", SIZE_MAX);
	assert_int_equal(job->merge(ctx, out, bytes, 1), 0);
	job->free(ctx);
	check_merge_refuses(job, out, bytes, 2);
	check_merge_refuses(job, out, bytes + 1, 1);
	check_merge_refuses(job, out, make_record(out, 3, 4, "0x0b"), 1);
}

static void test_parameters(void **state)
{
	static const char *const bad[] = { "byte=", "byte=ab", "byte=0x", "byte=0x100", "byte=0xg",
					   "byte=0x1 ", "bite=a", "a" };
	struct job_config config = { .params = "byte=a" };
	char params[JOB_PARAMS_BYTES];
	void *ctx;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(job_count.check(bad[i], params), -EINVAL);
	assert_int_equal(job_count.check("byte=0", params), 0);
	assert_string_equal(params, "byte=0x30");
	assert_int_equal(job_count.check("byte=0XfF", params), 0);
	assert_string_equal(params, "byte=0xff");
	assert_int_equal(job_wordcount.check("byte=a", params), -EINVAL);
	assert_int_equal(job_count.init(&ctx, &config), -EINVAL);
	assert_int_equal(job_wordcount.init(&ctx, &config), -EINVAL);
	assert_null(job_find("sort"));
	assert_ptr_equal(job_find("count"), &job_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_texts),
		cmocka_unit_test(test_cut_at_each_place),
		cmocka_unit_test(test_every_byte_pair),
		cmocka_unit_test(test_many_words),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_same_fold_everywhere),
		cmocka_unit_test(test_crowded_end),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_flush_needs_room),
		cmocka_unit_test(test_merge_trusts_nothing),
		cmocka_unit_test(test_parameters),
	};
	int failed;

	failed = cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
	texts_cleanup();
	return failed;
}
