/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "interrupt.h"
#include "results.h"

#define COUNT_DIGITS 20

int write_fully(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t written = write(fd, at, bytes);

		if (written < 0 && errno == EAGAIN) {
			struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

			if (poll(&pollfd, 1, -1) < 0 && interrupted)
				return -EINTR;
			continue;
		}
		if (written < 0 && errno == EINTR && !interrupted)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		at += written;
		bytes -= written;
	}
	return 0;
}

int results_open(struct results *results, const char *path, unsigned int top,
		 struct problem *problem)
{
	struct stat st;

	results->path = path;
	results->fd = -1;
	results->regular = false;
	results->crc32c = 0;
	results->used = 0;
	results->top_wanted = top;
	results->top_used = 0;
	results->top = calloc(top ? top : 1, sizeof(*results->top));
	if (!results->top)
		return problem_set(problem, -ENOMEM, "no memory for --top %u", top);
	if (!path)
		return 0;
	results->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (results->fd < 0) {
		int error = -errno;

		free(results->top);
		return problem_set(problem, error, "--output %s: %s", path, strerror(-error));
	}
	results->regular = fstat(results->fd, &st) == 0 && S_ISREG(st.st_mode);
	return 0;
}

static int flush_buffer(struct results *results)
{
	int ret = 0;

	results->crc32c = crc32c(results->crc32c, results->buffer, results->used);
	if (results->fd >= 0)
		ret = write_fully(results->fd, results->buffer, results->used);
	results->used = 0;
	return ret;
}

static int put(struct results *results, const void *data, size_t bytes)
{
	const unsigned char *at = data;
	int ret;

	while (bytes) {
		size_t room = sizeof(results->buffer) - results->used;
		size_t part = bytes < room ? bytes : room;

		memcpy(results->buffer + results->used, at, part);
		results->used += part;
		at += part;
		bytes -= part;
		if (results->used == sizeof(results->buffer)) {
			ret = flush_buffer(results);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int remember(struct results *results, uint64_t count, const void *key, size_t key_bytes)
{
	struct top_result *top;

	if (results->top_used == results->top_wanted)
		return 0;
	top = results->top + results->top_used;
	top->key = malloc(key_bytes);
	if (!top->key)
		return -ENOMEM;
	memcpy(top->key, key, key_bytes);
	top->key_bytes = key_bytes;
	top->count = count;
	results->top_used++;
	return 0;
}

static int take_result(void *arg, uint64_t count, const void *key, size_t key_bytes)
{
	struct results *results = arg;
	char digits[COUNT_DIGITS + 1], *at = digits + sizeof(digits);
	int ret;

	ret = remember(results, count, key, key_bytes);
	if (ret)
		return ret;
	*--at = '\t';
	do {
		*--at = '0' + count % 10;
		count /= 10;
	} while (count);
	ret = put(results, at, digits + sizeof(digits) - at);
	if (!ret)
		ret = put(results, key, key_bytes);
	if (!ret)
		ret = put(results, "\n", 1);
	return ret;
}

struct job_sink results_sink(struct results *results)
{
	return (struct job_sink){ .result = take_result, .arg = results };
}

int results_finish(struct results *results, struct problem *problem)
{
	int ret = flush_buffer(results);
	int fd = results->fd;

	results->fd = -1;
	if (fd >= 0 && close(fd) < 0 && !ret)
		ret = -errno;
	if (ret)
		problem_set(problem, ret, "--output %s: %s", results->path, strerror(-ret));
	return ret;
}

void results_close(struct results *results, bool kept)
{
	for (unsigned int i = 0; i < results->top_used; i++)
		free(results->top[i].key);
	free(results->top);
	if (results->fd >= 0)
		close(results->fd);
	if (results->regular && !kept)
		unlink(results->path);
}
