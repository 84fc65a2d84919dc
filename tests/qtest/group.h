/* SPDX-License-Identifier: MIT */
/**
 * DOC: the VMs of one test
 *
 * Each test has a temporary folder and a shmid of its own, so that tests may run
 * side by side. After the test every QEMU must end well and have said nothing
 * that the test did not expect, and /dev/shm must be as before.
 */
#ifndef QTEST_GROUP_H
#define QTEST_GROUP_H

#include "hgshm/proto.h"
#include "vm.h"

#define GROUP_VMS_MAX	64

/* The id that every chardev of these tests has. */
#define GROUP_CHARDEV	"meet"

/**
 * struct group - what a test has
 * @folder: temporary, private
 * @socket: path of the chardev
 * @shmid: name of the memory
 * @object: path of the memory
 * @object_stays: the test leaves objects behind on purpose
 * @vm: VMs started so far
 * @vm_count: how many
 */
struct group {
	char folder[64];
	char socket[96];
	char shmid[HGSHM_SHMID_BYTES];
	char object[128];
	bool object_stays;
	struct vm *vm[GROUP_VMS_MAX];
	unsigned int vm_count;
};

/** group_test() - a cmocka test whose state is a &struct group */
#define group_test(function) \
	cmocka_unit_test_setup_teardown(function, group_setup, group_teardown)

int group_setup(void **state);
int group_teardown(void **state);

/** group_needs_plugin() - end the program as skipped if there is no plug-in */
void group_needs_plugin(void);

/** group_spawn() - start a VM as specified; it belongs to the group from then on */
struct vm *group_spawn(struct group *g, const struct vm_spec *spec);

/** group_start() - the same, and wait until it answers; its device is mapped */
struct vm *group_start(struct group *g, const struct vm_spec *spec);

/** group_mapper_spec() - VM 0, with these properties besides index, chardev and shmid */
struct vm_spec group_mapper_spec(const struct group *g, const char *properties);

/** group_client_spec() - VM @index, with these properties besides, maybe "" */
struct vm_spec group_client_spec(const struct group *g, unsigned int index,
				 const char *properties);

/** group_start_mapper() - start VM 0, wait until it answers, map its device */
struct vm *group_start_mapper(struct group *g, const char *properties);

/** group_start_client() - the same for VM @index */
struct vm *group_start_client(struct group *g, unsigned int index,
			      const char *properties);

/**
 * group_expect_refusal() - QEMU must not start, and say why in one line
 * @g: in/out
 * @spec: what to start
 * @fmt: the line, without QEMU's name and the -device option before it
 */
void group_expect_refusal(struct group *g, const struct vm_spec *spec,
			  const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * group_expect_refusal_like() - the same for a line that says how the machine is
 * @g: in/out
 * @spec: what to start
 * @pattern: the line, for fnmatch()
 */
void group_expect_refusal_like(struct group *g, const struct vm_spec *spec,
			       const char *pattern);

/**
 * group_expect_end() - the same for a VM that has been started
 * @vm: it
 * @code: its exit code
 * @fmt: all that it writes
 */
void group_expect_end(struct vm *vm, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** group_object_exists() - Return: whether /dev/shm has the group's object */
bool group_object_exists(const struct group *g);

#endif
