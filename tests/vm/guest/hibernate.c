// SPDX-License-Identifier: MIT
#include "hibernate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/suspend_ioctls.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"

#define PAGE_BYTES	4096UL
/* One transfer to or from the disk. */
#define PART_BYTES	(256 * PAGE_BYTES)

static int open_or_abort(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		check_abort("open %s: %s", path, strerror(errno));
	return fd;
}

static void snapshot_call(int snapshot, unsigned long number, const char *what, void *argument)
{
	if (ioctl(snapshot, number, argument))
		check_abort("/dev/snapshot, %s: %s", what, strerror(errno));
}

/* Past the page cache, which is part of what is saved. */
static uint8_t *make_part(void)
{
	uint8_t *part = aligned_alloc(PAGE_BYTES, PART_BYTES);

	if (!part)
		check_abort("no memory");
	return part;
}

/* Its last page is the one after which there is none; returns how many there are. */
static uint64_t save_image(int snapshot, const char *path)
{
	int disk = open_or_abort(path, O_WRONLY | O_DIRECT);
	uint8_t *part = make_part();
	uint64_t pages = 0;
	size_t filled;

	do {
		for (filled = 0; filled < PART_BYTES; filled += PAGE_BYTES) {
			ssize_t bytes = read(snapshot, part + filled, PAGE_BYTES);

			if (bytes == 0)
				break;
			if (bytes != PAGE_BYTES)
				check_abort("the image ends in a page: %zd", bytes);
		}
		if (pwrite(disk, part, filled, pages * PAGE_BYTES) != (ssize_t)filled)
			check_abort("the image does not fit %s: %s", path, strerror(errno));
		pages += filled / PAGE_BYTES;
	} while (filled == PART_BYTES);
	close(disk);
	free(part);
	return pages;
}

static void load_image(int snapshot, const char *path, uint64_t pages)
{
	int disk = open_or_abort(path, O_RDONLY | O_DIRECT);
	uint8_t *part = make_part();

	for (uint64_t page = 0; page < pages; page++) {
		size_t at = page * PAGE_BYTES % PART_BYTES;

		if (!at && pread(disk, part, PART_BYTES, page * PAGE_BYTES) < (ssize_t)PAGE_BYTES)
			check_abort("%s: %s", path, strerror(errno));
		if (write(snapshot, part + at, PAGE_BYTES) != (ssize_t)PAGE_BYTES)
			check_abort("page %llu of the image is not taken: %s",
				    (unsigned long long)page, strerror(errno));
	}
	close(disk);
	free(part);
}

/* Does not return: it goes on where the image was taken. */
static void restore_image(const char *path, uint64_t pages)
{
	int snapshot = open_or_abort("/dev/snapshot", O_WRONLY);

	load_image(snapshot, path, pages);
	snapshot_call(snapshot, SNAPSHOT_FREEZE, "freeze", NULL);
	snapshot_call(snapshot, SNAPSHOT_ATOMIC_RESTORE, "restore", NULL);
	check_abort("the image was not restored");
}

void hibernate(const char *disk, void (*in_between)(void *argument), void *argument)
{
	int snapshot = open_or_abort("/dev/snapshot", O_RDONLY);
	volatile int taken = -1;
	uint64_t pages = 0;

	snapshot_call(snapshot, SNAPSHOT_FREEZE, "freeze", NULL);
	/* Returns twice: when the image was taken, and when it was restored. */
	snapshot_call(snapshot, SNAPSHOT_CREATE_IMAGE, "image", (void *)&taken);
	if (taken)
		pages = save_image(snapshot, disk);
	snapshot_call(snapshot, SNAPSHOT_UNFREEZE, "unfreeze", NULL);
	close(snapshot);
	if (!taken)
		return;
	in_between(argument);
	restore_image(disk, pages);
}
