/* SPDX-License-Identifier: MIT */
/* What the bare-metal guest must know of the device by which it rings. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdint.h>

/**
 * struct device - constant facts
 * @pci_id: device and vendor, as the first word of its configuration space
 * @regs_bar: 32-bit BAR of its registers
 * @own_bar: BAR of the memory that is this VM's own
 * @msix_bar: BAR of its MSI-X table
 * @vectors: how many to program
 */
struct device {
	uint32_t pci_id;
	uint32_t regs_bar;
	uint32_t own_bar;
	uint32_t msix_bar;
	uint32_t vectors;
};

extern const struct device device;

/** device_index() - Return: 0 or 1, which of the two this VM is */
uint32_t device_index(uint32_t regs);

/** device_memory_bar() - Return: the BAR that starts with struct control */
uint32_t device_memory_bar(uint32_t index);

/** device_enable() - last step of the set-up, interrupts may come now */
void device_enable(uint32_t regs);

/** device_ring() - ring VM @index */
void device_ring(uint32_t regs, uint32_t index);

/** device_doorbell_vector() - Return: vector that says that VM @index rang */
uint32_t device_doorbell_vector(uint32_t index);

static inline uint32_t read32(uint32_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void write32(uint32_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

#endif /* DEVICE_H */
