// SPDX-License-Identifier: MIT
/* The mapper dies and comes back: the others keep what they have, and find back. */
#include <poll.h>

#include "group.h"
#include "test.h"

#define POLL_STEP_MS	5

static void expect_soon_peers(struct vm *vm, uint64_t peers)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		if (vm_peers(vm) == peers)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_int_equal(vm_peers(vm), peers);
}

static void expect_loss_told(struct group *g, struct vm *vm, unsigned int index)
{
	vm_wait_output(vm, "qemu-system-x86_64: warning: hgshm: the mapper of shmid=%s is gone "
		       "(the connection was closed); index=%u keeps the memory and the other "
		       "VMs\n", g->shmid, index);
}

static void expect_return_told(struct group *g, struct vm *vm, unsigned int index)
{
	vm_wait_output(vm, "qemu-system-x86_64: info: hgshm: index=%u is back with the mapper of "
		       "shmid=%s\n", index, g->shmid);
}

/* Each of the two rings the other. */
static void expect_rings(struct vm *a, unsigned int index_a, struct vm *b, unsigned int index_b)
{
	msix_take_any(&a->msix);
	msix_take_any(&b->msix);
	vm_ring(a, index_b);
	assert_int_equal(msix_take_any(&b->msix), bit(HGSHM_VECTOR_DOORBELL(index_a)));
	vm_ring(b, index_a);
	assert_int_equal(msix_take_any(&a->msix), bit(HGSHM_VECTOR_DOORBELL(index_b)));
}

struct pair {
	struct vm *mapper, *one, *two;
};

static struct pair start(struct group *g, const char *properties)
{
	struct pair p = {
		.mapper = group_start_mapper(g, properties),
		.one = group_start_client(g, 1, "mapidx=0"),
		.two = group_start_client(g, 2, "mapidx=0"),
	};

	vm_enable_vectors(p.mapper);
	vm_enable_vectors(p.one);
	vm_enable_vectors(p.two);
	return p;
}

static void lose_mapper(struct group *g, struct pair *p)
{
	vm_shoot(p->mapper);
	expect_soon_peers(p->one, 6);
	expect_soon_peers(p->two, 6);
	expect_loss_told(g, p->one, 1);
	expect_loss_told(g, p->two, 2);
}

/* Before the mapper does, so that they have nothing to say about its end. */
static void end_clients(struct group *g, struct pair *p)
{
	vm_quit(p->one);
	vm_quit(p->two);
	g->object_stays = true;
}

static void test_clients_go_on(void **state)
{
	struct group *g = *state;
	struct pair p = start(g, "size=12k,clients=3");

	vm_store(p.one, HGSHM_BAR_PEER, 7, 0x42);
	lose_mapper(g, &p);
	assert_int_equal(vm_load(p.two, HGSHM_BAR_PEER, 7), 0x42);
	expect_rings(p.one, 1, p.two, 2);
	g->object_stays = true;
}

static void test_same_memory_rejoins(void **state)
{
	struct group *g = *state;
	struct pair p = start(g, "size=12k,clients=3,unlink=0");
	uint32_t epoch;

	vm_store(p.one, HGSHM_BAR_MEMORY, 0, 0x11);
	lose_mapper(g, &p);
	epoch = vm_reg32(p.one, HGSHM_REG_EPOCH);
	msix_take_any(&p.one->msix);

	p.mapper = group_start_mapper(g, "size=12k,clients=3,unlink=0");
	expect_soon_peers(p.one, 7);
	expect_soon_peers(p.two, 7);
	expect_soon_peers(p.mapper, 7);
	expect_return_told(g, p.one, 1);
	expect_return_told(g, p.two, 2);
	assert_true(vm_reg32(p.one, HGSHM_REG_EPOCH) > epoch);
	assert_true(msix_take(&p.one->msix, HGSHM_VECTOR_PEERS));
	assert_int_equal(vm_reg32(p.one, HGSHM_REG_STATUS), 0);
	assert_int_equal(vm_load(p.mapper, HGSHM_BAR_MEMORY, 4096), 0x11);

	vm_enable_vectors(p.mapper);
	expect_rings(p.mapper, 0, p.one, 1);
	expect_rings(p.mapper, 0, p.two, 2);
	expect_rings(p.one, 1, p.two, 2);
	end_clients(g, &p);
}

static void expect_stale(struct group *g, struct vm *vm, unsigned int index)
{
	vm_wait_output(vm, "qemu-system-x86_64: warning: hgshm: the mapper of shmid=%s came back "
		       "with another memory; index=%u still has the old one: restart this VM or "
		       "plug its device in again\n", g->shmid, index);
	assert_int_equal(vm_reg32(vm, HGSHM_REG_STATUS), HGSHM_STATUS_MEMORY_STALE);
	assert_int_equal(vm_peers(vm), 6);
}

static void test_other_memory_is_told(void **state)
{
	struct group *g = *state;
	struct pair p = start(g, "size=12k,clients=3");

	vm_store(p.one, HGSHM_BAR_MEMORY, 0, 0x11);
	lose_mapper(g, &p);
	msix_take_any(&p.one->msix);
	p.mapper = group_start_mapper(g, "size=12k,clients=3");
	expect_stale(g, p.one, 1);
	expect_stale(g, p.two, 2);
	assert_true(msix_take(&p.one->msix, HGSHM_VECTOR_PEERS));
	assert_int_equal(vm_load(p.one, HGSHM_BAR_MEMORY, 0), 0x11);
	assert_int_equal(vm_load(p.mapper, HGSHM_BAR_MEMORY, 4096), 0);
}

static void test_rejoins_many_times(void **state)
{
	struct group *g = *state;
	struct pair p = start(g, "size=12k,clients=3,unlink=0");
	unsigned int fds = 0;

	for (int round = 0; round < 5; round++) {
		lose_mapper(g, &p);
		p.mapper = group_start_mapper(g, "size=12k,clients=3,unlink=0");
		expect_return_told(g, p.one, 1);
		expect_return_told(g, p.two, 2);
		expect_soon_peers(p.one, 7);
		expect_soon_peers(p.two, 7);
		/* A source that was replaced once is kept open until the next time. */
		if (round == 1)
			fds = vm_count_fds(p.one);
		if (round > 1)
			assert_int_equal(vm_count_fds(p.one), fds);
	}
	expect_rings(p.one, 1, p.two, 2);
	end_clients(g, &p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_clients_go_on),
		group_test(test_same_memory_rejoins),
		group_test(test_other_memory_is_told),
		group_test(test_rejoins_many_times),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
