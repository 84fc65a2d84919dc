// SPDX-License-Identifier: MIT
/*
 * A bare-metal 32-bit guest that rings doorbells
 *
 * VM 0 starts a batch by ringing VM 1, which rings back from its interrupt
 * handler, and so on for as many rounds as the shared memory says. Both sides
 * set up BAR, local APIC and MSI-X themselves. They speak to the test by words at
 * the start of the memory (struct control), which cost no exit.
 */
#include <stdint.h>

#include "control.h"
#include "device.h"

#define PCI_ADDRESS_PORT	0xCF8
#define PCI_DATA_PORT		0xCFC
#define PCI_COMMAND		0x04
#define PCI_COMMAND_MEMORY	0x2
#define PCI_COMMAND_MASTER	0x4
#define PCI_BAR(n)		(0x10 + 4 * (n))
#define PCI_CAPABILITIES	0x34
#define PCI_CAP_MSIX		0x11
#define MSIX_ENABLE		0x80000000u

#define APIC_BASE		0xFEE00000u
#define APIC_ID			0x20
#define APIC_EOI		0xB0
#define APIC_SPURIOUS		0xF0
#define APIC_ENABLE		0x100

#define VECTOR_BASE		0x40
#define VECTOR_SPURIOUS		0xFF

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t flags;
	uint16_t offset_high;
} __attribute__((packed));

extern void interrupt_0(void);
extern void interrupt_1(void);
extern void interrupt_2(void);
extern void interrupt_spurious(void);
void guest_main(void);
void guest_interrupt(uint32_t vector);
uint32_t guest_may_sleep(void);

static struct gate idt[256];
static uint32_t slot;
static uint32_t regs;
static volatile struct control *control;
static uint32_t index_own, index_other;
static uint32_t batch, target;

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint32_t pci_read(uint32_t offset)
{
	out32(PCI_ADDRESS_PORT, 0x80000000u | slot << 11 | offset);
	return in32(PCI_DATA_PORT);
}

static void pci_write(uint32_t offset, uint32_t value)
{
	out32(PCI_ADDRESS_PORT, 0x80000000u | slot << 11 | offset);
	out32(PCI_DATA_PORT, value);
}

static int find_device(void)
{
	for (slot = 0; slot < 32; slot++) {
		if (pci_read(0) == device.pci_id)
			return 1;
	}
	return 0;
}

static void set_gate(uint32_t vector, void (*entry)(void))
{
	uint32_t address = (uint32_t)entry;

	idt[vector] = (struct gate) {
		.offset_low = (uint16_t)address,
		.selector = 0x08,
		.flags = 0x8E00,
		.offset_high = (uint16_t)(address >> 16),
	};
}

static void set_up_interrupts(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint32_t)idt };

	set_gate(VECTOR_BASE + 0, interrupt_0);
	set_gate(VECTOR_BASE + 1, interrupt_1);
	set_gate(VECTOR_BASE + 2, interrupt_2);
	set_gate(VECTOR_SPURIOUS, interrupt_spurious);
	__asm__ volatile("lidt %0" : : "m"(pointer));

	/* The old interrupt controllers stay silent. */
	out8(0x21, 0xFF);
	out8(0xA1, 0xFF);
	write32(APIC_BASE + APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
}

static void set_up_msix(void)
{
	uint32_t cap = pci_read(PCI_CAPABILITIES) & 0xFC;
	uint32_t table = pci_read(PCI_BAR(device.msix_bar)) & ~0xFu;
	uint32_t apic_id = read32(APIC_BASE + APIC_ID) >> 24;

	while ((pci_read(cap) & 0xFF) != PCI_CAP_MSIX)
		cap = pci_read(cap) >> 8 & 0xFC;
	for (uint32_t i = 0; i < device.vectors; i++) {
		write32(table + 16 * i, APIC_BASE | apic_id << 12);
		write32(table + 16 * i + 4, 0);
		write32(table + 16 * i + 8, VECTOR_BASE + i);
		write32(table + 16 * i + 12, 0);
	}
	pci_write(cap, pci_read(cap) | MSIX_ENABLE);
}

void guest_interrupt(uint32_t vector)
{
	if (vector == device_doorbell_vector(index_other)) {
		control->interrupts[index_own]++;
		if (index_own == 1 || control->interrupts[0] != target)
			device_ring(regs, index_other);
	}
	write32(APIC_BASE + APIC_EOI, 0);
}

/* With interrupts off. VM 0 looks for its next batch, others for interrupts alone. */
uint32_t guest_may_sleep(void)
{
	if (!control)
		return 1;
	if (index_own == 0 && control->go != batch) {
		batch = control->go;
		target += control->rounds;
		device_ring(regs, index_other);
	}
	return index_own == 1 || control->interrupts[0] != target;
}

static volatile struct control *control_in(uint32_t bar)
{
	return (volatile struct control *)(pci_read(PCI_BAR(bar)) & ~0xFu);
}

void guest_main(void)
{
	if (!find_device())
		return;
	pci_write(PCI_COMMAND, pci_read(PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	regs = pci_read(PCI_BAR(device.regs_bar)) & ~0xFu;
	index_own = device_index(regs);
	index_other = 1 - index_own;
	control = control_in(device_memory_bar(index_own));

	set_up_interrupts();
	set_up_msix();
	device_enable(regs);
	control->ready[index_own] = 1;
	control_in(device.own_bar)->set_up = 1;
}
