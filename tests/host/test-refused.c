// SPDX-License-Identifier: MIT
/* Places that are not given, and in which words. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake.h"
#include "host.h"
#include "test.h"

static void test_by_the_mapper(void **state)
{
	static const struct {
		const char *parameters;
		int error;
		const char *words;
	} cases[] = {
		{ "index=1", -EADDRINUSE, "index=1 is held by a running VM; stop that one or give "
		  "another index" },
		{ "index=7", -ERANGE, "index=7 is out of range; the mapper has clients=3, so give 1 "
		  "to 2" },
		{ "mapidx=9", -ERANGE, "mapidx=9 is out of range; the mapper has clients=3, so give "
		  "0 to 2" },
		{ "mapidx=1", -ERANGE, "mapidx=1 is not granted; the mapper shares slice 0 only, "
		  "unless it has mapidx-any=on" },
	};
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&clients=3&backing=memfd");
	struct hgshm *one = host_open(g, "join:%s?index=1");
	struct hgshm *two;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char uri[128];

		snprintf(uri, sizeof(uri), "join:%%s?%s", cases[i].parameters);
		host_expect_refusal(g, uri, cases[i].error, "the mapper at %s refused this process: "
				    "%s", g->socket, cases[i].words);
	}
	host_expect_refusal(g, "join:%s?shmid=other", -ESTALE, "the mapper at %s refused this "
			    "process: its shmid is not the mapper's shmid=%s", g->socket, g->shmid);
	two = host_open(g, "join:%s");
	host_expect_refusal(g, "join:%s", -EADDRINUSE, "the mapper at %s refused this process: all "
			    "3 indices below clients=3 are held; stop a member or give the mapper "
			    "more clients", g->socket);
	hgshm_close(two);
	hgshm_close(one);
	hgshm_close(mapper);
}

static void test_no_mapper(void **state)
{
	struct group *g = *state;
	int listener;

	host_expect_refusal(g, "join:%s", -ENOENT, "%s: there is no such socket; start the group's "
			    "mapper first", g->socket);
	listener = fake_listen(g);
	close(listener);
	host_expect_refusal(g, "join:%s", -ECONNREFUSED, "%s: no mapper listens there; start it "
			    "first", g->socket);
	unlink(g->socket);
	host_expect_refusal(g, "join:/dev/null", -ECONNREFUSED, "/dev/null is no socket; give "
			    "the path where the group's mapper listens");
}

static void test_second_mapper(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k");
	char uri[256];

	host_expect_refusal(g, "found:%s", -EADDRINUSE, "%s: another mapper listens there; stop it "
			    "or give another path", g->socket);
	for (int unlink = 0; unlink < 2; unlink++) {
		snprintf(uri, sizeof(uri), "found:%s.second?size=16k&shmid=%s&unlink=%d", g->socket,
			 g->shmid, unlink);
		host_expect_refusal(g, uri, -EADDRINUSE, "shmid=%s is held by another mapper; stop "
				    "that one or choose another shmid", g->shmid);
	}
	assert_true(group_object_exists(g));
	assert_int_equal(access(g->socket, F_OK), 0);
	hgshm_close(mapper);
}

/* What is there and is no socket is left alone, and the memory is not left behind. */
static void test_socket_path(void **state)
{
	struct group *g = *state;
	char uri[256];
	int fd = open(g->socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	snprintf(uri, sizeof(uri), "found:%s?shmid=%s", g->socket, g->shmid);
	host_expect_refusal(g, uri, -EADDRINUSE, "%s is there and is no socket; give another path",
			    g->socket);
	assert_int_equal(access(g->socket, F_OK), 0);
	assert_false(group_object_exists(g));
	unlink(g->socket);
	snprintf(uri, sizeof(uri), "found:%s/no/folder?shmid=%s", g->folder, g->shmid);
	host_expect_refusal(g, uri, -ENOENT, "%s/no/folder: No such file or directory", g->folder);
	assert_false(group_object_exists(g));
}

static void expect_too_large(const struct group *g, const char *backing, const char *words)
{
	struct hgshm *h;
	char uri[512];

	snprintf(uri, sizeof(uri), "found:%s?size=32t&shmid=%s&backing=%s", g->socket, g->shmid,
		 backing);
	assert_int_equal(hgshm_open(&h, uri, NULL), -ENOSPC);
	assert_non_null(strstr(hgshm_strerror(-ENOSPC), words));
}

static void test_memory(void **state)
{
	struct group *g = *state;
	char uri[256];
	int fd = open(g->object, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	snprintf(uri, sizeof(uri), "found:%%s?size=16k&unlink=0&shmid=%s", g->shmid);
	host_expect_refusal(g, uri, -EEXIST, "unlink=0, but the memory of shmid=%s has 4096 bytes, "
			    "not size=16384; give that size, another shmid, or unlink=1 to replace "
			    "it", g->shmid);
	assert_int_equal(fchmod(fd, 0644), 0);
	host_expect_refusal(g, uri, -EACCES, "shmid=%s names a memory object that others own or may "
			    "open; delete %s or choose another shmid", g->shmid, g->object);
	assert_true(group_object_exists(g));
	close(fd);
	unlink(g->object);

	expect_too_large(g, "shm", "size=35184372088832 does not fit /dev/shm, where ");
	/* no file system bounds it, and nobody may be killed for it */
	expect_too_large(g, "memfd", "size=35184372088832 does not fit this machine's memory, of "
			 "which ");
	assert_false(group_object_exists(g));
	assert_int_equal(access(g->socket, F_OK), -1);
}

/* unlink=0 takes up what is there and leaves it. */
static void test_memory_stays(void **state)
{
	struct group *g = *state;
	struct hgshm *mapper = host_found(g, "size=16k&unlink=0");

	host_slice(mapper, 1)[3] = 0x99;
	hgshm_close(mapper);
	assert_true(group_object_exists(g));
	mapper = host_found(g, "size=16k&unlink=0");
	assert_int_equal(host_slice(mapper, 1)[3], 0x99);
	hgshm_close(mapper);
	mapper = host_found(g, "size=16k");
	assert_int_equal(host_slice(mapper, 1)[3], 0);
	hgshm_close(mapper);
	assert_false(group_object_exists(g));
}

/* The socket and the memory are for this user alone, whatever the umask. */
static void test_rights(void **state)
{
	struct group *g = *state;
	mode_t before = umask(0);
	struct hgshm *mapper = host_found(g, "size=16k");
	struct stat st;

	umask(before);
	assert_int_equal(stat(g->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(g->object, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	hgshm_close(mapper);
}

/* However many descriptors are missing: it says so, and keeps none. */
static void test_no_descriptors(void **state)
{
	struct group *g = *state;
	struct rlimit before, limit;
	struct process mapper;
	struct hgshm *h = NULL;
	unsigned int fds, refusals = 0;
	char uri[256];
	int free_fd;

	snprintf(uri, sizeof(uri), "found:%%s?shmid=%s&backing=memfd", g->shmid);
	host_start_echo(&mapper, g, uri);
	snprintf(uri, sizeof(uri), "join:%s", g->socket);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	free_fd = dup(0);
	assert_true(free_fd >= 0);
	close(free_fd);
	fds = host_count_fds();
	limit = before;
	limit.rlim_cur = free_fd;
	while (!h) {
		int ret;

		assert_true(limit.rlim_cur < (rlim_t)free_fd + 100);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ret = hgshm_open(&h, uri, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		limit.rlim_cur++;
		if (!ret)
			break;
		if (ret != -EMFILE)
			fail_msg("with %u descriptors: %s", refusals, hgshm_strerror(ret));
		assert_true(strstr(hgshm_strerror(ret), "descriptors") ||
			    strstr(hgshm_strerror(ret), "open files"));
		assert_int_equal(host_count_fds(), fds);
		refusals++;
	}
	assert_true(refusals > 5);
	hgshm_close(h);
	host_kill_echo(&mapper);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_by_the_mapper),
		host_test(test_no_mapper),
		host_test(test_second_mapper),
		host_test(test_socket_path),
		host_test(test_memory),
		host_test(test_memory_stays),
		host_test(test_rights),
		host_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
