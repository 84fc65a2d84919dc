// SPDX-License-Identifier: MIT
/* What a guest's firmware sees of the device: identity, BARs, MSI-X. */
#include <linux/pci_regs.h>

#include "group.h"
#include "test.h"

#define MIB	(1024ull * 1024)

#define MEMORY_64_PREFETCH \
	(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)

static void expect_identity(struct vm *vm)
{
	struct pci_device *d = &vm->pci;

	assert_int_equal(pci_read16(d, PCI_VENDOR_ID), 0xbabe);
	assert_int_equal(pci_read16(d, PCI_DEVICE_ID), 0x07b9);
	assert_int_equal(pci_read8(d, PCI_REVISION_ID), 2);
	assert_int_equal(pci_read8(d, PCI_CLASS_PROG), 0);
	assert_int_equal(pci_read16(d, PCI_CLASS_DEVICE), 0x0500);
	assert_int_equal(pci_read8(d, PCI_HEADER_TYPE), PCI_HEADER_TYPE_NORMAL);
	assert_int_equal(pci_read8(d, PCI_INTERRUPT_PIN), 0);
}

static void expect_bar(struct vm *vm, unsigned int number, uint64_t bytes,
		       uint32_t flags)
{
	assert_int_equal(vm->pci.bar[number].bytes, bytes);
	assert_int_equal(vm->pci.bar[number].flags, flags);
}

static void expect_no_bar(struct vm *vm, unsigned int number)
{
	expect_bar(vm, number, 0, 0);
	expect_bar(vm, number + 1, 0, 0);
}

static void expect_bars(struct vm *vm, uint64_t memory_bytes,
			uint64_t peer_bytes)
{
	expect_bar(vm, HGSHM_BAR_REGS, 8192, 0);
	expect_bar(vm, HGSHM_BAR_MSIX, 4096, 0);
	if (memory_bytes)
		expect_bar(vm, HGSHM_BAR_MEMORY, memory_bytes,
			   MEMORY_64_PREFETCH);
	else
		expect_no_bar(vm, HGSHM_BAR_MEMORY);
	if (peer_bytes)
		expect_bar(vm, HGSHM_BAR_PEER, peer_bytes, MEMORY_64_PREFETCH);
	else
		expect_no_bar(vm, HGSHM_BAR_PEER);
}

static void expect_vectors(struct vm *vm, unsigned int clients)
{
	assert_int_equal(vm->msix.vectors, clients + 1);
	assert_int_equal(vm->msix.table_bar, HGSHM_BAR_MSIX);
}

static void expect_on_machine(struct group *g, const char *machine)
{
	struct vm_spec mapper_spec = group_mapper_spec(g, "size=12m,clients=3");
	struct vm_spec client_spec = group_client_spec(g, 1, "mapidx=0");
	struct vm *mapper, *client;

	mapper_spec.machine = machine;
	mapper = group_start(g, &mapper_spec);
	expect_identity(mapper);
	expect_bars(mapper, 16 * MIB, 0);
	expect_vectors(mapper, 3);

	client_spec.machine = machine;
	client = group_start(g, &client_spec);
	expect_identity(client);
	expect_bars(client, 4 * MIB, 4 * MIB);
	expect_vectors(client, 3);
}

static void test_q35(void **state)
{
	expect_on_machine(*state, "q35");
}

static void test_pc(void **state)
{
	expect_on_machine(*state, "pc");
}

static void test_small_memory_has_least_bar(void **state)
{
	struct group *g = *state;

	expect_bars(group_start_mapper(g, "size=8k,clients=2"), 2 * MIB, 0);
	expect_bars(group_start_client(g, 1, "mapidx=0"), 2 * MIB, 2 * MIB);
}

static void test_odd_sizes_are_rounded_up(void **state)
{
	struct group *g = *state;

	/* 15 MiB in 5 slices of 3 MiB */
	expect_bars(group_start_mapper(g, "size=15m,clients=5"), 16 * MIB, 0);
	expect_bars(group_start_client(g, 4, "mapidx=1"), 4 * MIB, 4 * MIB);
}

static void test_no_peer_bar_without_mapidx(void **state)
{
	struct group *g = *state;

	group_start_mapper(g, "size=4m,clients=4");
	expect_bars(group_start_client(g, 1, ""), 2 * MIB, 0);
	expect_bars(group_start_client(g, 2, "mapidx=2"), 2 * MIB, 0);
}

static void test_mapper_ignores_mapidx(void **state)
{
	struct group *g = *state;

	expect_bars(group_start_mapper(g, "size=4m,clients=2,mapidx=1"),
		    4 * MIB, 0);
}

static void test_no_memory_bars_without_guestmmap(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = group_start_mapper(g, "size=4m,clients=2,guestmmap=0");
	client = group_start_client(g, 1, "mapidx=0,guestmmap=0");
	expect_bars(mapper, 0, 0);
	expect_bars(client, 0, 0);
	expect_vectors(mapper, 2);
	expect_vectors(client, 2);
}

static void test_fewest_and_most_vectors(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=1");

	expect_vectors(mapper, 1);
	vm_quit(mapper);
	expect_vectors(group_start_mapper(g, "size=1m,clients=64"), 64);
	expect_vectors(group_start_client(g, 63, ""), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_q35),
		group_test(test_pc),
		group_test(test_small_memory_has_least_bar),
		group_test(test_odd_sizes_are_rounded_up),
		group_test(test_no_peer_bar_without_mapidx),
		group_test(test_mapper_ignores_mapidx),
		group_test(test_no_memory_bars_without_guestmmap),
		group_test(test_fewest_and_most_vectors),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
