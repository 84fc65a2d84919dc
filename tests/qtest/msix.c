// SPDX-License-Identifier: MIT
#include <linux/pci_regs.h>

#include "msix.h"
#include "qtest.h"
#include "test.h"

/* In the guest's RAM: a word for each vector. */
#define MESSAGES_ADDRESS	0x100000u
#define MESSAGE(vector)		(0x4d580000u + (vector))

static uint64_t message_address(unsigned int vector)
{
	return MESSAGES_ADDRESS + 4 * vector;
}

void msix_init(struct msix *m, struct pci_device *d)
{
	uint32_t table, pending;

	m->device = d;
	m->capability = pci_find_capability(d, PCI_CAP_ID_MSIX);
	assert_int_not_equal(m->capability, 0);
	m->vectors = (pci_read16(d, m->capability + PCI_MSIX_FLAGS) &
		      PCI_MSIX_FLAGS_QSIZE) + 1;
	table = pci_read32(d, m->capability + PCI_MSIX_TABLE);
	pending = pci_read32(d, m->capability + PCI_MSIX_PBA);
	m->table_bar = table & PCI_MSIX_TABLE_BIR;
	assert_in_range(m->table_bar, 0, PCI_BARS - 1);
	assert_int_equal(pending & PCI_MSIX_PBA_BIR, m->table_bar);
	m->table_address = d->bar[m->table_bar].address +
			   (table & PCI_MSIX_TABLE_OFFSET);
	m->pending_address = d->bar[m->table_bar].address +
			     (pending & PCI_MSIX_PBA_OFFSET);
}

static uint64_t entry_address(struct msix *m, unsigned int vector)
{
	return m->table_address + PCI_MSIX_ENTRY_SIZE * vector;
}

void msix_program(struct msix *m)
{
	struct channel *q = m->device->qtest;

	for (unsigned int i = 0; i < m->vectors; i++) {
		uint64_t entry = entry_address(m, i);

		qtest_write(q, message_address(i), 4, 0);
		qtest_write(q, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4,
			    message_address(i));
		qtest_write(q, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
		qtest_write(q, entry + PCI_MSIX_ENTRY_DATA, 4, MESSAGE(i));
		qtest_write(q, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	}
}

static void set_control(struct msix *m, uint16_t bit, bool on)
{
	uint8_t offset = m->capability + PCI_MSIX_FLAGS;
	uint16_t control = pci_read16(m->device, offset) & ~bit;

	pci_write16(m->device, offset, control | (on ? bit : 0));
}

void msix_enable(struct msix *m, bool on)
{
	set_control(m, PCI_MSIX_FLAGS_ENABLE, on);
}

void msix_mask_function(struct msix *m, bool masked)
{
	set_control(m, PCI_MSIX_FLAGS_MASKALL, masked);
}

void msix_mask(struct msix *m, unsigned int vector, bool masked)
{
	qtest_write(m->device->qtest,
		    entry_address(m, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4,
		    masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

bool msix_pending(struct msix *m, unsigned int vector)
{
	uint64_t word = m->pending_address + vector / 32 * 4;

	return qtest_read(m->device->qtest, word, 4) >> vector % 32 & 1;
}

static bool take(struct msix *m, unsigned int vector)
{
	struct channel *q = m->device->qtest;
	uint32_t word = qtest_read(q, message_address(vector), 4);

	if (!word)
		return false;
	assert_int_equal(word, MESSAGE(vector));
	qtest_write(q, message_address(vector), 4, 0);
	return true;
}

bool msix_take(struct msix *m, unsigned int vector)
{
	qtest_settle(m->device->qtest);
	return take(m, vector);
}

uint64_t msix_take_any(struct msix *m)
{
	uint64_t raised = 0;

	qtest_settle(m->device->qtest);
	for (unsigned int i = 0; i < m->vectors && i < 64; i++) {
		if (take(m, i))
			raised |= 1ull << i;
	}
	return raised;
}
