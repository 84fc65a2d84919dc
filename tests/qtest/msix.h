/* SPDX-License-Identifier: MIT */
/**
 * DOC: MSI-X, with interrupts that can be read back
 *
 * Each vector's message is a store of a word of its own to a place of its own in
 * the guest's RAM, where msix_take() looks for it.
 */
#ifndef QTEST_MSIX_H
#define QTEST_MSIX_H

#include "pci.h"

struct msix {
	struct pci_device *device;
	uint8_t capability;
	unsigned int vectors;
	unsigned int table_bar;
	uint64_t table_address;
	uint64_t pending_address;
};

/** msix_init() - find the capability of a mapped device */
void msix_init(struct msix *m, struct pci_device *d);

/** msix_program() - write every table entry, unmasked */
void msix_program(struct msix *m);

/** msix_enable() - turn MSI-X as a whole on or off */
void msix_enable(struct msix *m, bool on);

/** msix_mask_function() - the mask over all vectors */
void msix_mask_function(struct msix *m, bool masked);

/** msix_mask() - one vector's mask */
void msix_mask(struct msix *m, unsigned int vector, bool masked);

/** msix_pending() - Return: one vector's pending bit */
bool msix_pending(struct msix *m, unsigned int vector);

/** msix_take() - Return: whether the vector was raised since the last call */
bool msix_take(struct msix *m, unsigned int vector);

/** msix_take_any() - Return: map of the vectors below 64 raised since the last call */
uint64_t msix_take_any(struct msix *m);

#endif
