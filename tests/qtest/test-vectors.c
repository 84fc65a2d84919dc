// SPDX-License-Identifier: MIT
/* A ring that can't raise its vector now raises it later, once. */
#include "group.h"
#include "qtest.h"
#include "test.h"

/* The mapper rings, the client's vector is looked at. */
#define FROM_MAPPER	HGSHM_VECTOR_DOORBELL(0)
#define FROM_OTHER	HGSHM_VECTOR_DOORBELL(2)

struct pair {
	struct vm *mapper;
	struct vm *client;
};

/* Nothing enabled yet. */
static struct pair start_pair(struct group *g)
{
	struct pair p;

	p.mapper = group_start_mapper(g, "size=12k,clients=3");
	p.client = group_start_client(g, 1, "");
	return p;
}

static struct pair start_enabled_pair(struct group *g)
{
	struct pair p = start_pair(g);

	vm_enable_vectors(p.client);
	msix_take_any(&p.client->msix);
	return p;
}

static void expect_only(struct vm *vm, uint64_t vectors)
{
	assert_int_equal(msix_take_any(&vm->msix), vectors);
	assert_int_equal(msix_take_any(&vm->msix), 0);
}

static void test_masked_vector(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	msix_mask(m, FROM_MAPPER, true);
	assert_false(msix_pending(m, FROM_MAPPER));
	vm_ring(p.mapper, 1);
	vm_ring(p.mapper, 1);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	assert_true(msix_pending(m, FROM_MAPPER));
	assert_false(msix_pending(m, FROM_OTHER));
	vm_ring(p.mapper, 1);
	msix_mask(m, FROM_MAPPER, false);
	expect_only(p.client, bit(FROM_MAPPER));
	assert_false(msix_pending(m, FROM_MAPPER));
	vm_ring(p.mapper, 1);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_masked_vector_unlooked_at(void **state)
{
	struct pair p = start_enabled_pair(*state);

	msix_mask(&p.client->msix, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	vm_ring(p.mapper, 1);
	msix_mask(&p.client->msix, FROM_MAPPER, false);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_other_vectors_go_on(void **state)
{
	struct group *g = *state;
	struct pair p = start_enabled_pair(g);
	struct vm *other = group_start_client(g, 2, "");

	msix_take_any(&p.client->msix);
	msix_mask(&p.client->msix, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	vm_ring(other, 1);
	expect_only(p.client, bit(FROM_OTHER));
	msix_mask(&p.client->msix, FROM_MAPPER, false);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_masked_function(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	msix_mask_function(m, true);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	assert_true(msix_pending(m, FROM_MAPPER));
	msix_mask_function(m, false);
	expect_only(p.client, bit(FROM_MAPPER));
	assert_false(msix_pending(m, FROM_MAPPER));
}

static void test_mask_without_a_ring(void **state)
{
	struct pair p = start_enabled_pair(*state);

	for (int i = 0; i < 10; i++) {
		msix_mask(&p.client->msix, FROM_MAPPER, true);
		msix_mask(&p.client->msix, FROM_MAPPER, false);
	}
	expect_only(p.client, 0);
}

static void test_msix_off(void **state)
{
	struct pair p = start_enabled_pair(*state);

	msix_enable(&p.client->msix, false);
	vm_ring(p.mapper, 1);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	msix_enable(&p.client->msix, true);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_msix_never_on_before(void **state)
{
	struct pair p = start_pair(*state);

	vm_ring(p.mapper, 1);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	msix_program(&p.client->msix);
	expect_only(p.client, 0);
	msix_enable(&p.client->msix, true);
	/* It came itself, and the mapper rang. */
	expect_only(p.client, bit(HGSHM_VECTOR_PEERS) | bit(FROM_MAPPER));
}

static void test_irq_enable_off(void **state)
{
	struct pair p = start_enabled_pair(*state);

	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 0);
	vm_ring(p.mapper, 1);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_only(p.client, bit(FROM_MAPPER));
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 0);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_only(p.client, 0);
}

static void test_irq_enable_off_and_masked(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 0);
	msix_mask(m, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	msix_mask(m, FROM_MAPPER, false);
	expect_only(p.client, 0);
	msix_mask(m, FROM_MAPPER, true);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_only(p.client, 0);
	msix_mask(m, FROM_MAPPER, false);
	expect_only(p.client, bit(FROM_MAPPER));
}

/* The pending bit is set when IRQ_ENABLE goes off, and nobody looks again. */
static void test_irq_enable_off_after_pending(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	msix_mask(m, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	assert_true(msix_pending(m, FROM_MAPPER));
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 0);
	msix_mask(m, FROM_MAPPER, false);
	expect_only(p.client, 0);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_irq_enable_off_while_pending(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	msix_mask(m, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	assert_true(msix_pending(m, FROM_MAPPER));
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 0);
	assert_false(msix_pending(m, FROM_MAPPER));
	msix_mask(m, FROM_MAPPER, false);
	expect_only(p.client, 0);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_table_changed_while_masked(void **state)
{
	struct pair p = start_enabled_pair(*state);
	struct msix *m = &p.client->msix;

	/* Give each vector its own word anew, as a driver that moves it does. */
	msix_mask_function(m, true);
	vm_ring(p.mapper, 1);
	msix_program(m);
	msix_mask_function(m, false);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void reset(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"system_reset\"}");
	qmp_wait_event(&vm->qmp, "RESET");
	vm_find_device(vm);
}

static void test_after_reset(void **state)
{
	struct pair p = start_enabled_pair(*state);

	reset(p.client);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	vm_enable_vectors(p.client);
	expect_only(p.client, bit(FROM_MAPPER));
	vm_ring(p.mapper, 1);
	expect_only(p.client, bit(FROM_MAPPER));
	vm_ring(p.client, 0);
	vm_enable_vectors(p.mapper);
	assert_true(msix_take(&p.mapper->msix, HGSHM_VECTOR_DOORBELL(1)));
}

/* In QEMU 7.2 a reset leaves the function unmasked where MSI-X was on. */
static void test_after_reset_msix_is_off(void **state)
{
	struct pair p = start_enabled_pair(*state);

	reset(p.client);
	msix_program(&p.client->msix);
	vm_set_reg32(p.client, HGSHM_REG_IRQ_ENABLE, 1);
	vm_ring(p.mapper, 1);
	expect_only(p.client, 0);
	msix_enable(&p.client->msix, true);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_ring_before_reset_is_kept(void **state)
{
	struct pair p = start_enabled_pair(*state);

	msix_mask(&p.client->msix, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	reset(p.client);
	vm_enable_vectors(p.client);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_pending_at_reset_is_kept(void **state)
{
	struct pair p = start_enabled_pair(*state);

	msix_mask(&p.client->msix, FROM_MAPPER, true);
	vm_ring(p.mapper, 1);
	assert_true(msix_pending(&p.client->msix, FROM_MAPPER));
	reset(p.client);
	vm_enable_vectors(p.client);
	expect_only(p.client, bit(FROM_MAPPER));
}

static void test_pending_bits_of_all_vectors(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=256k,clients=64");
	struct vm *last = group_start_client(g, 63, "");
	struct msix *m = &mapper->msix;

	vm_enable_vectors(mapper);
	msix_take_any(m);
	msix_mask_function(m, true);
	vm_ring(last, 0);
	for (unsigned int i = 0; i < m->vectors; i++)
		assert_int_equal(msix_pending(m, i),
				 i == HGSHM_VECTOR_DOORBELL(63));
	msix_mask_function(m, false);
	assert_true(msix_take(m, HGSHM_VECTOR_DOORBELL(63)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_masked_vector),
		group_test(test_masked_vector_unlooked_at),
		group_test(test_other_vectors_go_on),
		group_test(test_masked_function),
		group_test(test_mask_without_a_ring),
		group_test(test_msix_off),
		group_test(test_msix_never_on_before),
		group_test(test_irq_enable_off),
		group_test(test_irq_enable_off_and_masked),
		group_test(test_irq_enable_off_after_pending),
		group_test(test_irq_enable_off_while_pending),
		group_test(test_table_changed_while_masked),
		group_test(test_after_reset),
		group_test(test_after_reset_msix_is_off),
		group_test(test_ring_before_reset_is_kept),
		group_test(test_pending_at_reset_is_kept),
		group_test(test_pending_bits_of_all_vectors),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
