/* SPDX-License-Identifier: MIT */
/* Folding and classing 64 bytes at a time. */
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "word_scan.h"

#define FOLDS_MAX 3
#define TRIAL_BYTES 2048
#define TRIAL_ROUNDS 4

#define OF_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * The top bit of each byte of the result: low <= byte < low + range. Bytes must be below
 * 0x80, so that no sum reaches the next byte.
 */
static inline uint64_t in_range(uint64_t bytes, unsigned int low, unsigned int range)
{
	uint64_t from = bytes + OF_EACH(0x80 - low);
	uint64_t past = bytes + OF_EACH(0x80 - low - range);

	return from & ~past & OF_EACH(0x80);
}

static uint64_t fold_portable(const unsigned char *in, unsigned char *out)
{
	uint64_t mask = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t bytes, low, upper, word;

		memcpy(&bytes, in + 8 * i, 8);
		low = bytes & OF_EACH(0x7F);
		upper = in_range(low, 'A', 26) & ~bytes;
		bytes |= upper >> 2;
		memcpy(out + 8 * i, &bytes, 8);
		low |= upper >> 2;
		word = in_range(low, 'a', 26) | in_range(low, '0', 10) | in_range(low, '\'', 1) |
		       (bytes & OF_EACH(0x80));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		/* gathers the eight top bits into the top byte */
		mask |= (word >> 7) * UINT64_C(0x0102040810204080) >> 56 << 8 * i;
	}
	return mask;
}

#ifdef __x86_64__
#include <immintrin.h>

static uint64_t fold_sse2(const unsigned char *in, unsigned char *out)
{
	uint64_t mask = 0;

	for (int i = 0; i < 4; i++) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(in + 16 * i));
		__m128i upper = _mm_cmplt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(0x80 - 'A')),
					       _mm_set1_epi8(-128 + 26));
		__m128i word;

		bytes = _mm_or_si128(bytes, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
		_mm_storeu_si128((__m128i *)(out + 16 * i), bytes);
		word = _mm_cmplt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(0x80 - 'a')),
				      _mm_set1_epi8(-128 + 26));
		word = _mm_or_si128(word, _mm_cmplt_epi8(
			_mm_add_epi8(bytes, _mm_set1_epi8(0x80 - '0')), _mm_set1_epi8(-128 + 10)));
		word = _mm_or_si128(word, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\'')));
		word = _mm_or_si128(word, bytes);
		mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(word) << 16 * i;
	}
	return mask;
}

__attribute__((target("avx2")))
static uint64_t fold_avx2(const unsigned char *in, unsigned char *out)
{
	uint64_t mask = 0;

	for (int i = 0; i < 2; i++) {
		__m256i bytes = _mm256_loadu_si256((const __m256i *)(in + 32 * i));
		__m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(-128 + 26),
			_mm256_add_epi8(bytes, _mm256_set1_epi8(0x80 - 'A')));
		__m256i word;

		bytes = _mm256_or_si256(bytes, _mm256_and_si256(upper, _mm256_set1_epi8(0x20)));
		_mm256_storeu_si256((__m256i *)(out + 32 * i), bytes);
		word = _mm256_cmpgt_epi8(_mm256_set1_epi8(-128 + 26),
			_mm256_add_epi8(bytes, _mm256_set1_epi8(0x80 - 'a')));
		word = _mm256_or_si256(word, _mm256_cmpgt_epi8(_mm256_set1_epi8(-128 + 10),
			_mm256_add_epi8(bytes, _mm256_set1_epi8(0x80 - '0'))));
		word = _mm256_or_si256(word, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\'')));
		word = _mm256_or_si256(word, bytes);
		mask |= (uint64_t)(uint32_t)_mm256_movemask_epi8(word) << 32 * i;
	}
	return mask;
}

#endif

static size_t candidates(word_fold_fn *found[FOLDS_MAX])
{
	size_t count = 0;

	found[count++] = fold_portable;
#ifdef __x86_64__
	found[count++] = fold_sse2;
	if (__builtin_cpu_supports("avx2"))
		found[count++] = fold_avx2;
#endif
	return count;
}

static int64_t trial_ns(word_fold_fn *fold, const unsigned char *in, unsigned char *out)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < TRIAL_BYTES; i += 64)
		fold(in + i, out + i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - start.tv_sec) * INT64_C(1000000000) + end.tv_nsec - start.tv_nsec;
}

/*
 * Tried and not looked up: the CPU's flags say what works and not what is fast, and under
 * emulation the widest vectors are the slowest.
 */
static word_fold_fn *fastest(void)
{
	unsigned char in[TRIAL_BYTES], out[TRIAL_BYTES];
	int64_t best_ns = INT64_MAX;
	word_fold_fn *found[FOLDS_MAX], *best = fold_portable;
	size_t count = candidates(found);

	memset(in, 'A', sizeof(in));
	for (int round = 0; round < TRIAL_ROUNDS; round++) {
		for (size_t i = 0; i < count; i++) {
			int64_t ns = trial_ns(found[i], in, out);

			if (ns < best_ns) {
				best_ns = ns;
				best = found[i];
			}
		}
	}
	return best;
}

word_fold_fn *word_fold_at(size_t i)
{
	word_fold_fn *found[FOLDS_MAX];

	return i < candidates(found) ? found[i] : NULL;
}

word_fold_fn *word_fold_best(void)
{
	static word_fold_fn *_Atomic chosen;
	word_fold_fn *fold = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (!fold) {
		fold = fastest();
		atomic_store_explicit(&chosen, fold, memory_order_relaxed);
	}
	return fold;
}
