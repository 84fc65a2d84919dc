/* SPDX-License-Identifier: MIT */
/* hgshm rm takes nothing away that somebody has, or puts there while it looks. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "removal.h"

/* What happens just after it has looked whether somebody listens. */
static void (*meanwhile)(void);
static char top[] = "/tmp/test-removal-XXXXXX";
static struct problem problem;

int __real_connect(int fd, const struct sockaddr *address, socklen_t bytes);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t bytes);

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	int ret = __real_connect(fd, address, bytes);
	int error = errno;

	if (meanwhile)
		meanwhile();
	errno = error;
	return ret;
}

static const char *below_top(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

/* Bound to that name, and listened at until it is closed. */
static int listen_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", below_top(name));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void leave_socket(const char *name)
{
	close(listen_at(name));
}

static bool is_there(const char *name)
{
	struct stat st;

	return !lstat(below_top(name), &st);
}

static int remove_socket(const char *name, enum removal how)
{
	return removal_socket(below_top(name), how, &problem);
}

static int set_up(void **state)
{
	strcpy(top + strlen(top) - 6, "XXXXXX");
	if (!mkdtemp(top))
		return -1;
	mkdir(below_top("folder"), 0700);
	mkdir(below_top("dev"), 0700);
	return mkdir(below_top("dev/shm"), 0700);
}

static int tear_down(void **state)
{
	char command[sizeof(top) + 8];

	meanwhile = NULL;
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

static void test_stale_socket(void **state)
{
	for (enum removal how = REMOVAL_FOUND; how <= REMOVAL_FORCED; how++) {
		leave_socket("folder/a.sock");
		assert_int_equal(remove_socket("folder/a.sock", how), 0);
		assert_false(is_there("folder/a.sock"));
	}
}

static void test_live_socket(void **state)
{
	int fd = listen_at("folder/a.sock");

	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_FOUND), -EBUSY);
	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_NAMED), -EBUSY);
	assert_true(is_there("folder/a.sock"));
	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_FORCED), 0);
	assert_false(is_there("folder/a.sock"));
	close(fd);
}

static int newcomer = -1;

static void put_another_there(void)
{
	meanwhile = NULL;
	unlink(below_top("folder/a.sock"));
	newcomer = listen_at("folder/a.sock");
}

/* As a QEMU does, which takes no lock. */
static void test_socket_that_is_replaced(void **state)
{
	leave_socket("folder/a.sock");
	meanwhile = put_another_there;
	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_NAMED), -EBUSY);
	assert_true(is_there("folder/a.sock"));
	close(newcomer);
}

static bool locked;

static void try_to_lock(void)
{
	int fd = open(below_top("folder"), O_RDONLY | O_DIRECTORY);

	locked = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
}

/* A founder of the library waits for that lock before it puts its own there. */
static void test_lock_on_the_folder(void **state)
{
	leave_socket("folder/a.sock");
	meanwhile = try_to_lock;
	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_NAMED), 0);
	assert_true(locked);
}

static void swap_folder(void)
{
	char moved[64];

	meanwhile = NULL;
	strcpy(moved, below_top("moved"));
	assert_int_equal(rename(below_top("folder"), moved), 0);
	assert_int_equal(symlink("others", below_top("folder")), 0);
}

/* The folder's owner points it elsewhere between look and removal. */
static void test_folder_that_is_replaced(void **state)
{
	mkdir(below_top("others"), 0700);
	leave_socket("folder/a.sock");
	leave_socket("others/a.sock");
	meanwhile = swap_folder;
	assert_int_equal(remove_socket("folder/a.sock", REMOVAL_FOUND), 0);
	assert_true(is_there("others/a.sock"));
	assert_false(is_there("moved/a.sock"));
}

static void test_folder_that_is_a_link(void **state)
{
	assert_int_equal(symlink("folder", below_top("link")), 0);
	leave_socket("folder/a.sock");
	assert_int_equal(remove_socket("link/a.sock", REMOVAL_FOUND), -ENOTDIR);
	assert_true(is_there("folder/a.sock"));
	assert_int_equal(remove_socket("link/a.sock", REMOVAL_NAMED), 0);
}

static void test_what_is_no_socket(void **state)
{
	assert_int_equal(remove_socket("folder", REMOVAL_FORCED), -ENOTSOCK);
	assert_int_equal(remove_socket("nothing", REMOVAL_FORCED), -ENOENT);
	leave_socket("folder/a.sock");
	assert_int_equal(symlink("a.sock", below_top("folder/link")), 0);
	assert_int_equal(remove_socket("folder/link", REMOVAL_FORCED), -ENOTSOCK);
	assert_true(is_there("folder/a.sock"));
}

static void test_memory(void **state)
{
	int fd = open(below_top("dev/shm/a"), O_CREAT | O_RDWR, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(removal_object(top, "a", REMOVAL_NAMED, &problem), -EBUSY);
	assert_true(is_there("dev/shm/a"));
	close(fd);
	assert_int_equal(removal_object(top, "a", REMOVAL_FOUND, &problem), 0);
	assert_false(is_there("dev/shm/a"));
}

static void test_memory_that_is_something_else(void **state)
{
	assert_int_equal(mkfifo(below_top("dev/shm/fifo"), 0600), 0);
	assert_int_equal(removal_object(top, "fifo", REMOVAL_FORCED, &problem), 0);
	assert_int_equal(symlink("/dev/null", below_top("dev/shm/link")), 0);
	assert_int_equal(removal_object(top, "link", REMOVAL_FORCED, &problem), -ELOOP);
	assert_int_equal(removal_object(top, "..", REMOVAL_FORCED, &problem), -EISDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stale_socket),
		TEST(test_live_socket),
		TEST(test_socket_that_is_replaced),
		TEST(test_lock_on_the_folder),
		TEST(test_folder_that_is_replaced),
		TEST(test_folder_that_is_a_link),
		TEST(test_what_is_no_socket),
		TEST(test_memory),
		TEST(test_memory_that_is_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
