// SPDX-License-Identifier: MIT
/* KVM only where /dev/kvm opens and the CPU says svm or vmx. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "accel.h"

static enum accel detect(const char *kvm_path, const char *cpuinfo)
{
	char path[] = "/tmp/hgshm-accel.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	enum accel accel;

	assert_non_null(file);
	fputs(cpuinfo, file);
	fclose(file);
	accel = accel_detect(kvm_path, path);
	unlink(path);
	return accel;
}

static void needs_a_flag_of_the_cpu(void **state)
{
	assert_int_equal(detect("/dev/null", "processor : 0\nflags\t\t: fpu vmx sse\n"), ACCEL_KVM);
	assert_int_equal(detect("/dev/null", "flags\t\t: fpu svm\n"), ACCEL_KVM);
	assert_int_equal(detect("/dev/null", "flags\t\t: fpu sse\nflags\t\t: svm\n"), ACCEL_KVM);
	assert_int_equal(detect("/dev/null", "flags\t\t: fpu sse\n"), ACCEL_TCG);
	assert_int_equal(detect("/dev/null", ""), ACCEL_TCG);
}

static void a_flag_is_a_whole_word_of_the_flags(void **state)
{
	assert_int_equal(detect("/dev/null", "flags\t\t: avx512_xvmx svmlock\n"), ACCEL_TCG);
	assert_int_equal(detect("/dev/null", "model name\t: vmx svm\nflags : fpu\n"), ACCEL_TCG);
	assert_int_equal(detect("/dev/null", "vmx flags\t: vnmi svm vmx\nflags : fpu\n"), ACCEL_TCG);
}

static void needs_the_device(void **state)
{
	assert_int_equal(detect("/nonexistent/kvm", "flags : vmx\n"), ACCEL_TCG);
}

static void no_cpuinfo_means_tcg(void **state)
{
	assert_int_equal(accel_detect("/dev/null", "/nonexistent/cpuinfo"), ACCEL_TCG);
}

static void parses_three_words(void **state)
{
	enum accel accel = ACCEL_KVM;

	assert_int_equal(accel_parse("tcg", &accel), 0);
	assert_int_equal(accel, ACCEL_TCG);
	assert_int_equal(accel_parse("kvm", &accel), 0);
	assert_int_equal(accel, ACCEL_KVM);
	assert_int_equal(accel_parse("auto", &accel), 0);
	assert_int_equal(accel, ACCEL_AUTO);
	assert_int_equal(accel_parse("KVM", &accel), -EINVAL);
	assert_int_equal(accel_parse("", &accel), -EINVAL);
	assert_int_equal(accel, ACCEL_AUTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_a_flag_of_the_cpu),
		cmocka_unit_test(a_flag_is_a_whole_word_of_the_flags),
		cmocka_unit_test(needs_the_device),
		cmocka_unit_test(no_cpuinfo_means_tcg),
		cmocka_unit_test(parses_three_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
