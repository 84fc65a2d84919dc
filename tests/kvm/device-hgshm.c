// SPDX-License-Identifier: MIT
#include "hgshm/regs.h"
#include "device.h"

const struct device device = {
	.pci_id = HGSHM_PCI_DEVICE_ID << 16 | HGSHM_PCI_VENDOR_ID,
	.regs_bar = HGSHM_BAR_REGS,
	.own_bar = HGSHM_BAR_MEMORY,
	.msix_bar = HGSHM_BAR_MSIX,
	.vectors = HGSHM_VECTORS(2),
};

uint32_t device_index(uint32_t regs)
{
	return read32(regs + HGSHM_REG_INDEX);
}

uint32_t device_memory_bar(uint32_t index)
{
	return index == 0 ? HGSHM_BAR_MEMORY : HGSHM_BAR_PEER;
}

void device_enable(uint32_t regs)
{
	write32(regs + HGSHM_REG_IRQ_ENABLE, HGSHM_IRQ_ENABLE_ON);
}

void device_ring(uint32_t regs, uint32_t index)
{
	write32(regs + HGSHM_DOORBELL(index), 1);
}

uint32_t device_doorbell_vector(uint32_t index)
{
	return HGSHM_VECTOR_DOORBELL(index);
}
