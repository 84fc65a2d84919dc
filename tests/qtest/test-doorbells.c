// SPDX-License-Identifier: MIT
/* A ring raises the sender's vector in the receiver, and nothing else anywhere. */
#include "group.h"
#include "qtest.h"
#include "test.h"

#define TRIO	3

/* Three VMs whose guests take interrupts; what their meeting raised is gone. */
static void start_trio(struct group *g, struct vm *vm[TRIO])
{
	vm[0] = group_start_mapper(g, "size=12k,clients=3");
	vm[1] = group_start_client(g, 1, "mapidx=0");
	vm[2] = group_start_client(g, 2, "mapidx=0");
	for (unsigned int i = 0; i < TRIO; i++) {
		vm_enable_vectors(vm[i]);
		msix_take_any(&vm[i]->msix);
	}
}

/* What each of the three got since the last look: maps of vectors. */
static void expect_raised(struct vm *vm[TRIO], uint64_t zero, uint64_t one,
			  uint64_t two)
{
	assert_int_equal(msix_take_any(&vm[0]->msix), zero);
	assert_int_equal(msix_take_any(&vm[1]->msix), one);
	assert_int_equal(msix_take_any(&vm[2]->msix), two);
}

static void test_each_way(void **state)
{
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	expect_raised(vm, 0, 0, 0);
	for (unsigned int from = 0; from < TRIO; from++) {
		for (unsigned int to = 0; to < TRIO; to++) {
			uint64_t raised[TRIO] = { 0 };

			if (from == to)
				continue;
			raised[to] = bit(HGSHM_VECTOR_DOORBELL(from));
			vm_ring(vm[from], to);
			expect_raised(vm, raised[0], raised[1], raised[2]);
		}
	}
}

static void test_all_at_once(void **state)
{
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	for (unsigned int from = 0; from < TRIO; from++) {
		for (unsigned int to = 0; to < TRIO; to++)
			vm_ring(vm[from], to);
	}
	expect_raised(vm, bit(2) | bit(3), bit(1) | bit(3), bit(1) | bit(2));
}

static void test_again_and_again(void **state)
{
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	for (int round = 0; round < 200; round++) {
		vm_ring(vm[0], 1);
		assert_true(msix_take(&vm[1]->msix, HGSHM_VECTOR_DOORBELL(0)));
		vm_ring(vm[1], 0);
		assert_true(msix_take(&vm[0]->msix, HGSHM_VECTOR_DOORBELL(1)));
	}
	expect_raised(vm, 0, 0, 0);
}

static void test_any_value_rings(void **state)
{
	static const uint32_t values[] = { 0, 1, 0x80000000, UINT32_MAX };
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		vm_set_reg32(vm[0], HGSHM_DOORBELL(1), values[i]);
		expect_raised(vm, 0, bit(1), 0);
	}
}

static void test_other_widths_do_not_ring(void **state)
{
	static const unsigned int widths[] = { 1, 2, 8 };
	struct vm *vm[TRIO];
	uint64_t doorbells;

	start_trio(*state, vm);
	doorbells = vm[0]->pci.bar[HGSHM_BAR_REGS].address + HGSHM_DOORBELL_PAGE;
	for (unsigned int i = 0; i < ARRAY_SIZE(widths); i++) {
		for (unsigned int offset = 0; offset < 16; offset += widths[i])
			qtest_write(&vm[0]->qtest, doorbells + offset,
				    widths[i], UINT64_MAX >> (64 - 8 * widths[i]));
	}
	expect_raised(vm, 0, 0, 0);
	vm_ring(vm[0], 1);
	expect_raised(vm, 0, bit(1), 0);
}

static void test_loads_do_not_ring(void **state)
{
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	assert_int_equal(vm_reg32(vm[0], HGSHM_DOORBELL(1)), 0);
	assert_int_equal(vm_reg32(vm[0], HGSHM_DOORBELL(2)), 0);
	expect_raised(vm, 0, 0, 0);
}

static void test_no_one_to_ring(void **state)
{
	struct vm *vm[TRIO];

	start_trio(*state, vm);
	/* Oneself, and every word of the page that belongs to no VM. */
	for (unsigned int from = 0; from < TRIO; from++) {
		vm_ring(vm[from], from);
		for (unsigned int to = TRIO; HGSHM_DOORBELL(to) <
		     HGSHM_BAR_REGS_BYTES; to++)
			vm_ring(vm[from], to);
	}
	expect_raised(vm, 0, 0, 0);
}

static void test_absent_peer(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12k,clients=3");
	struct vm *one = group_start_client(g, 1, "");
	struct vm *two;

	vm_enable_vectors(mapper);
	vm_enable_vectors(one);
	vm_ring(mapper, 2);
	vm_ring(one, 2);

	/* What was rung before it came is not for it. */
	two = group_start_client(g, 2, "");
	vm_enable_vectors(two);
	assert_int_equal(msix_take_any(&two->msix) &
			 ~bit(HGSHM_VECTOR_PEERS), 0);
	vm_ring(mapper, 2);
	vm_ring(one, 2);
	assert_int_equal(msix_take_any(&two->msix), bit(1) | bit(2));
}

static void test_no_memory_needed(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = group_start_mapper(g, "size=8k,clients=2,guestmmap=0");
	client = group_start_client(g, 1, "guestmmap=0");
	vm_enable_vectors(mapper);
	vm_enable_vectors(client);
	msix_take_any(&mapper->msix);
	vm_ring(mapper, 1);
	assert_int_equal(msix_take_any(&client->msix) &
			 ~bit(HGSHM_VECTOR_PEERS), bit(1));
	vm_ring(client, 0);
	assert_int_equal(msix_take_any(&mapper->msix), bit(2));
}

static void test_last_index(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=256k,clients=64");
	struct vm *last = group_start_client(g, 63, "");
	struct vm *first = group_start_client(g, 1, "");

	vm_enable_vectors(mapper);
	vm_enable_vectors(last);
	vm_enable_vectors(first);
	vm_ring(last, 0);
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(63)));
	vm_ring(last, 1);
	assert_true(msix_take(&first->msix, HGSHM_VECTOR_DOORBELL(63)));
	vm_ring(mapper, 63);
	assert_true(msix_take(&last->msix, HGSHM_VECTOR_DOORBELL(0)));
	vm_ring(first, 63);
	assert_true(msix_take(&last->msix, HGSHM_VECTOR_DOORBELL(1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_each_way),
		group_test(test_all_at_once),
		group_test(test_again_and_again),
		group_test(test_any_value_rings),
		group_test(test_other_widths_do_not_ring),
		group_test(test_loads_do_not_ring),
		group_test(test_no_one_to_ring),
		group_test(test_absent_peer),
		group_test(test_no_memory_needed),
		group_test(test_last_index),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
