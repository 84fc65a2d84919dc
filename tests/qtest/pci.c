// SPDX-License-Identifier: MIT
#include <linux/pci_regs.h>
#include <string.h>

#include "pci.h"
#include "qtest.h"
#include "test.h"

#define PORT_ADDRESS	0xcf8
#define PORT_DATA	0xcfc
#define SLOTS		32

/* Address space that no machine of these tests uses for anything else. */
#define WINDOW_32	0xc0000000u
#define WINDOW_64	0x1000000000ull

static void select_register(struct pci_device *d, uint8_t offset)
{
	qtest_outl(d->qtest, PORT_ADDRESS,
		   1u << 31 | d->slot << 11 | (offset & 0xfc));
}

uint32_t pci_read32(struct pci_device *d, uint8_t offset)
{
	select_register(d, offset);
	return qtest_inl(d->qtest, PORT_DATA);
}

uint16_t pci_read16(struct pci_device *d, uint8_t offset)
{
	return pci_read32(d, offset) >> 8 * (offset & 2);
}

uint8_t pci_read8(struct pci_device *d, uint8_t offset)
{
	return pci_read32(d, offset) >> 8 * (offset & 3);
}

void pci_write32(struct pci_device *d, uint8_t offset, uint32_t value)
{
	select_register(d, offset);
	qtest_outl(d->qtest, PORT_DATA, value);
}

void pci_write16(struct pci_device *d, uint8_t offset, uint16_t value)
{
	select_register(d, offset);
	qtest_outw(d->qtest, PORT_DATA + (offset & 2), value);
}

bool pci_find(struct pci_device *d, struct channel *qtest, uint16_t vendor,
	      uint16_t device)
{
	memset(d, 0, sizeof(*d));
	d->qtest = qtest;
	for (d->slot = 0; d->slot < SLOTS; d->slot++) {
		if (pci_read32(d, PCI_VENDOR_ID) ==
		    ((uint32_t)device << 16 | vendor))
			return true;
	}
	return false;
}

static uint8_t bar_offset(unsigned int number)
{
	return PCI_BASE_ADDRESS_0 + 4 * number;
}

static bool is_64(const struct pci_bar *bar)
{
	return (bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
	       PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static void size_bar(struct pci_device *d, unsigned int number)
{
	struct pci_bar *bar = &d->bar[number];
	uint64_t mask;

	pci_write32(d, bar_offset(number), UINT32_MAX);
	mask = pci_read32(d, bar_offset(number));
	bar->flags = mask & ~PCI_BASE_ADDRESS_MEM_MASK;
	mask &= PCI_BASE_ADDRESS_MEM_MASK;
	if (is_64(bar)) {
		pci_write32(d, bar_offset(number + 1), UINT32_MAX);
		mask |= (uint64_t)pci_read32(d, bar_offset(number + 1)) << 32;
	} else if (mask) {
		mask |= 0xffffffffull << 32;
	}
	bar->bytes = mask ? ~mask + 1 : 0;
}

static void place_bar(struct pci_device *d, unsigned int number, uint64_t *next)
{
	struct pci_bar *bar = &d->bar[number];

	*next = (*next + bar->bytes - 1) & ~(bar->bytes - 1);
	bar->address = *next;
	*next += bar->bytes;
	pci_write32(d, bar_offset(number), (uint32_t)bar->address);
	if (is_64(bar))
		pci_write32(d, bar_offset(number + 1), bar->address >> 32);
}

void pci_map(struct pci_device *d)
{
	uint64_t next_32 = WINDOW_32, next_64 = WINDOW_64;

	pci_write16(d, PCI_COMMAND, 0);
	memset(d->bar, 0, sizeof(d->bar));
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		size_bar(d, i);
		if (d->bar[i].bytes)
			place_bar(d, i, is_64(&d->bar[i]) ? &next_64 : &next_32);
		if (is_64(&d->bar[i]))
			i++;
	}
	pci_write16(d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

uint8_t pci_find_capability(struct pci_device *d, uint8_t id)
{
	uint8_t offset;

	if (!(pci_read16(d, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	offset = pci_read8(d, PCI_CAPABILITY_LIST);
	/* 48 capabilities of 4 bytes fill the space behind the header. */
	for (int left = 48; offset && left; left--) {
		if (pci_read8(d, offset + PCI_CAP_LIST_ID) == id)
			return offset;
		offset = pci_read8(d, offset + PCI_CAP_LIST_NEXT);
	}
	return 0;
}
