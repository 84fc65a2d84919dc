// SPDX-License-Identifier: MIT
/* The object in /dev/shm: its name, mode and size, and how long it lives. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

#define MIB	(1024ull * 1024)

static struct stat object_stat(const struct group *g)
{
	struct stat st = { .st_size = 0 };

	if (stat(g->object, &st) < 0)
		fail_msg("%s is not there", g->object);
	return st;
}

static void make_object(const struct group *g, mode_t mode, off_t bytes,
			uint8_t last_byte)
{
	int fd = open(g->object, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	assert_int_equal(pwrite(fd, &last_byte, 1, bytes - 1), 1);
	close(fd);
}

static void test_mode_and_size(void **state)
{
	struct group *g = *state;
	struct stat st;

	group_start_mapper(g, "size=3m,clients=3");
	st = object_stat(g);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 3 * MIB);
	/* all of it is there, before anybody has touched it */
	assert_true((uint64_t)st.st_blocks * 512 >= 3 * MIB);
}

static void test_gone_after_quit(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2,unlink=1");

	assert_true(group_object_exists(g));
	vm_quit(mapper);
	assert_false(group_object_exists(g));
	assert_int_equal(access(g->socket, F_OK), -1);
}

static void test_gone_after_sigterm(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2");

	kill(mapper->process.pid, SIGTERM);
	process_wait(&mapper->process);
	assert_int_equal(process_exit_code(&mapper->process), 0);
	assert_false(group_object_exists(g));
}

static void test_unlink_0_stays(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2,unlink=0");

	g->object_stays = true;
	vm_store(mapper, HGSHM_BAR_MEMORY, MIB - 1, 0x71);
	vm_quit(mapper);
	assert_int_equal(object_stat(g).st_size, MIB);

	mapper = group_start_mapper(g, "size=1m,clients=2,unlink=0");
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB - 1), 0x71);
	vm_store(mapper, HGSHM_BAR_MEMORY, 0, 0x72);
	vm_shoot(mapper);

	mapper = group_start_mapper(g, "size=1m,clients=4,unlink=0");
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB - 1), 0x71);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 0), 0x72);
}

static void test_unlink_1_replaces_what_a_killed_mapper_left(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2");
	struct vm *orphan = group_start_client(g, 1, "");

	vm_store(orphan, HGSHM_BAR_MEMORY, 7, 0x73);
	vm_shoot(mapper);
	assert_true(group_object_exists(g));

	mapper = group_start_mapper(g, "size=1m,clients=2");
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB / 2 + 7), 0);
	/* who still has the old one keeps it to itself, and is told */
	vm_wait_output(orphan, "qemu-system-x86_64: warning: hgshm: the mapper "
		       "of shmid=%s is gone (the connection was closed); index=1 "
		       "keeps the memory and the other VMs\n"
		       "qemu-system-x86_64: warning: hgshm: the mapper of "
		       "shmid=%s came back with another memory; index=1 still "
		       "has the old one: restart this VM or plug its device in "
		       "again\n", g->shmid, g->shmid);
	vm_store(orphan, HGSHM_BAR_MEMORY, 8, 0x74);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB / 2 + 8), 0);
	assert_int_equal(vm_load(orphan, HGSHM_BAR_MEMORY, 7), 0x73);
	vm_quit(mapper);
	assert_false(group_object_exists(g));
}

static void test_unlink_1_replaces_any_size_and_mode(void **state)
{
	struct group *g = *state;
	struct vm *mapper;
	struct stat st;

	make_object(g, 0666, 5 * MIB, 0x75);
	mapper = group_start_mapper(g, "size=1m,clients=2,unlink=1");
	st = object_stat(g);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, MIB);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB - 1), 0);
}

static void test_unlink_0_fills_holes(void **state)
{
	struct group *g = *state;
	struct vm *mapper;
	struct stat st;

	g->object_stays = true;
	make_object(g, 0600, MIB, 0x76);
	mapper = group_start_mapper(g, "size=1m,clients=2,unlink=0");
	st = object_stat(g);
	assert_true((uint64_t)st.st_blocks * 512 >= MIB);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, MIB - 1), 0x76);
}

/* A name that somebody else took over is not the mapper's to delete. */
static void test_successor_is_left_alone(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=2");

	g->object_stays = true;
	assert_int_equal(unlink(g->object), 0);
	make_object(g, 0600, MIB, 0);
	vm_quit(mapper);
	assert_true(group_object_exists(g));
}

static void test_client_ignores_unlink(void **state)
{
	struct group *g = *state;
	struct vm *client;

	group_start_mapper(g, "size=1m,clients=2");
	client = group_start_client(g, 1, "unlink=1");
	vm_quit(client);
	assert_true(group_object_exists(g));
	client = group_start_client(g, 1, "unlink=0,clients=50");
	assert_int_equal(vm_reg32(client, HGSHM_REG_CLIENTS), 2);
}

static void test_client_ignores_size_with_a_warning(void **state)
{
	struct group *g = *state;
	struct vm *client;

	group_start_mapper(g, "size=1m,clients=2");
	client = group_start_client(g, 1, "size=5g");
	assert_int_equal(vm_reg64(client, HGSHM_REG_SIZE), MIB);
	vm_expect_output(client, "qemu-system-x86_64: -device hgshm,index=1,"
			 "chardev=" GROUP_CHARDEV ",shmid=%s,size=5g: warning: "
			 "hgshm: size is ignored for index=1; the mapper's "
			 "holds\n", g->shmid);
}

static void set_unnamed_mapper(const struct group *g, struct vm_spec *spec)
{
	*spec = group_mapper_spec(g, "");
	strcpy(spec->device, "hgshm,index=0,size=1m,chardev=" GROUP_CHARDEV
			     ",id=shm");
}

/* Takes what QEMU printed and what QOM shows, which must be the same name. */
static void take_made_up_shmid(struct vm *mapper, char *name, size_t bytes)
{
	char *text = process_take_output(&mapper->process);
	char *start = strstr(text, "info: hgshm: shmid=");
	const char *answer;
	char expected[160];

	assert_non_null(start);
	start += strlen("info: hgshm: shmid=");
	start[strcspn(start, "\n")] = '\0';
	assert_in_range(strlen(start), 1, bytes - 1);
	strcpy(name, start);
	free(text);
	answer = qmp_run(&mapper->qmp, "{\"execute\": \"qom-get\", "
			 "\"arguments\": {\"path\": \"/machine/peripheral/shm\", "
			 "\"property\": \"shmid\"}}");
	snprintf(expected, sizeof(expected), "{\"return\": \"%s\"}", name);
	assert_string_equal(answer, expected);
}

/* A UUID that no test beside this one has. */
static void make_uuid(char uuid[static 37])
{
	int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, uuid, 36), 36);
	uuid[36] = '\0';
	close(fd);
}

static void test_shmid_from_uuid(void **state)
{
	char uuid[37], expected[sizeof("hgshm-") + 36];
	const char *const options[] = { "-uuid", uuid, NULL };
	struct group *g = *state;
	char name[HGSHM_SHMID_BYTES];
	struct vm_spec spec;
	struct vm *mapper;

	make_uuid(uuid);
	snprintf(expected, sizeof(expected), "hgshm-%s", uuid);
	set_unnamed_mapper(g, &spec);
	spec.options = options;
	mapper = group_start(g, &spec);
	take_made_up_shmid(mapper, name, sizeof(name));
	assert_string_equal(name, expected);
	strcpy(g->shmid, name);
	snprintf(g->object, sizeof(g->object), "/dev/shm/%s", name);
	assert_true(group_object_exists(g));
	group_start_client(g, 1, "");
}

static void test_random_shmid(void **state)
{
	struct group *g = *state;
	char first[HGSHM_SHMID_BYTES];
	struct vm_spec spec;
	struct vm *mapper;

	set_unnamed_mapper(g, &spec);
	mapper = group_start(g, &spec);
	take_made_up_shmid(mapper, first, sizeof(first));
	assert_int_equal(strncmp(first, "hgshm-", 6), 0);
	assert_int_equal(strlen(first), strlen("hgshm-") + 36);
	vm_quit(mapper);
	mapper = group_start(g, &spec);
	take_made_up_shmid(mapper, g->shmid, sizeof(g->shmid));
	snprintf(g->object, sizeof(g->object), "/dev/shm/%s", g->shmid);
	assert_true(group_object_exists(g));
	assert_string_not_equal(first, g->shmid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_mode_and_size),
		group_test(test_gone_after_quit),
		group_test(test_gone_after_sigterm),
		group_test(test_unlink_0_stays),
		group_test(test_unlink_1_replaces_what_a_killed_mapper_left),
		group_test(test_unlink_1_replaces_any_size_and_mode),
		group_test(test_unlink_0_fills_holes),
		group_test(test_successor_is_left_alone),
		group_test(test_client_ignores_unlink),
		group_test(test_client_ignores_size_with_a_warning),
		group_test(test_shmid_from_uuid),
		group_test(test_random_shmid),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
