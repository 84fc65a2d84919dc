/* SPDX-License-Identifier: MIT */
/* Memory that is allocated while signals come: some kernels stop for them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "allocate.h"
#include "hgshm/regs.h"

#define BYTES (UINT64_C(40) << 20)

int __real_posix_fallocate64(int fd, off_t offset, off_t bytes);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t bytes);

/* How many bytes are allocated between two signals. */
static off_t quiet_bytes;
static int other_error;
static unsigned int calls;

int __wrap_posix_fallocate64(int fd, off_t offset, off_t bytes)
{
	calls++;
	if (other_error)
		return other_error;
	if (bytes > quiet_bytes)
		return EINTR;
	return __real_posix_fallocate64(fd, offset, bytes);
}

static int make_file(void **state)
{
	static int fd;

	fd = memfd_create("allocate", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	quiet_bytes = BYTES;
	other_error = 0;
	calls = 0;
	*state = &fd;
	return 0;
}

static int close_file(void **state)
{
	close(*(int *)*state);
	return 0;
}

static uint64_t allocated_bytes(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks * UINT64_C(512);
}

static void goes_on_after_each_signal(void **state)
{
	int fd = *(int *)*state;

	quiet_bytes = 5 << 20;
	assert_int_equal(hgshm_allocate(fd, BYTES), 0);
	assert_int_equal(allocated_bytes(fd), BYTES);
}

static void gets_on_page_by_page_at_worst(void **state)
{
	int fd = *(int *)*state;

	quiet_bytes = HGSHM_SLICE_ALIGN_BYTES;
	assert_int_equal(hgshm_allocate(fd, 1 << 20), 0);
	assert_int_equal(allocated_bytes(fd), 1 << 20);
}

static void allocates_what_is_asked(void **state)
{
	int fd = *(int *)*state;

	assert_int_equal(hgshm_allocate(fd, 3 * HGSHM_SLICE_ALIGN_BYTES), 0);
	assert_int_equal(allocated_bytes(fd), 3 * HGSHM_SLICE_ALIGN_BYTES);
	assert_int_equal(calls, 1);
}

static void gives_up_for_all_else(void **state)
{
	int fd = *(int *)*state;

	other_error = ENOSPC;
	assert_int_equal(hgshm_allocate(fd, BYTES), -ENOSPC);
	assert_int_equal(calls, 1);
}

static void knows_what_is_available(void **state)
{
	uint64_t physical_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	uint64_t available_bytes = hgshm_available_bytes();

	assert_true(available_bytes > 1 << 20);
	assert_true(available_bytes < 100 * physical_bytes);
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, make_file, close_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		file_test(goes_on_after_each_signal),
		file_test(gets_on_page_by_page_at_worst),
		file_test(allocates_what_is_asked),
		file_test(gives_up_for_all_else),
		cmocka_unit_test(knows_what_is_available),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
