// SPDX-License-Identifier: MIT
#include "tsc.h"

#ifdef __x86_64__
#include <stdint.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS	20000000
#define READ_TRIES	16

struct moment {
	int64_t ns;
	int64_t ticks;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Both clocks at one moment: the try that was interrupted least. */
static struct moment read_moment(void)
{
	struct moment best = { 0, 0 };
	int64_t best_ticks = INT64_MAX;

	for (int i = 0; i < READ_TRIES; i++) {
		int64_t before = __rdtsc();
		int64_t ns = now_ns();
		int64_t after = __rdtsc();

		if (after - before < best_ticks) {
			best_ticks = after - before;
			best = (struct moment){ ns, before + best_ticks / 2 };
		}
	}
	return best;
}

unsigned int tsc_measure_khz(void)
{
	const struct timespec pause = { 0, MEASURE_NS };
	struct moment from = read_moment();
	struct moment to;

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	to = read_moment();
	if (to.ns <= from.ns || to.ticks <= from.ticks)
		return 0;
	return (to.ticks - from.ticks) * 1000000 / (to.ns - from.ns);
}
#else
unsigned int tsc_measure_khz(void)
{
	return 0;
}
#endif
