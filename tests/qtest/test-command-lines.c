// SPDX-License-Identifier: MIT
/*
 * The command lines that people have, word for word but for the socket's path and
 * the memory's name, which must be this run's own
 */
#include <stdio.h>

#include "group.h"
#include "test.h"

static struct vm *start(struct group *g, const char *chardev_words, const char *device_words)
{
	struct vm_spec spec = { .machine = NULL };

	snprintf(spec.chardev, sizeof(spec.chardev), "socket,id=chardev,path=%s,%s", g->socket,
		 chardev_words);
	snprintf(spec.device, sizeof(spec.device), device_words, g->shmid);
	return group_start(g, &spec);
}

static struct vm *start_zero(struct group *g)
{
	return start(g, "server,nowait,nodelay",
		     "hgshm,size=512m,chardev=chardev,guestmmap=1,unlink=0,shmid=%s,index=0,clients=4");
}

static struct vm *start_one(struct group *g)
{
	return start(g, "nowait",
		     "hgshm,shmid=%s,chardev=chardev,guestmmap=1,index=1,mapidx=0");
}

static void test_zero_index_and_another(void **state)
{
	struct group *g = *state;
	struct vm *zero = start_zero(g), *one = start_one(g);
	const uint64_t slice_bytes = 128ull << 20;

	g->object_stays = true;
	assert_int_equal(vm_reg64(zero, HGSHM_REG_SIZE), 4 * slice_bytes);
	assert_int_equal(vm_reg64(one, HGSHM_REG_SLICE_SIZE), slice_bytes);
	assert_int_equal(vm_reg32(one, HGSHM_REG_MAPIDX), 0);
	assert_int_equal(vm_peers(zero), 3);
	vm_store(one, HGSHM_BAR_MEMORY, slice_bytes - 1, 0x5a);
	assert_int_equal(vm_load(zero, HGSHM_BAR_MEMORY, 2 * slice_bytes - 1), 0x5a);
	vm_store(zero, HGSHM_BAR_MEMORY, 3, 0xa5);
	assert_int_equal(vm_load(one, HGSHM_BAR_PEER, 3), 0xa5);
}

/* unlink=0, as in that command line: what was stored is there the next time. */
static void test_contents_stay(void **state)
{
	struct group *g = *state;
	struct vm *zero = start_zero(g);

	g->object_stays = true;
	vm_store(zero, HGSHM_BAR_MEMORY, 77, 0x77);
	vm_quit(zero);
	assert_true(group_object_exists(g));
	assert_int_equal(vm_load(start_zero(g), HGSHM_BAR_MEMORY, 77), 0x77);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_zero_index_and_another),
		group_test(test_contents_stay),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
