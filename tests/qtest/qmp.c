// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp.h"
#include "test.h"

#define COMMAND_BYTES_MAX	1024

static bool starts_with(const char *line, const char *start)
{
	return !strncmp(line, start, strlen(start));
}

static const char *answer(struct qmp *q)
{
	for (;;) {
		const char *line = channel_read_line(&q->channel);

		if (starts_with(line, "{\"return\"") ||
		    starts_with(line, "{\"error\""))
			return line;
		if (!starts_with(line, "{\"timestamp\""))
			fail_msg("QMP says '%s'", line);
		if (q->event_count == QMP_EVENTS_MAX)
			fail_msg("too many QMP events");
		q->events[q->event_count++] = strdup(line);
	}
}

static const char *vtry(struct qmp *q, const char *fmt, va_list args)
{
	char text[COMMAND_BYTES_MAX];
	int bytes = vsnprintf(text, sizeof(text) - 1, fmt, args);

	assert_in_range(bytes, 1, sizeof(text) - 2);
	text[bytes++] = '\n';
	channel_send(&q->channel, text, bytes);
	return answer(q);
}

const char *qmp_try(struct qmp *q, const char *fmt, ...)
{
	const char *line;
	va_list args;

	va_start(args, fmt);
	line = vtry(q, fmt, args);
	va_end(args);
	return line;
}

const char *qmp_run(struct qmp *q, const char *fmt, ...)
{
	const char *line;
	va_list args;

	va_start(args, fmt);
	line = vtry(q, fmt, args);
	va_end(args);
	if (!starts_with(line, "{\"return\""))
		fail_msg("QMP refuses '%s': %s", fmt, line);
	return line;
}

void qmp_greet(struct qmp *q)
{
	const char *line = channel_read_line(&q->channel);

	if (!starts_with(line, "{\"QMP\""))
		fail_msg("QMP greets with '%s'", line);
	qmp_run(q, "{\"execute\": \"qmp_capabilities\"}");
}

static bool is_event(const char *line, const char *name)
{
	char member[64];

	snprintf(member, sizeof(member), "\"event\": \"%s\"", name);
	return strstr(line, member) != NULL;
}

void qmp_wait_event(struct qmp *q, const char *name)
{
	for (unsigned int i = 0; i < q->event_count; i++) {
		if (is_event(q->events[i], name)) {
			free(q->events[i]);
			q->events[i] = q->events[--q->event_count];
			return;
		}
	}
	while (!is_event(channel_read_line(&q->channel), name))
		;
}

void qmp_close(struct qmp *q)
{
	channel_close(&q->channel);
	while (q->event_count)
		free(q->events[--q->event_count]);
}
