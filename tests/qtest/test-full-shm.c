// SPDX-License-Identifier: MIT
/* A /dev/shm that is full: in a mount namespace of this program's own. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

#define MIB	(1024ull * 1024)

/* Nothing but what the group itself has there. */
static unsigned int count_objects(void)
{
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir = opendir("/dev/shm");

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static uint64_t free_bytes(void)
{
	struct statvfs vfs;

	assert_int_equal(statvfs("/dev/shm", &vfs), 0);
	return (uint64_t)vfs.f_bfree * vfs.f_frsize;
}

static struct vm_spec second_group(const struct group *g, const char *properties)
{
	struct vm_spec spec = group_mapper_spec(g, "");

	snprintf(spec.chardev, sizeof(spec.chardev), "socket,id="
		 GROUP_CHARDEV ",path=%s/second,server=on,wait=off", g->folder);
	snprintf(spec.device, sizeof(spec.device), "hgshm,index=0,chardev="
		 GROUP_CHARDEV ",shmid=%s-second,%s", g->shmid, properties);
	return spec;
}

static void test_full(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2");
	struct vm_spec too_big = second_group(g, "size=8m");
	struct vm_spec too_big_to_keep = second_group(g, "size=8m,unlink=0");
	struct vm *client;

	assert_int_equal(free_bytes(), 3 * MIB);
	group_expect_refusal(g, &too_big, "hgshm: size=8388608 (8 MiB) does not "
			     "fit /dev/shm, where 3 MiB is free; free some, "
			     "enlarge it (mount -o remount,size=...), or give "
			     "a smaller size");
	assert_int_equal(free_bytes(), 3 * MIB);
	group_expect_refusal(g, &too_big_to_keep, "hgshm: size=8388608 (8 MiB) "
			     "does not fit /dev/shm, where 3 MiB is free; free "
			     "some, enlarge it (mount -o remount,size=...), or "
			     "give a smaller size");
	assert_int_equal(free_bytes(), 3 * MIB);
	assert_int_equal(count_objects(), 1);

	/* The group that runs there goes on. */
	client = group_start_client(g, 1, "");
	vm_enable_vectors(mapper);
	vm_ring(client, 0);
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(1)));
	vm_store(client, HGSHM_BAR_MEMORY, MIB / 2 - 1, 0x5c);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB - 1), 0x5c);
}

static void test_last_byte_fits(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=4m,clients=2");

	assert_int_equal(free_bytes(), 0);
	vm_store(mapper, HGSHM_BAR_MEMORY, 4 * MIB - 1, 0x5d);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4 * MIB - 1), 0x5d);
	vm_quit(mapper);
	assert_int_equal(free_bytes(), 4 * MIB);
}

/* A stale object makes room before the new one is made. */
static void test_replacing_needs_no_extra_room(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=2");

	vm_shoot(mapper);
	assert_int_equal(free_bytes(), MIB);
	mapper = group_start_mapper(g, "size=4m,clients=2,unlink=1");
	vm_quit(mapper);
	assert_int_equal(free_bytes(), 4 * MIB);
}

/* An object with holes that can't be filled is an error now, no SIGBUS later. */
static void test_holes_that_can_not_be_filled(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "size=8m,clients=2,unlink=0");
	FILE *object = fopen(g->object, "wx");

	g->object_stays = true;
	assert_non_null(object);
	assert_int_equal(fchmod(fileno(object), 0600), 0);
	assert_int_equal(ftruncate(fileno(object), 8 * MIB), 0);
	fclose(object);
	group_expect_refusal(g, &spec, "hgshm: size=8388608 (8 MiB) does not "
			     "fit /dev/shm, where 4 MiB is free; free some, "
			     "enlarge it (mount -o remount,size=...), or give "
			     "a smaller size");
	assert_true(group_object_exists(g));
	assert_int_equal(free_bytes(), 4 * MIB);
}

/* A file system may be larger than the memory that it is in, or without a bound. */
static void test_more_than_memory(void **state)
{
	static const char *const sizes[] = { "size=2t", "size=0" };
	struct group *g = *state;
	struct vm_spec too_big = group_mapper_spec(g, "size=1t");

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(mount("tmpfs", "/dev/shm", "tmpfs", 0, sizes[i]), 0);
		group_expect_refusal_like(g, &too_big, "hgshm: size=1099511627776 (1 TiB) does not "
					  "fit this machine's memory, of which * is available; "
					  "free some or give a smaller size");
		assert_int_equal(count_objects(), 0);
		vm_quit(group_start_mapper(g, "size=1m"));
		assert_int_equal(umount("/dev/shm"), 0);
	}
}

static void make_small_shm(void)
{
	if (unshare(CLONE_NEWNS) < 0) {
		printf("skipped: no mount namespace of its own: %s\n",
		       strerror(errno));
		exit(EXIT_SKIP);
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4m,mode=1777") < 0) {
		printf("skipped: no tmpfs can be mounted: %s\n",
		       strerror(errno));
		exit(EXIT_SKIP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_full),
		group_test(test_last_byte_fits),
		group_test(test_replacing_needs_no_extra_room),
		group_test(test_holes_that_can_not_be_filled),
		group_test(test_more_than_memory),
	};

	group_needs_plugin();
	make_small_shm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
