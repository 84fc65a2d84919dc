/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "size.h"

#define SECONDS_MAX 315360000.0

static int parse_digits(const char *text, uint64_t *number, const char **end)
{
	const char *at = text;

	*number = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
			return -ERANGE;
	*end = at;
	return at == text ? -EINVAL : 0;
}

int parse_number(const char *text, uint64_t *number)
{
	const char *end;
	uint64_t value;
	int ret = parse_digits(text, &value, &end);

	if (ret)
		return ret;
	if (*end)
		return -EINVAL;
	*number = value;
	return 0;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "kmgt";
	const char *end, *suffix;
	uint64_t value;
	int ret = parse_digits(text, &value, &end);

	if (ret)
		return ret;
	if (*end) {
		suffix = strchr(suffixes, *end | 0x20);
		if (!suffix || end[1])
			return -EINVAL;
		if (__builtin_mul_overflow(value, UINT64_C(1) << 10 * (suffix - suffixes + 1),
					   &value))
			return -ERANGE;
	}
	*bytes = value;
	return 0;
}

int parse_seconds(const char *text, int64_t *ns)
{
	double seconds;
	char *end;

	/* strtod also takes signs, spaces, "nan", "inf" and hexadecimal */
	if (!*text || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	seconds = strtod(text, &end);
	if (*end)
		return -EINVAL;
	if (seconds > SECONDS_MAX)
		return -ERANGE;
	*ns = seconds * NS_PER_SECOND;
	return 0;
}
