/* SPDX-License-Identifier: MIT */
/*
 * How partial results lie in a portion: records one after another without padding, each a
 * 64-bit count, a 32-bit key length and the key's bytes, in the host's byte order.
 */
#ifndef JOBS_RECORDS_H
#define JOBS_RECORDS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define RECORD_HEAD_BYTES 12

struct record {
	uint64_t count;
	uint32_t key_bytes;
	const unsigned char *key;
};

/* Appends a record at *used; -ENOSPC, and nothing written, if it does not fit. */
static inline int record_put(unsigned char *out, size_t out_bytes, size_t *used, uint64_t count,
			     const void *key, uint32_t key_bytes)
{
	unsigned char *at = out + *used;

	if (out_bytes - *used < RECORD_HEAD_BYTES + (size_t)key_bytes)
		return -ENOSPC;
	memcpy(at, &count, 8);
	memcpy(at + 8, &key_bytes, 4);
	memcpy(at + RECORD_HEAD_BYTES, key, key_bytes);
	*used += RECORD_HEAD_BYTES + key_bytes;
	return 0;
}

/* Takes the record at *used; -EPROTO if that is no whole record with a count and a key. */
static inline int record_get(const unsigned char *in, size_t in_bytes, size_t *used,
			     struct record *record)
{
	const unsigned char *at = in + *used;
	size_t left = in_bytes - *used;

	if (left < RECORD_HEAD_BYTES)
		return -EPROTO;
	memcpy(&record->count, at, 8);
	memcpy(&record->key_bytes, at + 8, 4);
	if (!record->count || !record->key_bytes || record->key_bytes > left - RECORD_HEAD_BYTES)
		return -EPROTO;
	record->key = at + RECORD_HEAD_BYTES;
	*used += RECORD_HEAD_BYTES + record->key_bytes;
	return 0;
}

#endif /* JOBS_RECORDS_H */
