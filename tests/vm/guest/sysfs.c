// SPDX-License-Identifier: MIT
/*
 * The files of /sys/class/hgshm/hgshmN/:
 *
 *   sysfs check          each file agrees with INFO
 *   sysfs rung INDEX     the file interrupts counts a ring of VM INDEX, for which
 *                        it waits
 *   sysfs gone INDEX     poll() on peers, epoch and status tells when VM INDEX goes
 *
 * "rung" and "gone" use the descriptor that the script has held open since all
 * were there; "gone" says on standard output when it listens.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define TEXT_BYTES	4096

struct watched {
	int fd;
	char text[TEXT_BYTES];
};

static int open_attribute(const char *name)
{
	const char *device = strrchr(device_path(), '/') + 1;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/hgshm/%s/%s", device, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		check_abort("%s: %s", path, strerror(errno));
	return fd;
}

/* Reads all of it, as a line without its end. */
static void read_attribute(int fd, char *text)
{
	ssize_t bytes = pread(fd, text, TEXT_BYTES - 1, 0);

	if (bytes < 1)
		check_abort("a file in sysfs is empty: %s", bytes ? strerror(errno) : "no byte");
	CHECK_EQUAL(text[bytes - 1], '\n');
	text[bytes - 1] = '\0';
	CHECK(!strchr(text, '\n'));
}

static const char *attribute(const char *name)
{
	static char text[TEXT_BYTES];
	int fd = open_attribute(name);

	read_attribute(fd, text);
	close(fd);
	return text;
}

static void check_text(const char *name, const char *wanted)
{
	const char *text = attribute(name);

	if (strcmp(text, wanted))
		printf("%s says '%s', not '%s'\n", name, text, wanted);
	CHECK(!strcmp(text, wanted));
}

static void check_number(const char *name, uint64_t wanted)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, wanted);
	check_text(name, text);
}

static void check_bits(const char *name, uint32_t wanted)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx32, wanted);
	check_text(name, text);
}

/* "0-2,5" */
static uint64_t parse_list(const char *text)
{
	uint64_t mask = 0;

	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		CHECK(end != text);
		if (end == text)
			return 0;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		CHECK(first <= last && last < HGSHM_CLIENTS_MAX);
		for (; first <= last && last < HGSHM_CLIENTS_MAX; first++)
			mask |= 1ULL << first;
		CHECK(!*end || *end == ',');
		text = *end == ',' ? end + 1 : end;
	}
	return mask;
}

/* Number @wanted of the file interrupts, and that there is one for each vector. */
static uint64_t interrupts(uint32_t vectors, uint32_t wanted)
{
	const char *text = attribute("interrupts");
	uint64_t found = 0;
	uint32_t count = 0;

	while (*text) {
		char *end;
		uint64_t number = strtoull(text, &end, 10);

		if (count++ == wanted)
			found = number;
		CHECK(end != text && (*end == ' ' || !*end));
		if (end == text)
			break;
		text = *end ? end + 1 : end;
	}
	CHECK_EQUAL(count, vectors);
	return found;
}

/* Words of who came may still be on their way: again if the epoch moved. */
static void check_peers(int fd)
{
	struct hgshm_info before, after = device_info(fd);
	uint64_t peers, epoch;

	do {
		before = after;
		peers = parse_list(attribute("peers"));
		epoch = strtoull(attribute("epoch"), NULL, 10);
		after = device_info(fd);
	} while (before.epoch != after.epoch);
	CHECK_EQUAL(peers, after.peers);
	CHECK_EQUAL(epoch, after.epoch);
}

static void check_all(void)
{
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);

	check_number("index", info.index);
	check_number("clients", info.clients);
	check_number("size", info.size_bytes);
	check_number("slice_size", info.slice_bytes);
	if (info.mapidx == HGSHM_INDEX_NONE)
		check_text("mapidx", "none");
	else
		check_number("mapidx", info.mapidx);
	check_bits("features", info.features);
	check_bits("status", info.status);
	check_text("shmid", (const char *)info.shmid);
	check_peers(fd);
	interrupts(info.vectors, 0);
	printf("shmid %s\n", attribute("shmid"));
	close(fd);
}

/* Takes the ring from the device, then looks whether sysfs counted it. */
static void check_rung(uint32_t index)
{
	struct hgshm_info info = device_info(DEVICE_INHERITED_FD);
	uint64_t rings = device_wait_ring(DEVICE_INHERITED_FD, index);

	CHECK(interrupts(info.vectors, HGSHM_VECTOR_DOORBELL(index)) >= rings);
	CHECK_EQUAL(interrupts(info.vectors, HGSHM_VECTOR_DOORBELL(info.index)), 0);
}

/* A file in sysfs is told of only to who has read it. */
static void check_gone(uint32_t index)
{
	enum { PEERS, EPOCH, STATUS, WATCHED };
	struct watched watched[WATCHED] = {
		[PEERS] = { .fd = open_attribute("peers") },
		[EPOCH] = { .fd = open_attribute("epoch") },
		[STATUS] = { .fd = open_attribute("status") },
	};
	uint64_t before;

	for (int i = 0; i < WATCHED; i++)
		read_attribute(watched[i].fd, watched[i].text);
	before = strtoull(watched[EPOCH].text, NULL, 10);
	CHECK(parse_list(watched[PEERS].text) >> index & 1);
	puts("listening");
	fflush(stdout);

	while (parse_list(watched[PEERS].text) >> index & 1) {
		/* all, one after the other: no word may be missing */
		for (int i = 0; i < WATCHED; i++) {
			struct pollfd pollfd = { .fd = watched[i].fd, .events = POLLPRI };

			if (poll(&pollfd, 1, DEVICE_PATIENCE_MS) != 1)
				check_abort("file %d told nothing within %d ms", i,
					    DEVICE_PATIENCE_MS);
		}
		for (int i = 0; i < WATCHED; i++)
			read_attribute(watched[i].fd, watched[i].text);
	}
	CHECK(strtoull(watched[EPOCH].text, NULL, 10) > before);
	for (int i = 0; i < WATCHED; i++)
		close(watched[i].fd);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "check"))
		check_all();
	else if (argc == 3 && !strcmp(argv[1], "rung"))
		check_rung(atoi(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "gone"))
		check_gone(atoi(argv[2]));
	else
		check_abort("usage: sysfs check | rung INDEX | gone INDEX");
	return check_status();
}
