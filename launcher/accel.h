/* SPDX-License-Identifier: MIT */
/**
 * DOC: which accelerator runs the guests
 *
 * KVM where it can run a stock kernel: /dev/kvm can be read and written *and*
 * the CPU says svm or vmx. TCG otherwise: a /dev/kvm alone is not enough, since
 * there are machines where it opens and yet no guest runs at speed.
 */
#ifndef HGSHM_LAUNCH_ACCEL_H
#define HGSHM_LAUNCH_ACCEL_H

#include <stdbool.h>

enum accel {
	ACCEL_AUTO,
	ACCEL_KVM,
	ACCEL_TCG,
};

#define ACCEL_KVM_PATH		"/dev/kvm"
#define ACCEL_CPUINFO_PATH	"/proc/cpuinfo"

/**
 * accel_parse() - read "auto", "kvm" or "tcg"
 *
 * Return: 0, or -EINVAL for another text; then @accel keeps its value.
 */
int accel_parse(const char *text, enum accel *accel);

/**
 * accel_detect() - apply the rule above
 * @kvm_path: %ACCEL_KVM_PATH
 * @cpuinfo_path: %ACCEL_CPUINFO_PATH
 *
 * Return: %ACCEL_KVM or %ACCEL_TCG, the latter also if a file can't be read.
 */
enum accel accel_detect(const char *kvm_path, const char *cpuinfo_path);

#endif
