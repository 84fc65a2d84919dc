/* SPDX-License-Identifier: MIT */
/* Multiboot entry and interrupt entries of the bare-metal doorbell guest. */
	.set MULTIBOOT_MAGIC, 0x1BADB002

	.section .multiboot, "a"
	.align 4
	.long MULTIBOOT_MAGIC
	.long 0
	.long -MULTIBOOT_MAGIC

	.text
	.global start
start:
	cli
	movl $stack_end, %esp
	lgdt gdt_pointer
	ljmp $0x08, $flat
flat:
	movw $0x10, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	call guest_main
	jmp guest_wait

	/*
	 * One entry a vector. It does not return but begins to wait anew on an
	 * empty stack: KVM without hardware virtualization emulates guests, and
	 * its emulator has no iret in protected mode.
	 */
	.macro entry number
	.global interrupt_\number
interrupt_\number:
	cld
	movl $stack_end, %esp
	pushl $\number
	call guest_interrupt
	jmp guest_wait
	.endm

	entry 0
	entry 1
	entry 2

	.global interrupt_spurious
interrupt_spurious:
	movl $stack_end, %esp

	.global guest_wait
guest_wait:
	cli
	call guest_may_sleep
	testl %eax, %eax
	jz guest_wait
	sti
	hlt
	jmp guest_wait

	.section .rodata
	.align 8
gdt:
	.quad 0
	.quad 0x00CF9A000000FFFF
	.quad 0x00CF92000000FFFF
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long gdt

	.bss
	.align 16
	.skip 16384
stack_end:

	.section .note.GNU-stack, "", @progbits
