/* SPDX-License-Identifier: MIT */
/**
 * DOC: QMP, the part that these tests use
 *
 * QEMU writes one JSON object a line; which kind it is shows at its start. That
 * is all that is looked at, but for a returned string.
 */
#ifndef QTEST_QMP_H
#define QTEST_QMP_H

#include <stdbool.h>

#include "channel.h"

#define QMP_EVENTS_MAX	32

/**
 * struct qmp - a monitor
 * @channel: its connection
 * @events: lines of events that came while something else was waited for
 * @event_count: how many
 */
struct qmp {
	struct channel channel;
	char *events[QMP_EVENTS_MAX];
	unsigned int event_count;
};

/** qmp_greet() - read the greeting, agree on capabilities */
void qmp_greet(struct qmp *q);

/**
 * qmp_try() - run a command, which may be refused
 * @q: in/out
 * @fmt: the JSON object
 *
 * Return: the answer's line until the next call; starts with {"return" or {"error".
 */
const char *qmp_try(struct qmp *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** qmp_run() - the same; the test fails if it is refused */
const char *qmp_run(struct qmp *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** qmp_wait_event() - wait until an event of that name has come, use it up */
void qmp_wait_event(struct qmp *q, const char *name);

/** qmp_close() - close the connection, forget the events */
void qmp_close(struct qmp *q);

#endif
