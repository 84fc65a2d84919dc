// SPDX-License-Identifier: MIT
/* ivshmem-doorbell, from QEMU's docs/specs/ivshmem-spec: the device to compare with. */
#include "device.h"

#define IVSHMEM_VENDOR_ID	0x1AF4
#define IVSHMEM_DEVICE_ID	0x1110
#define IVSHMEM_IV_POSITION	8
#define IVSHMEM_DOORBELL	12

const struct device device = {
	.pci_id = IVSHMEM_DEVICE_ID << 16 | IVSHMEM_VENDOR_ID,
	.regs_bar = 0,
	.own_bar = 2,
	.msix_bar = 1,
	.vectors = 1,
};

uint32_t device_index(uint32_t regs)
{
	return read32(regs + IVSHMEM_IV_POSITION);
}

uint32_t device_memory_bar(uint32_t index)
{
	(void)index;
	return 2;
}

void device_enable(uint32_t regs)
{
	(void)regs;
}

void device_ring(uint32_t regs, uint32_t index)
{
	write32(regs + IVSHMEM_DOORBELL, index << 16);
}

uint32_t device_doorbell_vector(uint32_t index)
{
	(void)index;
	return 0;
}
