// SPDX-License-Identifier: MIT
/*
 * A guest that writes at random: values, widths and offsets to all BARs, to the
 * MSI-X table and to configuration space. QEMU must live and stay silent, and the
 * device must work when the guest comes to its senses.
 *
 * HGSHM_FUZZ_STEPS says how many writes and reads in place of STEPS (300000 take
 * about a minute), HGSHM_FUZZ_SEED gives others than the usual ones.
 */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

#define STEPS			15000
#define CONFIG_BYTES		256
#define DOORBELLS_BYTES		(HGSHM_CLIENTS_MAX * HGSHM_DOORBELL_BYTES)
#define STEPS_TO_REMAP		64
#define STEPS_TO_RESET		2000

#define PORT_DATA		0xcfc

/* The one that goes wild, and one that rings it meanwhile. */
struct wild {
	struct vm *vm;
	unsigned int index;
	struct vm *other;
	unsigned int other_index;
	uint64_t state;
};

/* xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
static uint64_t any(struct wild *w)
{
	w->state ^= w->state >> 12;
	w->state ^= w->state << 25;
	w->state ^= w->state >> 27;
	return w->state * 0x2545f4914f6cdd1dull;
}

static unsigned int below(struct wild *w, unsigned int limit)
{
	return (any(w) >> 32) % limit;
}

static uint64_t some_value(struct wild *w)
{
	static const uint64_t values[] = { 0, 1, 2, 0x80000000, UINT32_MAX, UINT64_MAX };
	unsigned int n = below(w, 2 * ARRAY_SIZE(values));

	return n < ARRAY_SIZE(values) ? values[n] : any(w);
}

/* Where the guest put a BAR; it may overlap others, RAM or an interrupt controller. */
static uint64_t bar_address(struct wild *w, unsigned int number)
{
	struct pci_device *d = &w->vm->pci;
	uint8_t offset = PCI_BASE_ADDRESS_0 + 4 * number;
	uint32_t low = pci_read32(d, offset);
	uint64_t address = low & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;

	if ((low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64)
		address |= (uint64_t)pci_read32(d, offset + 4) << 32;
	return address;
}

static uint64_t some_address(struct wild *w)
{
	const uint64_t addresses[] = {
		0, 0x100000, 0xc0000000, 0xfec00000, 0xfee00000, 0x1000000000,
		w->vm->pci.bar[HGSHM_BAR_REGS].address,
		w->vm->pci.bar[HGSHM_BAR_REGS].address + HGSHM_DOORBELL_PAGE,
		w->vm->pci.bar[HGSHM_BAR_MSIX].address,
		w->vm->pci.bar[HGSHM_BAR_MEMORY].address,
		UINT64_MAX, UINT32_MAX,
	};
	unsigned int n = below(w, ARRAY_SIZE(addresses) + 2);

	return n < ARRAY_SIZE(addresses) ? addresses[n] : any(w);
}

static void access_memory(struct wild *w, unsigned int bar, uint64_t offset)
{
	struct channel *q = &w->vm->qtest;
	uint64_t address = bar_address(w, bar) + offset;
	unsigned int bytes = 1u << below(w, 4);

	if (below(w, 4))
		qtest_write(q, address, bytes, some_value(w));
	else
		qtest_read(q, address, bytes);
}

static void access_registers(struct wild *w)
{
	static const unsigned int starts[] = { 0, HGSHM_DOORBELL_PAGE, 0 };
	static const unsigned int lengths[] = {
		HGSHM_REG_END + 8, DOORBELLS_BYTES + 8, HGSHM_BAR_REGS_BYTES,
	};
	unsigned int n = below(w, ARRAY_SIZE(starts));

	access_memory(w, HGSHM_BAR_REGS, starts[n] + below(w, lengths[n]));
}

static void access_shared_memory(struct wild *w)
{
	unsigned int number = below(w, 2) ? HGSHM_BAR_MEMORY : HGSHM_BAR_PEER;
	uint64_t bytes = w->vm->pci.bar[number].bytes;

	if (bytes)
		access_memory(w, number, below(w, 2) ? bytes - 1 - below(w, 16) :
						       any(w) % bytes);
}

static void access_vectors(struct wild *w)
{
	struct msix *m = &w->vm->msix;
	unsigned int vector = below(w, m->vectors + 1);
	uint64_t entry = bar_address(w, HGSHM_BAR_MSIX) + PCI_MSIX_ENTRY_SIZE * vector;
	struct channel *q = &w->vm->qtest;

	switch (below(w, 4)) {
	case 0:
		access_memory(w, HGSHM_BAR_MSIX, below(w, w->vm->pci.bar[HGSHM_BAR_MSIX].bytes));
		break;
	case 1:
		qtest_write(q, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 8, some_address(w));
		break;
	case 2:
		qtest_write(q, entry + PCI_MSIX_ENTRY_DATA, 4, some_value(w));
		break;
	case 3:
		qtest_write(q, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, below(w, 4));
		break;
	}
}

static void write_config(struct wild *w)
{
	struct pci_device *d = &w->vm->pci;
	uint8_t offset = below(w, CONFIG_BYTES);
	unsigned int bar = below(w, PCI_BARS + 1);

	switch (below(w, 6)) {
	case 0:
		pci_write16(d, PCI_COMMAND, any(w) | (below(w, 4) ? PCI_COMMAND_MEMORY : 0));
		break;
	case 1:
		pci_write16(d, w->vm->msix.capability + PCI_MSIX_FLAGS, any(w));
		break;
	case 2:
		/* the last is the ROM's */
		pci_write32(d, bar < PCI_BARS ? PCI_BASE_ADDRESS_0 + 4 * bar : PCI_ROM_ADDRESS,
			    some_address(w) >> (below(w, 2) ? 32 : 0));
		break;
	case 3:
		pci_write32(d, offset & 0xfc, some_value(w));
		break;
	case 4:
		pci_write16(d, offset & 0xfe, some_value(w));
		break;
	case 5:
		pci_read32(d, offset);
		qtest_outb(d->qtest, PORT_DATA + (offset & 3), some_value(w));
		break;
	}
}

static void map_anew(struct vm *vm)
{
	vm_find_device(vm);
	vm_enable_vectors(vm);
	msix_mask_function(&vm->msix, false);
}

static void reset(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"system_reset\"}");
	qmp_wait_event(&vm->qmp, "RESET");
}

static void step(struct wild *w, unsigned long number)
{
	if (number % STEPS_TO_RESET == 0)
		reset(w->vm);
	if (number % STEPS_TO_REMAP == 0)
		map_anew(w->vm);
	switch (below(w, 8)) {
	case 0:
	case 1:
		access_registers(w);
		break;
	case 2:
		access_shared_memory(w);
		break;
	case 3:
	case 4:
	case 5:
		access_vectors(w);
		break;
	case 6:
		write_config(w);
		break;
	case 7:
		vm_ring(w->other, w->index);
		break;
	}
}

static unsigned long number_from(const char *name, unsigned long usual)
{
	const char *text = getenv(name);
	unsigned long number;
	char *end;

	if (!text)
		return usual;
	number = strtoul(text, &end, 0);
	if (!number || *end)
		fail_msg("%s=%s is no number above 0", name, text);
	return number;
}

static void expect_ring(struct vm *from, unsigned int from_index, struct vm *to,
			unsigned int to_index)
{
	msix_take_any(&to->msix);
	vm_ring(from, to_index);
	assert_int_equal(msix_take_any(&to->msix), bit(HGSHM_VECTOR_DOORBELL(from_index)));
}

static void expect_device_works(struct wild *w)
{
	map_anew(w->vm);
	expect_ring(w->vm, w->index, w->other, w->other_index);
	expect_ring(w->other, w->other_index, w->vm, w->index);
}

/* All that a driver could read, as words. */
#define REGISTERS	(HGSHM_REG_END / 4)

static void read_registers(struct vm *vm, uint32_t registers[REGISTERS])
{
	for (unsigned int i = 0; i < REGISTERS; i++)
		registers[i] = vm_reg32(vm, 4 * i);
}

static void go_wild(struct wild *w)
{
	unsigned long steps = number_from("HGSHM_FUZZ_STEPS", STEPS);
	uint32_t before[REGISTERS], after[REGISTERS];

	w->state = number_from("HGSHM_FUZZ_SEED", 1);
	read_registers(w->vm, before);
	for (unsigned long i = 1; i <= steps; i++)
		step(w, i);
	expect_device_works(w);

	reset(w->vm);
	vm_find_device(w->vm);
	read_registers(w->vm, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(vm_reg32(w->vm, HGSHM_REG_IRQ_ENABLE), 0);
	expect_device_works(w);
}

static void test_wild_mapper(void **state)
{
	struct wild w = { .index = 0, .other_index = 2 };

	w.vm = group_start_mapper(*state, "size=10m,clients=3");
	w.other = group_start_client(*state, 2, "mapidx=0");
	vm_enable_vectors(w.other);
	go_wild(&w);
}

static void test_wild_client(void **state)
{
	struct wild w = { .index = 2, .other_index = 0 };

	w.other = group_start_mapper(*state, "size=10m,clients=3,backing=memfd");
	w.vm = group_start_client(*state, 2, "mapidx=0,mapidx-ro=on");
	vm_enable_vectors(w.other);
	go_wild(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_wild_mapper),
		group_test(test_wild_client),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
