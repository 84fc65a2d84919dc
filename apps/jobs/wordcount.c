/* SPDX-License-Identifier: MIT */
/* Job "wordcount": how often each word occurs. */
#include <stdlib.h>

#include "job.h"
#include "records.h"
#include "word_scan.h"
#include "word_table.h"

#define BATCH_WORDS 64

/*
 * Portions come in order of the workers' hash. Filling a table in its own order piles
 * everything up at its front while it is still small, so merging hashes differently.
 */
#define MERGE_SEED UINT64_C(0xA4093822299F31D0)

struct wordcount {
	struct word_scanner scanner;
	struct slot_table shorts;
	struct long_table longs;
	uint64_t seed;
	size_t table_bytes;
	uint64_t words;		/* of the chunk being mapped */
	uint64_t total;		/* of counts merged */
	bool flushing;
	size_t next_short;	/* to be flushed */
	size_t next_long;
};

static int wordcount_check(const char *given, char params[JOB_PARAMS_BYTES])
{
	if (*given)
		return -EINVAL;
	params[0] = '\0';
	return 0;
}

static void wordcount_free(void *ctx)
{
	struct wordcount *wc = ctx;

	if (!wc)
		return;
	word_scanner_fini(&wc->scanner);
	slot_table_fini(&wc->shorts);
	long_table_fini(&wc->longs);
	free(wc);
}

static int wordcount_init(void **ctx, const struct job_config *config)
{
	struct wordcount *wc;

	if (*config->params)
		return -EINVAL;
	wc = calloc(1, sizeof(*wc));
	if (!wc)
		return -ENOMEM;
	wc->seed = config->hash_seed;
	wc->table_bytes = config->table_bytes;
	if (word_scanner_init(&wc->scanner) || short_table_init(&wc->shorts) ||
	    long_table_init(&wc->longs)) {
		wordcount_free(wc);
		return -ENOMEM;
	}
	*ctx = wc;
	return 0;
}

/* Slots are fetched while later words are hashed: a large table misses the cache each time. */
struct batch {
	size_t used;
	struct slot words[BATCH_WORDS];
};

static int add_batch(struct wordcount *wc, struct batch *batch)
{
	int ret;

	for (size_t i = 0; i < batch->used; i++) {
		const struct slot *word = batch->words + i;

		ret = short_table_add(&wc->shorts, word->key, word->hash, word->count);
		if (ret)
			return ret;
	}
	batch->used = 0;
	return 0;
}

/* Takes the word whose key is in batch->words[batch->used]. */
static inline int batch_word(struct wordcount *wc, struct batch *batch, uint64_t seed,
			     uint64_t count)
{
	struct slot *word = batch->words + batch->used;

	word->hash = short_hash(word->key, seed);
	word->count = count;
	__builtin_prefetch(slot_home(&wc->shorts, word->hash), 1);
	return ++batch->used == BATCH_WORDS ? add_batch(wc, batch) : 0;
}

static int add_words(void *arg, const unsigned char *base, const int32_t *edges, size_t count)
{
	struct wordcount *wc = arg;
	const uint64_t seed = wc->seed;
	struct batch batch;
	int ret;

	batch.used = 0;
	wc->words += count;
	for (size_t i = 0; i < count; i++) {
		const unsigned char *word = base + edges[2 * i];
		size_t bytes = edges[2 * i + 1] - edges[2 * i];

		if (__builtin_expect(bytes > SHORT_WORD_BYTES, 0)) {
			ret = long_table_add(&wc->longs, word, bytes,
					     long_hash(word, bytes, seed), 1);
		} else {
			short_key(batch.words[batch.used].key, word, bytes);
			ret = batch_word(wc, &batch, seed, 1);
		}
		if (ret)
			return ret;
	}
	return add_batch(wc, &batch);
}

static int wordcount_map_chunk(void *ctx, const void *chunk, size_t bytes, uint64_t *records)
{
	struct wordcount *wc = ctx;
	struct word_sink sink = { .words = add_words, .arg = wc };
	int ret;

	if (wc->flushing)
		return -EBUSY;
	wc->words = 0;
	ret = word_scan(&wc->scanner, chunk, bytes, &sink);
	*records += wc->words;
	return ret;
}

static bool wordcount_wants_flush(const void *ctx)
{
	const struct wordcount *wc = ctx;
	size_t bytes = slot_table_bytes(&wc->shorts) + long_table_bytes(&wc->longs);

	if (!wc->shorts.used && !wc->longs.words.used)
		return false;
	if (short_table_nearly_full(&wc->shorts))
		bytes += slot_table_bytes(&wc->shorts);
	return bytes > wc->table_bytes;
}

static int flush_some(struct wordcount *wc, unsigned char *out, size_t out_bytes,
		      struct job_portion *portion)
{
	int ret;

	for (; wc->next_short < wc->shorts.used; wc->next_short++) {
		const struct slot *slot = wc->shorts.slots + wc->next_short;

		ret = record_put(out, out_bytes, &portion->bytes, slot->count, slot->key,
				 short_key_bytes(slot->key));
		if (ret)
			return ret;
		portion->records++;
	}
	for (; wc->next_long < wc->longs.words.used; wc->next_long++) {
		const struct slot *slot = wc->longs.words.slots + wc->next_long;

		ret = record_put(out, out_bytes, &portion->bytes, slot->count,
				 long_key(&wc->longs, slot), long_key_bytes(slot));
		if (ret)
			return ret;
		portion->records++;
	}
	return 0;
}

static int wordcount_flush(void *ctx, void *out, size_t out_bytes, struct job_portion *portion)
{
	struct wordcount *wc = ctx;
	int ret;

	*portion = (struct job_portion){ 0 };
	if (!wc->flushing) {
		slot_table_compact(&wc->shorts);
		slot_table_compact(&wc->longs.words);
		wc->flushing = true;
		wc->next_short = 0;
		wc->next_long = 0;
	}
	ret = flush_some(wc, out, out_bytes, portion);
	if (ret == -ENOSPC && portion->records) {
		portion->more = true;
		return 0;
	}
	if (ret)
		return ret;
	ret = slot_table_reset(&wc->shorts, wc->table_bytes);
	if (!ret)
		ret = long_table_reset(&wc->longs, wc->table_bytes);
	wc->flushing = false;
	return ret;
}

static int merge_record(struct wordcount *wc, struct batch *batch, const struct record *record)
{
	const uint64_t seed = wc->seed ^ MERGE_SEED;
	uint64_t *key = batch->words[batch->used].key;

	for (uint32_t i = 0; i < record->key_bytes; i++)
		if (!word_byte(record->key[i]))
			return -EPROTO;
	if (__builtin_add_overflow(wc->total, record->count, &wc->total))
		return -EPROTO;
	if (record->key_bytes > SHORT_WORD_BYTES)
		return long_table_add(&wc->longs, record->key, record->key_bytes,
				      long_hash(record->key, record->key_bytes, seed),
				      record->count);
	key[0] = 0;
	key[1] = 0;
	memcpy(key, record->key, record->key_bytes);
	return batch_word(wc, batch, seed, record->count);
}

static int wordcount_merge(void *ctx, const void *portion, size_t bytes, uint64_t records)
{
	struct wordcount *wc = ctx;
	struct record record;
	struct batch batch;
	size_t used = 0;
	int ret;

	batch.used = 0;
	for (; used < bytes; records--) {
		if (!records)
			return -EPROTO;
		ret = record_get(portion, bytes, &used, &record);
		if (!ret)
			ret = merge_record(wc, &batch, &record);
		if (ret)
			return ret;
	}
	return records ? -EPROTO : add_batch(wc, &batch);
}

static uint64_t wordcount_total(const void *ctx)
{
	const struct wordcount *wc = ctx;

	return wc->total;
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_keys(const unsigned char *a, size_t a_bytes, const unsigned char *b,
			size_t b_bytes)
{
	int ret = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);

	return ret ? ret : order(a_bytes, b_bytes);
}

static int compare_longs(const void *one, const void *other, void *table)
{
	const struct slot *a = one, *b = other;

	if (a->count != b->count)
		return order(b->count, a->count);
	return compare_keys(long_key(table, a), long_key_bytes(a), long_key(table, b),
			    long_key_bytes(b));
}

static int wordcount_finish(void *ctx, const struct job_sink *sink, uint64_t *distinct)
{
	struct wordcount *wc = ctx;
	const struct slot *a = wc->shorts.slots, *a_end = a + wc->shorts.used;
	const struct slot *b = wc->longs.words.slots, *b_end = b + wc->longs.words.used;
	int ret = 0;

	short_table_sort(&wc->shorts);
	slot_table_compact(&wc->longs.words);
	qsort_r(wc->longs.words.slots, wc->longs.words.used, sizeof(*b), compare_longs, &wc->longs);
	*distinct = wc->shorts.used + wc->longs.words.used;

	while (!ret && (a < a_end || b < b_end)) {
		size_t a_bytes = a < a_end ? short_key_bytes(a->key) : 0;
		const unsigned char *b_key = b < b_end ? long_key(&wc->longs, b) : NULL;
		bool take_short;

		if (a == a_end || b == b_end)
			take_short = b == b_end;
		else if (a->count != b->count)
			take_short = a->count > b->count;
		else
			take_short = compare_keys((const unsigned char *)a->key, a_bytes, b_key,
						  long_key_bytes(b)) < 0;
		if (take_short) {
			ret = sink->result(sink->arg, a->count, a->key, a_bytes);
			a++;
		} else {
			ret = sink->result(sink->arg, b->count, b_key, long_key_bytes(b));
			b++;
		}
	}
	return ret;
}

const struct job_ops job_wordcount = {
	.abi = JOB_ABI_VERSION,
	.name = "wordcount",
	.summary = "occurrences of each word",
	.records = "words",
	.key = JOB_KEY_HASH,
	.separator = word_separator,
	.check = wordcount_check,
	.init = wordcount_init,
	.map_chunk = wordcount_map_chunk,
	.wants_flush = wordcount_wants_flush,
	.flush = wordcount_flush,
	.merge = wordcount_merge,
	.total = wordcount_total,
	.finish = wordcount_finish,
	.free = wordcount_free,
};
