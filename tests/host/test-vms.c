// SPDX-License-Identifier: MIT
/* Groups of VMs and processes on the host, with either of them as the mapper. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "host.h"
#include "qtest.h"
#include "test.h"

#define POLL_STEP_MS	5

static const char *const backings[] = { "shm", "memfd" };

/* Each of the two rings the other. */
static void expect_rings(struct vm *vm, unsigned int vm_index, struct hgshm *h, uint32_t index)
{
	msix_take_any(&vm->msix);
	host_take_all(h);
	vm_ring(vm, index);
	host_wait_ring(h, vm_index);
	host_expect_quiet(h);
	assert_int_equal(hgshm_poke(h, vm_index), 0);
	assert_true(msix_take(&vm->msix, HGSHM_VECTOR_DOORBELL(index)));
}

/* A mapper tells of those who go when it has heard of it. */
static void wait_peers(struct vm *vm, uint64_t peers)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		if (vm_peers(vm) == peers)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_int_equal(vm_peers(vm), peers);
}

static void test_vm_mapper(void **state)
{
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		char properties[96];
		struct vm *mapper, *two;
		struct hgshm *one, *three;

		snprintf(properties, sizeof(properties), "size=16k,clients=4,backing=%s,"
			 "mapidx-any=on", backings[i]);
		mapper = group_start_mapper(g, properties);
		one = host_open(g, "join:%s");
		two = group_start_client(g, 2, "mapidx=1");
		three = host_open(g, "join:%s?mapidx=2&mapidx-ro=on");
		vm_enable_vectors(mapper);
		vm_enable_vectors(two);
		assert_int_equal(host_info(one).index, 1);
		assert_int_equal(host_info(three).index, 3);
		assert_string_equal((char *)host_info(one).shmid, g->shmid);
		host_wait_peers(one, 0xf);
		wait_peers(mapper, 0xf);
		wait_peers(two, 0xf);

		host_slice(one, 1)[5] = 0x15;
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4096 + 5), 0x15);
		assert_int_equal(vm_load(two, HGSHM_BAR_PEER, 5), 0x15);
		vm_store(two, HGSHM_BAR_MEMORY, 6, 0x26);
		assert_int_equal(host_slice(three, 2)[6], 0x26);
		vm_store(mapper, HGSHM_BAR_MEMORY, 7, 0x07);
		assert_int_equal(host_slice(one, 0)[7], 0x07);

		expect_rings(mapper, 0, one, 1);
		expect_rings(two, 2, one, 1);
		expect_rings(two, 2, three, 3);
		host_expect_rings(one, 1, three, 3);

		hgshm_close(three);
		host_wait_peers(one, 0x7);
		wait_peers(two, 0x7);
		vm_quit(two);
		host_wait_peers(one, 0x3);
		hgshm_close(one);
		wait_peers(mapper, 1);
		vm_quit(mapper);
	}
}

static void test_vm_mapper_refuses(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=2");
	struct hgshm *one = host_open(g, "join:%s");

	host_expect_refusal(g, "join:%s?index=1", -EADDRINUSE, "the mapper at %s refused this "
			    "process: index=1 is held by a running VM; stop that one or give "
			    "another index", g->socket);
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: refused a client: index=1 is "
		       "held by a running VM; stop that one or give another index\n");
	hgshm_close(one);
}

static void test_host_mapper(void **state)
{
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(backings); i++) {
		char parameters[96];
		struct hgshm *mapper, *three;
		struct vm *one, *two;

		snprintf(parameters, sizeof(parameters), "size=16k&clients=4&backing=%s&"
			 "mapidx-any=on", backings[i]);
		mapper = host_found(g, parameters);
		one = group_start_client(g, 1, "mapidx=0");
		two = group_start_client(g, 2, "mapidx=1,mapidx-ro=on");
		three = host_open(g, "join:%s?mapidx=2");
		vm_enable_vectors(one);
		vm_enable_vectors(two);
		host_wait_peers(mapper, 0xf);
		host_wait_peers(three, 0xf);
		wait_peers(one, 0xf);
		assert_int_equal(vm_reg64(one, HGSHM_REG_SLICE_SIZE), 4096);

		host_slice(mapper, 0)[1] = 0x31;
		assert_int_equal(vm_load(one, HGSHM_BAR_PEER, 1), 0x31);
		vm_store(one, HGSHM_BAR_MEMORY, 2, 0x32);
		assert_int_equal(host_slice(mapper, 1)[2], 0x32);
		assert_int_equal(vm_load(two, HGSHM_BAR_PEER, 2), 0x32);
		host_slice(three, 2)[3] = 0x33;
		assert_int_equal(vm_load(two, HGSHM_BAR_MEMORY, 3), 0x33);

		expect_rings(one, 1, mapper, 0);
		expect_rings(two, 2, mapper, 0);
		expect_rings(two, 2, three, 3);

		vm_shoot(two);
		host_wait_peers(mapper, 0xb);
		wait_peers(one, 0xb);
		assert_int_equal(hgshm_poke(mapper, 2), -ENOTCONN);
		vm_quit(one);
		host_wait_peers(mapper, 0x9);
		hgshm_close(three);
		hgshm_close(mapper);
	}
}

static void test_host_mapper_refuses(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=2");
	struct hgshm *one = host_open(g, "join:%s");
	struct vm_spec spec = group_client_spec(g, 1, "");

	group_expect_refusal(g, &spec, "hgshm: the mapper at chardev socket %s refused this VM: "
			     "index=1 is held by a running VM; stop that one or give another index",
			     g->socket);
	hgshm_close(one);
	hgshm_close(mapper);
}

/* A VM is the mapper, dies and comes back; the host's member finds it again. */
static void test_vm_mapper_comes_back(void **state)
{
	static const char properties[] = "size=12k,clients=3,unlink=0";
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, properties);
	struct hgshm *one = host_open(g, "join:%s");

	g->object_stays = true;
	host_slice(one, 1)[0] = 0x61;
	vm_shoot(mapper);
	host_wait_peers(one, 2);
	assert_int_equal(hgshm_poke(one, 0), -ENOTCONN);
	mapper = group_start_mapper(g, properties);
	host_wait_peers(one, 3);
	assert_int_equal(host_info(one).status, 0);
	vm_enable_vectors(mapper);
	expect_rings(mapper, 0, one, 1);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4096), 0x61);

	vm_shoot(mapper);
	host_wait_peers(one, 2);
	mapper = group_start_mapper(g, "size=12k,clients=3");
	while (!(host_info(one).status & HGSHM_STATUS_MEMORY_STALE))
		assert_int_equal(hgshm_wait(one, WAIT_MS * INT64_C(1000000), NULL), 0);
	assert_int_equal(host_slice(one, 1)[0], 0x61);
	hgshm_close(one);
}

/* A process is the mapper, is killed and comes back; the VM finds it again. */
static void test_host_mapper_comes_back(void **state)
{
	struct group *g = *state;
	struct process echo;
	struct vm *one;
	char uri[160];

	g->object_stays = true;
	snprintf(uri, sizeof(uri), "found:%%s?size=12k&clients=3&unlink=0&shmid=%s", g->shmid);
	host_start_echo(&echo, g, uri);
	one = group_start_client(g, 1, "mapidx=0");
	vm_enable_vectors(one);
	for (int round = 0; round < 2; round++) {
		msix_take_any(&one->msix);
		vm_ring(one, 0);
		while (!msix_take(&one->msix, HGSHM_VECTOR_DOORBELL(0)))
			qtest_settle(&one->qtest);
		vm_store(one, HGSHM_BAR_PEER, 1, 0x71);
		host_kill_echo(&echo);
		vm_wait_output(one, "qemu-system-x86_64: warning: hgshm: the mapper of shmid=%s is "
			       "gone (the connection was closed); index=1 keeps the memory and the "
			       "other VMs\n", g->shmid);
		wait_peers(one, 2);
		host_start_echo(&echo, g, uri);
		vm_wait_output(one, "qemu-system-x86_64: info: hgshm: index=1 is back with the "
			       "mapper of shmid=%s\n", g->shmid);
		wait_peers(one, 3);
		assert_int_equal(vm_load(one, HGSHM_BAR_PEER, 1), 0x71);
	}
	vm_quit(one);
	host_kill_echo(&echo);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_vm_mapper),
		host_test(test_vm_mapper_refuses),
		host_test(test_host_mapper),
		host_test(test_host_mapper_refuses),
		host_test(test_vm_mapper_comes_back),
		host_test(test_host_mapper_comes_back),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
