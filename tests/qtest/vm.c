// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qtest.h"
#include "test.h"
#include "vm.h"

#define ARGUMENTS_MAX	64
#define POLL_STEP_MS	5

static const char *wrapper(void)
{
	const char *path = getenv("HGSHM_QEMU");

	if (!path)
		fail_msg("HGSHM_QEMU must name hgshm-qemu");
	return path;
}

void vm_spawn(struct vm *vm, const struct vm_spec *spec, const char *path)
{
	const char *argv[ARGUMENTS_MAX] = { NULL };
	char machine[64], qtest[192], qmp[192], output[192];
	unsigned int n = 0;

	*vm = (struct vm) {
		.process = { .pidfd = -1, .output_fd = -1 },
		.qtest = { .fd = -1 },
	};
	snprintf(machine, sizeof(machine), "%s,accel=%s",
		 spec->machine ? spec->machine : "q35",
		 spec->accel ? spec->accel : "tcg");
	snprintf(qtest, sizeof(qtest), "unix:%s.qtest", path);
	snprintf(qmp, sizeof(qmp), "unix:%s.qmp", path);
	snprintf(output, sizeof(output), "%s.output", path);
	if (!spec->guest)
		channel_listen(&vm->qtest, "qtest", strchr(qtest, ':') + 1);
	channel_listen(&vm->qmp.channel, "QMP", strchr(qmp, ':') + 1);

	argv[n++] = spec->program ? spec->program : wrapper();
	argv[n++] = "-nodefaults";
	argv[n++] = "-display";
	argv[n++] = "none";
	argv[n++] = "-m";
	argv[n++] = "32";
	argv[n++] = "-machine";
	argv[n++] = machine;
	if (spec->guest) {
		argv[n++] = "-kernel";
		argv[n++] = spec->guest;
	} else {
		/* Debian leaves the qtest accelerator out. A CPU that never starts does. */
		argv[n++] = "-S";
		argv[n++] = "-qtest";
		argv[n++] = qtest;
		argv[n++] = "-qtest-log";
		argv[n++] = "none";
	}
	argv[n++] = "-qmp";
	argv[n++] = qmp;
	for (unsigned int i = 0; spec->options && spec->options[i]; i++) {
		assert_in_range(n, 0, ARGUMENTS_MAX - 6);
		argv[n++] = spec->options[i];
	}
	if (*spec->chardev) {
		argv[n++] = "-chardev";
		argv[n++] = spec->chardev;
	}
	if (*spec->device) {
		argv[n++] = "-device";
		argv[n++] = spec->device;
	}
	process_start(&vm->process, spec->user, argv, spec->environment, output);
}

void vm_connect(struct vm *vm)
{
	if (vm->qtest.name)
		channel_accept(&vm->qtest, &vm->process);
	channel_accept(&vm->qmp.channel, &vm->process);
	qmp_greet(&vm->qmp);
}

void vm_find_device(struct vm *vm)
{
	if (!pci_find(&vm->pci, &vm->qtest, HGSHM_PCI_VENDOR_ID,
		      HGSHM_PCI_DEVICE_ID))
		fail_msg("bus 0 has no hgshm device");
	pci_map(&vm->pci);
	msix_init(&vm->msix, &vm->pci);
}

void vm_enable_vectors(struct vm *vm)
{
	msix_program(&vm->msix);
	msix_enable(&vm->msix, true);
	vm_set_reg32(vm, HGSHM_REG_IRQ_ENABLE, HGSHM_IRQ_ENABLE_ON);
}

void vm_quit(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"quit\"}");
	process_wait(&vm->process);
	assert_int_equal(process_exit_code(&vm->process), 0);
}

void vm_shoot(struct vm *vm)
{
	process_kill(&vm->process);
}

static bool end_process(struct process *p)
{
	struct pollfd pfd = { .fd = p->pidfd, .events = POLLIN };

	if (!p->pid)
		return true;
	kill(p->pid, SIGTERM);
	if (poll(&pfd, 1, WAIT_MS) == 0) {
		print_error("QEMU does not end on SIGTERM\n");
		process_kill(p);
		return false;
	}
	process_wait(p);
	if (process_exit_code(p)) {
		print_error("QEMU ends with status %d\n", process_exit_code(p));
		return false;
	}
	return true;
}

bool vm_end(struct vm *vm)
{
	bool ok = end_process(&vm->process);
	char *text = process_take_output(&vm->process);

	if (*text) {
		print_error("QEMU said what no test expects: %s", text);
		ok = false;
	}
	free(text);
	process_close(&vm->process);
	qmp_close(&vm->qmp);
	channel_close(&vm->qtest);
	return ok;
}

void vm_expect_output(struct vm *vm, const char *fmt, ...)
{
	char *expected, *text = process_take_output(&vm->process);
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&expected, fmt, args) >= 0);
	va_end(args);
	assert_string_equal(text, expected);
	free(expected);
	free(text);
}

/* A file tells nobody when it grows, so it is looked at in steps. */
void vm_wait_output(struct vm *vm, const char *fmt, ...)
{
	char *expected, *text = strdup("");
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&expected, fmt, args) >= 0);
	va_end(args);
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		char *more = process_take_output(&vm->process), *joined;

		assert_true(asprintf(&joined, "%s%s", text, more) >= 0);
		free(more);
		free(text);
		text = joined;
		if (strlen(text) >= strlen(expected))
			break;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_string_equal(text, expected);
	free(expected);
	free(text);
}

unsigned int vm_count_fds(const struct vm *vm)
{
	unsigned int count = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)vm->process.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static uint64_t regs_address(struct vm *vm, unsigned int offset)
{
	return vm->pci.bar[HGSHM_BAR_REGS].address + offset;
}

uint32_t vm_reg32(struct vm *vm, unsigned int offset)
{
	return qtest_read(&vm->qtest, regs_address(vm, offset), 4);
}

uint64_t vm_reg64(struct vm *vm, unsigned int offset)
{
	return qtest_read(&vm->qtest, regs_address(vm, offset), 8);
}

void vm_set_reg32(struct vm *vm, unsigned int offset, uint32_t value)
{
	qtest_write(&vm->qtest, regs_address(vm, offset), 4, value);
}

void vm_ring(struct vm *vm, unsigned int index)
{
	vm_set_reg32(vm, HGSHM_DOORBELL(index), 1);
}

uint64_t vm_peers(struct vm *vm)
{
	qtest_settle(&vm->qtest);
	return vm_reg64(vm, HGSHM_REG_PEERS);
}

uint8_t vm_load(struct vm *vm, unsigned int bar, uint64_t offset)
{
	return qtest_read(&vm->qtest, vm->pci.bar[bar].address + offset, 1);
}

void vm_store(struct vm *vm, unsigned int bar, uint64_t offset, uint8_t value)
{
	qtest_write(&vm->qtest, vm->pci.bar[bar].address + offset, 1, value);
}
