/* SPDX-License-Identifier: MIT */
/**
 * DOC: one PCI function on bus 0, as firmware would find and map it
 *
 * Configuration space is reached through ports 0xcf8 and 0xcfc, which q35 and pc
 * both have.
 */
#ifndef QTEST_PCI_H
#define QTEST_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"

#define PCI_BARS	6

/**
 * struct pci_bar - one base address register, as sized
 * @bytes: its length, 0 for absent
 * @flags: its low four bits
 * @address: where pci_map() put it
 */
struct pci_bar {
	uint64_t bytes;
	uint32_t flags;
	uint64_t address;
};

struct pci_device {
	struct channel *qtest;
	unsigned int slot;
	struct pci_bar bar[PCI_BARS];
};

/** pci_find() - Return: whether bus 0 has such a device; the first if so */
bool pci_find(struct pci_device *d, struct channel *qtest, uint16_t vendor,
	      uint16_t device);

uint32_t pci_read32(struct pci_device *d, uint8_t offset);
uint16_t pci_read16(struct pci_device *d, uint8_t offset);
uint8_t pci_read8(struct pci_device *d, uint8_t offset);
void pci_write32(struct pci_device *d, uint8_t offset, uint32_t value);
void pci_write16(struct pci_device *d, uint8_t offset, uint16_t value);

/** pci_map() - size all BARs, give them addresses, turn on decoding and DMA */
void pci_map(struct pci_device *d);

/** pci_find_capability() - Return: its offset, 0 for none */
uint8_t pci_find_capability(struct pci_device *d, uint8_t id);

#endif
