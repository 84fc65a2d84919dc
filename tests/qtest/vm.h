/* SPDX-License-Identifier: MIT */
/**
 * DOC: one QEMU process under qtest, with or without an hgshm device
 *
 * It is the stock QEMU with the plug-in, started through hgshm-qemu. Its CPU
 * stays stopped: these tests do what a guest would, by qtest's loads and stores.
 *
 * Environment: HGSHM_QEMU names the wrapper, HGSHM_PLUGIN the plug-in.
 */
#ifndef QTEST_VM_H
#define QTEST_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "hgshm/regs.h"
#include "msix.h"
#include "pci.h"
#include "process.h"
#include "qmp.h"

/**
 * struct vm_spec - how to start a VM
 * @machine: NULL for q35
 * @chardev: value of -chardev, empty for none
 * @device: value of -device, empty for none
 * @options: further options of QEMU, NULL-terminated, or NULL
 * @environment: NAME=VALUE words, NULL-terminated, or NULL
 * @program: in place of hgshm-qemu, or NULL
 * @guest: a multiboot guest to run, or NULL for a stopped CPU under qtest
 * @accel: what runs it; NULL for tcg
 * @user: whose process it is; NULL for the test's own
 */
struct vm_spec {
	const char *machine;
	char chardev[160];
	char device[512];
	const char *const *options;
	const char *const *environment;
	const char *program;
	const char *guest;
	const char *accel;
	const struct process_user *user;
};

struct vm {
	struct process process;
	struct channel qtest;
	struct qmp qmp;
	struct pci_device pci;
	struct msix msix;
};

/**
 * vm_spawn() - start QEMU, return at once
 * @vm: out
 * @spec: what to start
 * @path: files and sockets are made with names that start like this
 */
void vm_spawn(struct vm *vm, const struct vm_spec *spec, const char *path);

/** vm_connect() - wait until QEMU has made its devices and answers */
void vm_connect(struct vm *vm);

/** vm_find_device() - find the hgshm device, map its BARs */
void vm_find_device(struct vm *vm);

/** vm_enable_vectors() - program and enable MSI-X, set IRQ_ENABLE */
void vm_enable_vectors(struct vm *vm);

/** vm_quit() - end QEMU as its user does; the test fails if it ends badly */
void vm_quit(struct vm *vm);

/** vm_shoot() - SIGKILL, and wait for the end */
void vm_shoot(struct vm *vm);

/**
 * vm_end() - end QEMU, whatever state the test left it in; give all back
 *
 * Return: whether it ended well, or had ended before, and had nothing more to say.
 */
bool vm_end(struct vm *vm);

/** vm_expect_output() - what QEMU wrote since the last look must be this */
void vm_expect_output(struct vm *vm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** vm_wait_output() - wait until QEMU has written this, and nothing else */
void vm_wait_output(struct vm *vm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** vm_count_fds() - Return: how many file descriptors QEMU has open */
unsigned int vm_count_fds(const struct vm *vm);

uint32_t vm_reg32(struct vm *vm, unsigned int offset);
uint64_t vm_reg64(struct vm *vm, unsigned int offset);
void vm_set_reg32(struct vm *vm, unsigned int offset, uint32_t value);

/** vm_ring() - ring the doorbell of VM @index */
void vm_ring(struct vm *vm, unsigned int index);

/** vm_peers() - Return: PEERS, with all news taken in */
uint64_t vm_peers(struct vm *vm);

uint8_t vm_load(struct vm *vm, unsigned int bar, uint64_t offset);
void vm_store(struct vm *vm, unsigned int bar, uint64_t offset, uint8_t value);

/** bit() - Return: a mask with bit @number set */
static inline uint64_t bit(unsigned int number)
{
	return 1ull << number;
}

#endif
