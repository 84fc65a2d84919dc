// SPDX-License-Identifier: MIT
/*
 * Speaks to a QEMU's QMP monitor, which a port of the VM leads to:
 *
 *   qmp hello                    once, first
 *   qmp run COMMAND [EVENT]      gives a command, in JSON, waits until it succeeded,
 *                                and then for an event
 *   qmp wait EVENT               waits for an event
 *
 * What the monitor says in between is lost, so nothing else may be waited for.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define PORT		"/dev/hgshm.monitor"
#define LINE_BYTES	8192

static int port;
static char line[LINE_BYTES];

/* By single bytes: what comes after the line is for the next program. */
static void read_line(void)
{
	struct pollfd pollfd = { .fd = port, .events = POLLIN };
	size_t bytes = 0;

	do {
		if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1 ||
		    read(port, line + bytes, 1) != 1)
			check_abort("QMP is silent after: %.*s", (int)bytes, line);
		bytes++;
	} while (line[bytes - 1] != '\n' && bytes + 1 < sizeof(line));
	line[bytes] = '\0';
}

static void wait_event(const char *event)
{
	char wanted[128];

	snprintf(wanted, sizeof(wanted), "\"event\": \"%s\"", event);
	do {
		read_line();
	} while (!strstr(line, wanted));
}

/* An event may come before the answer. */
static void run(const char *command, const char *event)
{
	char wanted[128] = "";
	bool seen = false;

	if (event)
		snprintf(wanted, sizeof(wanted), "\"event\": \"%s\"", event);
	if (dprintf(port, "%s\n", command) < 0)
		check_abort("QMP: %s", strerror(errno));
	do {
		read_line();
		seen |= event && strstr(line, wanted);
		if (!strncmp(line, "{\"error\"", 8))
			check_abort("QMP refuses %s: %s", command, line);
	} while (strncmp(line, "{\"return\"", 9));
	if (event && !seen)
		wait_event(event);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	port = open(PORT, O_RDWR | O_CLOEXEC);
	if (port < 0)
		check_abort("open " PORT ": %s", strerror(errno));
	if (!strcmp(verb, "hello") && argc == 2)
		run("{\"execute\": \"qmp_capabilities\"}", NULL);
	else if (!strcmp(verb, "run") && (argc == 3 || argc == 4))
		run(argv[2], argv[3]);
	else if (!strcmp(verb, "wait") && argc == 3)
		wait_event(argv[2]);
	else
		check_abort("usage: qmp hello | run COMMAND [EVENT] | wait EVENT");
	return 0;
}
