/* SPDX-License-Identifier: MIT */
/**
 * DOC: jobs, the part of MapReduce that knows what is counted
 *
 * A job is one &struct job_ops. The same ops serve both sides and every transport:
 * a *worker* calls init, map_chunk for each chunk, and flush until nothing is left; the
 * *coordinator* calls init, merge for each portion that flush wrote, and finish.
 * Neither knows where the bytes come from.
 *
 * A context belongs to one thread at a time. Functions return 0 or a negative errno.
 * They print nothing.
 */
#ifndef JOBS_JOB_H
#define JOBS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_ABI_VERSION 1

#define JOB_PARAMS_BYTES 128

/**
 * enum job_key_kind - what a job's results are keyed by
 * @JOB_KEY_SCALAR: one number for the whole input
 * @JOB_KEY_ARRAY: a fixed number of keys
 * @JOB_KEY_HASH: keys found in the input
 */
enum job_key_kind {
	JOB_KEY_SCALAR,
	JOB_KEY_ARRAY,
	JOB_KEY_HASH,
};

/**
 * struct job_config - what init gets
 * @params: the job's own parameters, the text that job_ops.check wrote
 * @table_bytes: memory for partial results above which wants_flush says so; a
 *	coordinator's is SIZE_MAX
 * @hash_seed: the same for all parties of one run
 */
struct job_config {
	char params[JOB_PARAMS_BYTES];
	size_t table_bytes;
	uint64_t hash_seed;
};

/**
 * struct job_portion - one portion of partial results
 * @bytes: of the portion
 * @records: in it
 * @more: another portion is left
 */
struct job_portion {
	size_t bytes;
	uint64_t records;
	bool more;
};

/**
 * struct job_sink - takes final results, in canonical order
 * @result: one result; the key's bytes are valid during the call. Returns 0, or a
 *	negative errno, which ends finish.
 * @arg: for @result
 */
struct job_sink {
	int (*result)(void *arg, uint64_t count, const void *key, size_t key_bytes);
	void *arg;
};

/**
 * struct job_ops - one job
 * @abi: %JOB_ABI_VERSION
 * @name: as --job names it
 * @summary: one line for --help
 * @records: what map_chunk counts, in the plural, such as "words"
 * @key: kind of key
 * @separator: for each byte value, whether a record ends there; a chunk is cut after
 *	such a byte only. NULL: it may be cut anywhere.
 * @check: reads the job's options from @given (such as ``byte=0x65``, or empty) and
 *	writes them in full; -EINVAL if it does not understand them
 * @init: makes a context; -EINVAL for params that @check did not write
 * @map_chunk: counts the records of a chunk, adding their number to @records. The chunk
 *	starts and ends at record boundaries. Its memory may change meanwhile; the
 *	counts are then of some mixture, and nothing worse. -EBUSY between the first and
 *	last portion of a flush.
 * @wants_flush: partial results have outgrown table_bytes
 * @flush: writes the next portion of partial results, in the order of their hash, and
 *	forgets all of them after the last. -ENOSPC if not one record fits @out_bytes.
 * @merge: adds a portion to this context's totals. Does not trust it: -EPROTO if it is
 *	not something that @flush can have written, or @records is not what is in it.
 * @total: sum of all counts merged
 * @finish: hands all results to @sink, @distinct of them. The context can be freed only,
 *	afterwards.
 * @free: ends a context, or NULL
 */
struct job_ops {
	uint32_t abi;
	const char *name;
	const char *summary;
	const char *records;
	enum job_key_kind key;
	const bool *separator;
	int (*check)(const char *given, char params[JOB_PARAMS_BYTES]);
	int (*init)(void **ctx, const struct job_config *config);
	int (*map_chunk)(void *ctx, const void *chunk, size_t bytes, uint64_t *records);
	bool (*wants_flush)(const void *ctx);
	int (*flush)(void *ctx, void *out, size_t out_bytes, struct job_portion *portion);
	int (*merge)(void *ctx, const void *portion, size_t bytes, uint64_t records);
	uint64_t (*total)(const void *ctx);
	int (*finish)(void *ctx, const struct job_sink *sink, uint64_t *distinct);
	void (*free)(void *ctx);
};

extern const struct job_ops job_count;
extern const struct job_ops job_wordcount;

/* The job of that name, or NULL. */
const struct job_ops *job_find(const char *name);

/* Job number i, or NULL past the last. */
const struct job_ops *job_at(size_t i);

#endif /* JOBS_JOB_H */
