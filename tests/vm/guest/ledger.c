// SPDX-License-Identifier: MIT
#include "ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static void store_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		check_abort("%s takes no %s: %s", path, word, strerror(errno));
	close(fd);
}

/* Slabs that processors hold in reserve count as if they were full. */
static void shrink_slabs(void)
{
	DIR *slabs = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[512];

	if (!slabs)
		check_abort("no /sys/kernel/slab: %s", strerror(errno));
	while ((entry = readdir(slabs))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		store_word(path, "1");
	}
	closedir(slabs);
}

/* What is freed after an RCU grace period may free more in turn. */
static void settle(void)
{
	sync();
	for (int i = 0; i < 4; i++) {
		store_word("/proc/sys/vm/drop_caches", "3");
		/* Waits for a grace period. */
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			check_abort("membarrier: %s", strerror(errno));
	}
	shrink_slabs();
}

/*
 * In place of the slab cache vmap_area: of areas that were given back the kernel
 * keeps many, to forget them all at once.
 */
static void take_mapped_areas(struct ledger_cache *c)
{
	FILE *info = fopen("/proc/vmallocinfo", "re");
	char line[512];

	if (!info)
		check_abort("no /proc/vmallocinfo: %s", strerror(errno));
	strcpy(c->name, "areas of /proc/vmallocinfo");
	c->objects = 0;
	c->slab_objects = 0;
	while (fgets(line, sizeof(line), info))
		c->objects += !strstr(line, "unpurged");
	fclose(info);
}

static void take_slabs(struct ledger *l)
{
	FILE *info = fopen("/proc/slabinfo", "re");
	char line[512];

	if (!info)
		check_abort("no /proc/slabinfo: %s", strerror(errno));
	l->caches = 0;
	while (fgets(line, sizeof(line), info) && l->caches < LEDGER_CACHES_MAX) {
		struct ledger_cache *c = &l->cache[l->caches];

		if (sscanf(line, "%39s %ld %*d %*d %ld", c->name, &c->objects,
			   &c->slab_objects) != 3)
			continue;
		if (!strcmp(c->name, "vmap_area"))
			take_mapped_areas(c);
		l->caches++;
	}
	fclose(info);
	CHECK(l->caches > 50);
}

static void take_free(struct ledger *l)
{
	FILE *info = fopen("/proc/meminfo", "re");
	char line[128];

	l->free_kib = -1;
	while (info && fgets(line, sizeof(line), info) && l->free_kib < 0)
		sscanf(line, "MemFree: %ld kB", &l->free_kib);
	if (l->free_kib < 0)
		check_abort("no MemFree in /proc/meminfo");
	fclose(info);
}

void ledger_take(struct ledger *l)
{
	settle();
	take_slabs(l);
	take_free(l);
}

void ledger_check_same(const struct ledger *before, const struct ledger *after,
		       long objects_max, long kib_max)
{
	for (size_t i = 0; i < after->caches; i++) {
		const struct ledger_cache *now = &after->cache[i];
		long grown = now->objects - now->slab_objects;

		for (size_t j = 0; j < before->caches; j++) {
			if (!strcmp(before->cache[j].name, now->name))
				grown -= before->cache[j].objects;
		}
		if (grown >= objects_max)
			printf("%s grew by %ld objects and a slab\n", now->name, grown);
		CHECK(grown < objects_max);
	}
	printf("free memory shrank by %ld KiB\n", before->free_kib - after->free_kib);
	CHECK(before->free_kib - after->free_kib < kib_max);
}
