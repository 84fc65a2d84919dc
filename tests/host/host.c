// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "test.h"

#define POLL_STEP_MS	5
#define WAIT_NS		(WAIT_MS * INT64_C(1000000))

static void write_uri(char *to, size_t bytes, const struct group *g, const char *uri)
{
	const char *mark = strstr(uri, "%s");

	if (mark)
		snprintf(to, bytes, "%.*s%s%s", (int)(mark - uri), uri, g->socket, mark + 2);
	else
		snprintf(to, bytes, "%s", uri);
}

struct hgshm *host_open(const struct group *g, const char *uri)
{
	char text[512];
	struct hgshm *h;
	int ret;

	write_uri(text, sizeof(text), g, uri);
	ret = hgshm_open(&h, text, NULL);
	if (ret)
		fail_msg("%s: %s", text, hgshm_strerror(ret));
	return h;
}

struct hgshm *host_found(const struct group *g, const char *parameters)
{
	char uri[512];

	snprintf(uri, sizeof(uri), "found:%%s?shmid=%s&%s", g->shmid, parameters);
	return host_open(g, uri);
}

void host_expect_refusal(const struct group *g, const char *uri, int error, const char *words,
			 ...)
{
	struct hgshm *const before = (struct hgshm *)(uintptr_t)0xA5;
	struct hgshm *h = before;
	char text[512], *expected;
	va_list args;

	va_start(args, words);
	assert_true(vasprintf(&expected, words, args) >= 0);
	va_end(args);
	write_uri(text, sizeof(text), g, uri);
	assert_int_equal(hgshm_open(&h, text, NULL), error);
	assert_string_equal(hgshm_strerror(error), expected);
	assert_ptr_equal(h, before);
	free(expected);
}

struct hgshm_info host_info(struct hgshm *h)
{
	struct hgshm_info info;

	assert_int_equal(hgshm_get_info(h, &info), 0);
	return info;
}

void host_wait_peers(struct hgshm *h, uint64_t peers)
{
	while (host_info(h).peers != peers) {
		int ret = hgshm_wait(h, WAIT_NS, NULL);

		if (ret)
			fail_msg("peers are 0x%llx, not 0x%llx: %s",
				 (unsigned long long)host_info(h).peers,
				 (unsigned long long)peers, hgshm_strerror(ret));
	}
}

void host_wait_ring(struct hgshm *h, uint32_t from)
{
	struct hgshm_events events;

	do {
		int ret = hgshm_wait(h, WAIT_NS, &events);

		if (ret)
			fail_msg("member %u did not ring: %s", from, hgshm_strerror(ret));
	} while (!(events.rung & bit(from)));
	assert_true(events.counts[from] > 0);
}

void host_expect_quiet(struct hgshm *h)
{
	assert_int_equal(hgshm_wait(h, 0, NULL), -ETIMEDOUT);
}

void host_take_all(struct hgshm *h)
{
	while (hgshm_wait(h, 0, NULL) == 0)
		;
}

void host_expect_echo(struct hgshm *h, uint32_t to)
{
	assert_int_equal(hgshm_poke(h, to), 0);
	host_wait_ring(h, to);
}

static void wait_for(struct hgshm *h, uint32_t index)
{
	while (!(host_info(h).peers & bit(index)))
		assert_int_equal(hgshm_wait(h, WAIT_NS, NULL), 0);
}

void host_expect_rings(struct hgshm *a, uint32_t index_a, struct hgshm *b, uint32_t index_b)
{
	wait_for(a, index_b);
	wait_for(b, index_a);
	host_take_all(a);
	host_take_all(b);
	assert_int_equal(hgshm_poke(a, index_b), 0);
	host_wait_ring(b, index_a);
	assert_int_equal(hgshm_poke(b, index_a), 0);
	host_wait_ring(a, index_b);
	host_expect_quiet(a);
	host_expect_quiet(b);
}

unsigned char *host_slice(struct hgshm *h, uint32_t index)
{
	size_t bytes;
	void *ptr;
	int ret = hgshm_slice(h, index, &ptr, &bytes);

	if (ret)
		fail_msg("slice %u: %s", index, hgshm_strerror(ret));
	assert_true(bytes == host_info(h).slice_bytes);
	return ptr;
}

/* A file tells nobody when it grows, so it is looked at in steps. */
static void wait_in(struct process *p)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		char *text = process_take_output(p);
		bool in = strcmp(text, "in\n") == 0;

		if (*text && !in)
			fail_msg("the echo said: %s", text);
		free(text);
		if (in)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	fail_msg("the echo has no place after %d ms", WAIT_MS);
}

void host_start_echo(struct process *p, const struct group *g, const char *uri)
{
	static unsigned int number;
	const char *program = getenv("HGSHM_ECHO");
	char text[512], output[128];
	const char *argv[] = { program, text, NULL };

	if (!program)
		fail_msg("HGSHM_ECHO must name the echo program");
	write_uri(text, sizeof(text), g, uri);
	snprintf(output, sizeof(output), "%s/echo%u", g->folder, number++);
	process_start(p, NULL, argv, NULL, output);
	wait_in(p);
}

void host_kill_echo(struct process *p)
{
	process_kill(p);
	process_close(p);
}

unsigned int host_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* The threads of members close what they no longer need when they get round to it. */
void host_wait_fds(unsigned int count)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		if (host_count_fds() <= count)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_in_range(host_count_fds(), 0, count);
}

static unsigned int fds_before;

int host_setup(void **state)
{
	int ret = group_setup(state);

	fds_before = host_count_fds();
	return ret;
}

int host_teardown(void **state)
{
	int ret = group_teardown(state);
	unsigned int fds = host_count_fds();

	if (fds == fds_before)
		return ret;
	print_error("%u file descriptors before the test, %u after it\n", fds_before, fds);
	return -1;
}
