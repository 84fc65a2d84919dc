// SPDX-License-Identifier: MIT
/* VMs come, quit and are killed: what the others see, and what stays. */
#include <signal.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

struct trio {
	struct vm *mapper;
	struct vm *one;
	struct vm *two;
};

/* All enabled, and nothing raised that has not been looked at. */
static struct trio start_trio(struct group *g)
{
	struct trio t;

	t.mapper = group_start_mapper(g, "size=12k,clients=3");
	t.one = group_start_client(g, 1, "mapidx=2");
	t.two = group_start_client(g, 2, "mapidx=1");
	vm_enable_vectors(t.mapper);
	vm_enable_vectors(t.one);
	vm_enable_vectors(t.two);
	msix_take_any(&t.mapper->msix);
	msix_take_any(&t.one->msix);
	msix_take_any(&t.two->msix);
	return t;
}

/* PEERS is now @peers, by one step of EPOCH, which vector 0 has told. */
static void expect_news(struct vm *vm, uint64_t peers, uint32_t *epoch)
{
	assert_int_equal(vm_peers(vm), peers);
	assert_int_equal(vm_reg32(vm, HGSHM_REG_EPOCH), ++*epoch);
	assert_true(msix_take(&vm->msix, HGSHM_VECTOR_PEERS));
	assert_false(msix_take(&vm->msix, HGSHM_VECTOR_PEERS));
}

static void expect_rings(struct vm *a, unsigned int index_a, struct vm *b,
			 unsigned int index_b)
{
	vm_ring(a, index_b);
	assert_true(msix_take(&b->msix, HGSHM_VECTOR_DOORBELL(index_a)));
	vm_ring(b, index_a);
	assert_true(msix_take(&a->msix, HGSHM_VECTOR_DOORBELL(index_b)));
}

static void expect_mapper_gone_warning(struct group *g, struct vm *vm,
				       unsigned int index)
{
	qtest_settle(&vm->qtest);
	vm_expect_output(vm, "qemu-system-x86_64: warning: hgshm: the mapper "
			 "of shmid=%s is gone (the connection was closed); "
			 "index=%u keeps the memory and the other VMs\n",
			 g->shmid, index);
}

static void test_join(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4");
	struct vm *one, *three;
	uint32_t mapper_epoch = 0, one_epoch;

	vm_enable_vectors(mapper);
	assert_int_equal(vm_peers(mapper), bit(0));
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_EPOCH), 0);
	assert_int_equal(msix_take_any(&mapper->msix), 0);

	one = group_start_client(g, 1, "");
	expect_news(mapper, bit(0) | bit(1), &mapper_epoch);
	assert_int_equal(vm_peers(one), bit(0) | bit(1));
	one_epoch = vm_reg32(one, HGSHM_REG_EPOCH);
	vm_enable_vectors(one);
	msix_take_any(&one->msix);

	three = group_start_client(g, 3, "");
	expect_news(mapper, bit(0) | bit(1) | bit(3), &mapper_epoch);
	expect_news(one, bit(0) | bit(1) | bit(3), &one_epoch);
	assert_int_equal(vm_peers(three), bit(0) | bit(1) | bit(3));
}

static void expect_client_leaves(struct group *g, void (*leave)(struct vm *vm))
{
	struct trio t = start_trio(g);
	uint32_t mapper_epoch = vm_reg32(t.mapper, HGSHM_REG_EPOCH);
	uint32_t one_epoch = vm_reg32(t.one, HGSHM_REG_EPOCH);

	leave(t.two);
	expect_news(t.mapper, bit(0) | bit(1), &mapper_epoch);
	expect_news(t.one, bit(0) | bit(1), &one_epoch);

	/* Nobody is there to ring, and the others are not disturbed. */
	vm_ring(t.mapper, 2);
	vm_ring(t.one, 2);
	assert_int_equal(msix_take_any(&t.mapper->msix), 0);
	assert_int_equal(msix_take_any(&t.one->msix), 0);
	expect_rings(t.mapper, 0, t.one, 1);

	/* Its index is free at once, its slice as it left it. */
	t.two = group_start_client(g, 2, "mapidx=1");
	vm_enable_vectors(t.two);
	expect_news(t.mapper, bit(0) | bit(1) | bit(2), &mapper_epoch);
	expect_news(t.one, bit(0) | bit(1) | bit(2), &one_epoch);
	expect_rings(t.mapper, 0, t.two, 2);
	expect_rings(t.one, 1, t.two, 2);
}

static void test_client_quits(void **state)
{
	expect_client_leaves(*state, vm_quit);
}

static void test_client_is_killed(void **state)
{
	expect_client_leaves(*state, vm_shoot);
}

static void test_rejoin_again_and_again(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=8k,clients=2");
	unsigned int fds = 0;

	vm_enable_vectors(mapper);
	for (int round = 0; round < 8; round++) {
		struct vm *client = group_start_client(g, 1, "");

		vm_enable_vectors(client);
		expect_rings(mapper, 0, client, 1);
		vm_store(client, HGSHM_BAR_MEMORY, round, 1 + round);
		vm_shoot(client);
		assert_int_equal(vm_peers(mapper), bit(0));
		/* The eventfd of the last client's rings stays open. */
		if (round == 0)
			fds = vm_count_fds(mapper);
		assert_int_equal(vm_count_fds(mapper), fds);
	}
	for (int round = 0; round < 8; round++)
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4096 + round),
				 1 + round);
}

/* The mapper learns of the death no sooner than of the successor. */
static void test_rejoin_before_the_mapper_looked(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 1, "");
	struct vm *mapper = group_start_mapper(g, "size=8k,clients=2");
	struct vm *client = group_start_client(g, 1, "");

	vm_enable_vectors(mapper);
	kill(mapper->process.pid, SIGSTOP);
	vm_shoot(client);
	client = group_spawn(g, &spec);
	channel_accept(&client->qtest, &client->process);
	kill(mapper->process.pid, SIGCONT);
	channel_accept(&client->qmp.channel, &client->process);
	qmp_greet(&client->qmp);
	vm_find_device(client);
	vm_enable_vectors(client);
	assert_int_equal(vm_peers(mapper), bit(0) | bit(1));
	expect_rings(mapper, 0, client, 1);
}

static void expect_mapper_leaves(struct group *g, void (*leave)(struct vm *vm))
{
	struct trio t = start_trio(g);
	uint32_t one_epoch = vm_reg32(t.one, HGSHM_REG_EPOCH);
	uint32_t two_epoch = vm_reg32(t.two, HGSHM_REG_EPOCH);

	vm_store(t.mapper, HGSHM_BAR_MEMORY, 4096, 0x61);
	leave(t.mapper);
	expect_news(t.one, bit(1) | bit(2), &one_epoch);
	expect_news(t.two, bit(1) | bit(2), &two_epoch);
	expect_mapper_gone_warning(g, t.one, 1);
	expect_mapper_gone_warning(g, t.two, 2);

	vm_ring(t.one, 0);
	expect_rings(t.one, 1, t.two, 2);
	assert_int_equal(vm_load(t.one, HGSHM_BAR_MEMORY, 0), 0x61);
	vm_store(t.one, HGSHM_BAR_MEMORY, 1, 0x62);
	assert_int_equal(vm_load(t.two, HGSHM_BAR_PEER, 1), 0x62);
}

static void test_mapper_quits(void **state)
{
	expect_mapper_leaves(*state, vm_quit);
}

static void test_mapper_is_killed(void **state)
{
	struct group *g = *state;

	g->object_stays = true;
	expect_mapper_leaves(g, vm_shoot);
}

static void test_last_ring_of_the_dead(void **state)
{
	struct group *g = *state;
	struct trio t = start_trio(g);

	vm_set_reg32(t.mapper, HGSHM_REG_IRQ_ENABLE, 0);
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 0);
	vm_ring(t.two, 0);
	vm_ring(t.two, 1);
	vm_shoot(t.two);
	assert_int_equal(vm_peers(t.mapper), bit(0) | bit(1));
	assert_int_equal(vm_peers(t.one), bit(0) | bit(1));
	assert_int_equal(msix_take_any(&t.mapper->msix), 0);
	assert_int_equal(msix_take_any(&t.one->msix), 0);
	vm_set_reg32(t.mapper, HGSHM_REG_IRQ_ENABLE, 1);
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 1);
	assert_int_equal(msix_take_any(&t.mapper->msix), bit(0) | bit(3));
	assert_int_equal(msix_take_any(&t.one->msix), bit(0) | bit(3));
}

static void test_last_ring_outlives_a_successor(void **state)
{
	struct group *g = *state;
	struct trio t = start_trio(g);

	vm_set_reg32(t.mapper, HGSHM_REG_IRQ_ENABLE, 0);
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 0);
	vm_ring(t.two, 0);
	vm_ring(t.two, 1);
	vm_shoot(t.two);
	t.two = group_start_client(g, 2, "");
	vm_set_reg32(t.mapper, HGSHM_REG_IRQ_ENABLE, 1);
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 1);
	assert_int_equal(msix_take_any(&t.mapper->msix), bit(0) | bit(3));
	assert_int_equal(msix_take_any(&t.one->msix), bit(0) | bit(3));
}

static void test_last_ring_of_the_mapper(void **state)
{
	struct group *g = *state;
	struct trio t = start_trio(g);

	g->object_stays = true;
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 0);
	vm_ring(t.mapper, 1);
	vm_shoot(t.mapper);
	assert_int_equal(vm_peers(t.one), bit(1) | bit(2));
	vm_set_reg32(t.one, HGSHM_REG_IRQ_ENABLE, 1);
	assert_int_equal(msix_take_any(&t.one->msix), bit(0) | bit(1));
	expect_mapper_gone_warning(g, t.one, 1);
	expect_mapper_gone_warning(g, t.two, 2);
}

static void test_many(void **state)
{
	struct group *g = *state;
	struct vm *vm[8];
	uint64_t peers = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i++) {
		vm[i] = i ? group_start_client(g, i, "") :
			    group_start_mapper(g, "size=32k,clients=8");
		vm_enable_vectors(vm[i]);
		peers |= bit(i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i++)
		assert_int_equal(vm_peers(vm[i]), peers);
	for (unsigned int i = 1; i < ARRAY_SIZE(vm); i += 2) {
		vm_shoot(vm[i]);
		peers &= ~bit(i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i += 2) {
		assert_int_equal(vm_peers(vm[i]), peers);
		msix_take_any(&vm[i]->msix);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i += 2) {
		for (unsigned int j = 0; j < i; j += 2)
			expect_rings(vm[i], i, vm[j], j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_join),
		group_test(test_client_quits),
		group_test(test_client_is_killed),
		group_test(test_rejoin_again_and_again),
		group_test(test_rejoin_before_the_mapper_looked),
		group_test(test_mapper_quits),
		group_test(test_mapper_is_killed),
		group_test(test_last_ring_of_the_dead),
		group_test(test_last_ring_outlives_a_successor),
		group_test(test_last_ring_of_the_mapper),
		group_test(test_many),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
