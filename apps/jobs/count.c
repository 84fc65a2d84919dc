/* SPDX-License-Identifier: MIT */
/* Job "count": how often one byte occurs. */
#include <stdio.h>
#include <stdlib.h>

#include "job.h"
#include "records.h"

#define KEY_BYTES 4 /* 0xHH */

struct count {
	uint64_t total;
	unsigned char byte;
	char key[KEY_BYTES + 1];
};

/* Accepts byte=C, byte=0xHH and nothing at all, which is a newline. */
static int count_check(const char *given, char params[JOB_PARAMS_BYTES])
{
	static const char name[] = "byte=";
	unsigned long byte = '\n';
	const char *value;
	char *end;

	if (*given) {
		if (strncmp(given, name, sizeof(name) - 1))
			return -EINVAL;
		value = given + sizeof(name) - 1;
		if (strlen(value) == 1) {
			byte = (unsigned char)*value;
		} else {
			if (value[0] != '0' || (value[1] != 'x' && value[1] != 'X') ||
			    strlen(value) > KEY_BYTES)
				return -EINVAL;
			byte = strtoul(value + 2, &end, 16);
			if (end == value + 2 || *end || byte > 0xFF)
				return -EINVAL;
		}
	}
	snprintf(params, JOB_PARAMS_BYTES, "%s0x%02lx", name, byte);
	return 0;
}

static int count_init(void **ctx, const struct job_config *config)
{
	char params[JOB_PARAMS_BYTES];
	struct count *count;

	if (count_check(config->params, params) || strcmp(params, config->params))
		return -EINVAL;
	count = calloc(1, sizeof(*count));
	if (!count)
		return -ENOMEM;
	memcpy(count->key, params + 5, KEY_BYTES);
	count->byte = strtoul(count->key, NULL, 16);
	*ctx = count;
	return 0;
}

/* Sums of 255 steps fit a byte, which lets the compiler count in whole vectors. */
static int count_map_chunk(void *ctx, const void *chunk, size_t bytes, uint64_t *records)
{
	enum { LANES = 64, STEPS = 255 };
	const unsigned char *at = chunk;
	struct count *count = ctx;
	const unsigned char byte = count->byte;
	uint64_t found = 0;

	while (bytes >= LANES) {
		size_t steps = bytes / LANES < STEPS ? bytes / LANES : STEPS;
		unsigned char sums[LANES] = { 0 };

		for (size_t step = 0; step < steps; step++)
			for (size_t lane = 0; lane < LANES; lane++)
				sums[lane] += at[step * LANES + lane] == byte;
		for (size_t lane = 0; lane < LANES; lane++)
			found += sums[lane];
		at += steps * LANES;
		bytes -= steps * LANES;
	}
	for (size_t i = 0; i < bytes; i++)
		found += at[i] == byte;
	count->total += found;
	*records += found;
	return 0;
}

static bool count_wants_flush(const void *ctx)
{
	return false;
}

static int count_flush(void *ctx, void *out, size_t out_bytes, struct job_portion *portion)
{
	struct count *count = ctx;
	int ret;

	*portion = (struct job_portion){ 0 };
	if (!count->total)
		return 0;
	ret = record_put(out, out_bytes, &portion->bytes, count->total, count->key, KEY_BYTES);
	if (ret)
		return ret;
	portion->records = 1;
	count->total = 0;
	return 0;
}

static int count_merge(void *ctx, const void *portion, size_t bytes, uint64_t records)
{
	struct count *count = ctx;
	struct record record;
	size_t used = 0;

	if (!bytes)
		return records ? -EPROTO : 0;
	if (records != 1 || record_get(portion, bytes, &used, &record) || used != bytes ||
	    record.key_bytes != KEY_BYTES || memcmp(record.key, count->key, KEY_BYTES) ||
	    __builtin_add_overflow(count->total, record.count, &count->total))
		return -EPROTO;
	return 0;
}

static uint64_t count_total(const void *ctx)
{
	const struct count *count = ctx;

	return count->total;
}

static int count_finish(void *ctx, const struct job_sink *sink, uint64_t *distinct)
{
	struct count *count = ctx;

	*distinct = 1;
	return sink->result(sink->arg, count->total, count->key, KEY_BYTES);
}

const struct job_ops job_count = {
	.abi = JOB_ABI_VERSION,
	.name = "count",
	.summary = "occurrences of one byte (--byte)",
	.records = "occurrences",
	.key = JOB_KEY_SCALAR,
	.separator = NULL,
	.check = count_check,
	.init = count_init,
	.map_chunk = count_map_chunk,
	.wants_flush = count_wants_flush,
	.flush = count_flush,
	.merge = count_merge,
	.total = count_total,
	.finish = count_finish,
	.free = free,
};
