// SPDX-License-Identifier: MIT
/* What one VM stores another loads, in the slices that both were given only. */
#include <string.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

/* Where a test looks: the first, the middle and the last byte of a slice. */
#define PLACES	3

static uint64_t place(uint64_t slice_bytes, unsigned int which)
{
	switch (which) {
	case 0:
		return 0;
	case 1:
		return slice_bytes / 2;
	default:
		return slice_bytes - 1;
	}
}

/* A byte of its own for each slice, place and direction, never 0. */
static uint8_t mark(unsigned int slice, unsigned int which, unsigned int way)
{
	return 1 + (slice * PLACES + which) * 3 + way;
}

static uint64_t slice_bytes_of(struct vm *vm)
{
	return vm_reg64(vm, HGSHM_REG_SLICE_SIZE);
}

/* Checks slice @i: the mapper's view, its owner's and its peer viewer's. */
static void expect_shared(struct vm *mapper, struct vm *owner,
			  struct vm *viewer, unsigned int i)
{
	uint64_t bytes = slice_bytes_of(mapper);

	for (unsigned int p = 0; p < PLACES; p++) {
		uint64_t offset = place(bytes, p);
		uint64_t whole = bytes * i + offset;

		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, whole), 0);
		assert_int_equal(vm_load(owner, HGSHM_BAR_MEMORY, offset), 0);

		vm_store(mapper, HGSHM_BAR_MEMORY, whole, mark(i, p, 0));
		assert_int_equal(vm_load(owner, HGSHM_BAR_MEMORY, offset),
				 mark(i, p, 0));
		assert_int_equal(vm_load(viewer, HGSHM_BAR_PEER, offset),
				 mark(i, p, 0));

		vm_store(owner, HGSHM_BAR_MEMORY, offset, mark(i, p, 1));
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, whole),
				 mark(i, p, 1));
		assert_int_equal(vm_load(viewer, HGSHM_BAR_PEER, offset),
				 mark(i, p, 1));

		vm_store(viewer, HGSHM_BAR_PEER, offset, mark(i, p, 2));
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, whole),
				 mark(i, p, 2));
		assert_int_equal(vm_load(owner, HGSHM_BAR_MEMORY, offset),
				 mark(i, p, 2));
	}
}

/* Slice 0 has its owner in the mapper; @viewer sees it through BAR 3. */
static void expect_slice_0_shared(struct vm *mapper, struct vm *viewer)
{
	uint64_t bytes = slice_bytes_of(mapper);

	for (unsigned int p = 0; p < PLACES; p++) {
		uint64_t offset = place(bytes, p);

		vm_store(mapper, HGSHM_BAR_MEMORY, offset, mark(0, p, 0));
		assert_int_equal(vm_load(viewer, HGSHM_BAR_PEER, offset),
				 mark(0, p, 0));
		vm_store(viewer, HGSHM_BAR_PEER, offset, mark(0, p, 1));
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, offset),
				 mark(0, p, 1));
	}
}

/* No store of the others may have strayed. */
static void expect_marks_in_place(struct vm *mapper, unsigned int slices)
{
	uint64_t bytes = slice_bytes_of(mapper);

	for (unsigned int i = 0; i < slices; i++) {
		for (unsigned int p = 0; p < PLACES; p++)
			assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY,
						 bytes * i + place(bytes, p)),
					 mark(i, p, i ? 2 : 1));
	}
}

/* Three VMs: 1 sees slice 2, 2 sees slice 1, 3 (if there) sees slice 0. */
static void expect_group_shares(struct group *g, const char *properties)
{
	struct vm *mapper = group_start_mapper(g, properties);
	struct vm *one = group_start_client(g, 1, "mapidx=2");
	struct vm *two = group_start_client(g, 2, "mapidx=1");

	expect_shared(mapper, one, two, 1);
	expect_shared(mapper, two, one, 2);
	vm_quit(two);
	two = group_start_client(g, 2, "mapidx=0");
	expect_slice_0_shared(mapper, two);
	expect_marks_in_place(mapper, 3);
}

static void test_even_slices(void **state)
{
	expect_group_shares(*state, "size=16m,clients=4");
}

static void test_odd_slices(void **state)
{
	expect_group_shares(*state, "size=10m,clients=3");
}

static void test_smallest_slices(void **state)
{
	expect_group_shares(*state, "size=12k,clients=3");
}

static void test_size_of_no_whole_pages(void **state)
{
	expect_group_shares(*state, "size=40000,clients=3");
}

static void test_slices_over_128_mib(void **state)
{
	expect_group_shares(*state, "size=1g,clients=3");
}

static void expect_zero(struct vm *mapper, uint64_t bytes)
{
	uint64_t address = mapper->pci.bar[HGSHM_BAR_MEMORY].address;

	for (uint64_t offset = 0; offset < bytes; offset += 512)
		assert_int_equal(qtest_read(&mapper->qtest, address + offset, 8),
				 0);
}

static void test_memory_starts_zeroed(void **state)
{
	struct group *g = *state;

	expect_zero(group_start_mapper(g, "size=1m,clients=2"), 1024 * 1024);
}

static void test_remainder_is_the_mappers(void **state)
{
	struct group *g = *state;
	/* 4 pages in 3 slices leave one page */
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=3");
	struct vm *last = group_start_client(g, 2, "");

	vm_store(mapper, HGSHM_BAR_MEMORY, 3 * 4096, 0x77);
	vm_store(mapper, HGSHM_BAR_MEMORY, 4 * 4096 - 1, 0x78);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 3 * 4096), 0x77);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4 * 4096 - 1), 0x78);
	assert_int_equal(vm_load(last, HGSHM_BAR_MEMORY, 4096), 0);
}

/* Past the end of what a BAR holds there is nothing to load or to harm. */
static void expect_nothing_past(struct vm *vm, unsigned int bar,
				uint64_t true_bytes)
{
	uint64_t bytes = vm->pci.bar[bar].bytes;

	assert_true(true_bytes < bytes);
	qtest_fill(&vm->qtest, vm->pci.bar[bar].address + true_bytes,
		   bytes - true_bytes, 0xee);
	assert_int_equal(vm_load(vm, bar, true_bytes), 0);
	assert_int_equal(vm_load(vm, bar, (true_bytes + bytes) / 2), 0);
	assert_int_equal(vm_load(vm, bar, bytes - 1), 0);
}

static void test_no_reach_past_a_slice(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=5m,clients=5");
	struct vm *client = group_start_client(g, 1, "mapidx=2");
	uint64_t slice_bytes = slice_bytes_of(client);

	assert_int_equal(slice_bytes, 1024 * 1024);
	expect_nothing_past(client, HGSHM_BAR_MEMORY, slice_bytes);
	expect_nothing_past(client, HGSHM_BAR_PEER, slice_bytes);
	expect_nothing_past(mapper, HGSHM_BAR_MEMORY, 5 * slice_bytes);
	expect_zero(mapper, 5 * slice_bytes);
}

static void test_slices_are_apart(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12k,clients=3");
	struct vm *client = group_start_client(g, 1, "");

	qtest_fill(&client->qtest, client->pci.bar[HGSHM_BAR_MEMORY].address,
		   4096, 0xaa);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4095), 0);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 4096), 0xaa);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 8191), 0xaa);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 8192), 0);
}

static void test_clients_share_without_the_mappers_guest(void **state)
{
	struct group *g = *state;
	struct vm *one, *two;

	group_start_mapper(g, "size=12k,clients=3,guestmmap=0");
	one = group_start_client(g, 1, "mapidx=2");
	two = group_start_client(g, 2, "mapidx=1");
	vm_store(one, HGSHM_BAR_MEMORY, 5, 0x51);
	assert_int_equal(vm_load(two, HGSHM_BAR_PEER, 5), 0x51);
	vm_store(one, HGSHM_BAR_PEER, 6, 0x52);
	assert_int_equal(vm_load(two, HGSHM_BAR_MEMORY, 6), 0x52);
}

static void test_memory_outlives_a_reset(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=8m,clients=2");
	struct vm *client = group_start_client(g, 1, "mapidx=0");

	vm_store(client, HGSHM_BAR_MEMORY, 99, 0x42);
	qmp_run(&client->qmp, "{\"execute\": \"system_reset\"}");
	qmp_wait_event(&client->qmp, "RESET");
	vm_find_device(client);
	assert_int_equal(vm_load(client, HGSHM_BAR_MEMORY, 99), 0x42);
	vm_store(mapper, HGSHM_BAR_MEMORY, 100, 0x43);
	assert_int_equal(vm_load(client, HGSHM_BAR_PEER, 100), 0x43);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_even_slices),
		group_test(test_odd_slices),
		group_test(test_smallest_slices),
		group_test(test_size_of_no_whole_pages),
		group_test(test_slices_over_128_mib),
		group_test(test_memory_starts_zeroed),
		group_test(test_remainder_is_the_mappers),
		group_test(test_no_reach_past_a_slice),
		group_test(test_slices_are_apart),
		group_test(test_clients_share_without_the_mappers_guest),
		group_test(test_memory_outlives_a_reset),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
