// SPDX-License-Identifier: MIT
/* URIs of hgshm_open(). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#include "internal.h"
#include "uri.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct hgshm_uri parse(const char *text)
{
	struct hgshm_uri uri;
	int ret = hgshm_uri_parse(&uri, text);

	if (ret)
		fail_msg("%s: %s", text, hgshm_strerror(ret));
	return uri;
}

static void test_devices(void **state)
{
	static const char *const paths[] = { NULL, "/dev/hgshm0", "hgshm0", "/a:b", "./join:x", "" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(parse(paths[i]).place, HGSHM_PLACE_DEVICE);
}

static void test_join(void **state)
{
	struct hgshm_uri uri = parse("join:/run/group.sock");

	assert_int_equal(uri.place, HGSHM_PLACE_JOIN);
	assert_string_equal(uri.socket, "/run/group.sock");
	assert_int_equal(uri.index, HGSHM_INDEX_NONE);
	assert_int_equal(uri.mapidx, 0);
	assert_false(uri.mapidx_ro);
	assert_string_equal(uri.shmid, "");
	uri = parse("join:/s?index=2&mapidx=3&mapidx-ro=on&shmid=a-b");
	assert_int_equal(uri.index, 2);
	assert_int_equal(uri.mapidx, 3);
	assert_true(uri.mapidx_ro);
	assert_string_equal(uri.shmid, "a-b");
	assert_int_equal(parse("join:/s?mapidx=none").mapidx, HGSHM_INDEX_NONE);
	assert_int_equal(parse("join:/s?index=63").index, 63);
	assert_string_equal(parse("join:/s?").socket, "/s");
	assert_int_equal(parse("join:/s?index=1&").index, 1);
}

static void test_found(void **state)
{
	struct hgshm_uri uri = parse("found:/s");

	assert_int_equal(uri.place, HGSHM_PLACE_FOUND);
	assert_true(uri.size_bytes == 64 << 20);
	assert_int_equal(uri.clients, 2);
	assert_false(uri.memfd);
	assert_true(uri.unlink);
	assert_true(uri.mesh);
	assert_true(uri.mapidx_any);
	uri = parse("found:/s?size=2t&clients=64&backing=memfd&shmid=x&unlink=0&mesh=off");
	assert_true(uri.size_bytes == UINT64_C(2) << 40);
	assert_int_equal(uri.clients, 64);
	assert_true(uri.memfd);
	assert_false(uri.unlink);
	assert_false(uri.mesh);
	assert_false(uri.mapidx_any);
	assert_true(parse("found:/s?backing=memfd&mapidx-any=on").mapidx_any);
	assert_false(parse("found:/s?mapidx-any=off").mapidx_any);
	assert_int_equal(parse("found:/s?size=8192").size_bytes, 8192);
	assert_int_equal(parse("found:/s?size=8K").size_bytes, 8192);
	assert_true(parse("found:/s?size=64t").size_bytes == UINT64_C(1) << 46);
}

static void test_paths(void **state)
{
	char expected[HGSHM_SOCKET_PATH_BYTES], text[256];
	char *folder = getcwd(NULL, 0);

	assert_string_equal(parse("join:/a%20b%3f%25%FF").socket, "/a b?%\xff");
	assert_string_equal(parse("join:/s?shmid=a%26b").shmid, "a&b");
	assert_non_null(folder);
	assert_int_equal(chdir("/usr"), 0);
	assert_string_equal(parse("join:some/s").socket, "/usr/some/s");
	assert_int_equal(chdir(folder), 0);
	free(folder);
	/* the longest that a socket can have */
	memset(expected, 'x', sizeof(expected) - 1);
	expected[0] = '/';
	expected[sizeof(expected) - 1] = '\0';
	snprintf(text, sizeof(text), "join:%s", expected);
	assert_string_equal(parse(text).socket, expected);
}

static void expect_error(const char *text, int error, const char *words)
{
	struct hgshm_uri uri;

	assert_int_equal(hgshm_uri_parse(&uri, text), error);
	assert_string_equal(hgshm_strerror(error), words);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *words;
	} cases[] = {
		{ "jion:/s", -EINVAL, "uri 'jion:/s' is of no known kind; give /dev/hgshmN, "
		  "join:SOCKET or found:SOCKET" },
		{ "joiner:/s", -EINVAL, "uri 'joiner:/s' is of no known kind; give /dev/hgshmN, "
		  "join:SOCKET or found:SOCKET" },
		{ ":", -EINVAL, "uri ':' is of no known kind; give /dev/hgshmN, join:SOCKET or "
		  "found:SOCKET" },
		{ "join:", -EINVAL, "uri: the socket's path is missing, as in "
		  "join:/run/group.sock" },
		{ "join:?index=1", -EINVAL, "uri: the socket's path is missing, as in "
		  "join:/run/group.sock" },
		{ "join:/s?size=4k", -EINVAL, "uri: there is no parameter 'size'; join has index, "
		  "mapidx, mapidx-ro, shmid" },
		{ "found:/s?index=1", -EINVAL, "uri: there is no parameter 'index'; found has size, "
		  "clients, backing, shmid, unlink, mapidx-any, mesh" },
		{ "join:/s?index", -EINVAL, "uri: parameter 'index' has no value; give "
		  "index=VALUE" },
		{ "join:/s?index=1&index=2", -EINVAL, "uri: index is given twice; leave one out" },
		{ "join:/s?index=", -EINVAL, "index= is not valid; give a number from 1 to 63, or "
		  "leave it out" },
		{ "join:/s?index=-1", -EINVAL, "index=-1 is not valid; give a number from 1 to 63, "
		  "or leave it out" },
		{ "join:/s?index=18446744073709551617", -EINVAL, "index=18446744073709551617 is "
		  "not valid; give a number from 1 to 63, or leave it out" },
		{ "join:/s?index=0", -ERANGE, "index=0 is out of range; give 1 to 63" },
		{ "join:/s?index=64", -ERANGE, "index=64 is out of range; give 1 to 63" },
		{ "join:/s?mapidx=64", -ERANGE, "mapidx=64 is out of range; give a number below "
		  "the mapper's clients" },
		{ "join:/s?mapidx=x", -EINVAL, "mapidx=x is not valid; give a number below the "
		  "mapper's clients, or none" },
		{ "join:/s?mapidx-ro=maybe", -EINVAL, "mapidx-ro=maybe is not valid; give on or "
		  "off" },
		{ "found:/s?size=abc", -EINVAL, "size=abc is not valid; give bytes, with k, m, g "
		  "or t if you like, as in size=512m" },
		{ "found:/s?size=1mb", -EINVAL, "size=1mb is not valid; give bytes, with k, m, g "
		  "or t if you like, as in size=512m" },
		{ "found:/s?size=65t", -EINVAL, "size=65t is not valid; give bytes, with k, m, g "
		  "or t if you like, as in size=512m" },
		{ "found:/s?size=99999999999999999999", -EINVAL, "size=99999999999999999999 is not "
		  "valid; give bytes, with k, m, g or t if you like, as in size=512m" },
		{ "found:/s?size=10000&clients=4", -EINVAL, "size=10000 is too small for "
		  "clients=4; give at least 16384, a page of 4096 bytes for each" },
		{ "found:/s?clients=0", -EINVAL, "clients=0 is out of range; give 1 to 64" },
		{ "found:/s?clients=65", -EINVAL, "clients=65 is out of range; give 1 to 64" },
		{ "found:/s?backing=disk", -EINVAL, "backing=disk is not valid; give shm or "
		  "memfd" },
		{ "found:/s?shmid=a/b", -EINVAL, "shmid='a/b' can't name a memory object; give 1 "
		  "to 95 printable characters without '/' or a dot at the start" },
		{ "found:/s?shmid=", -EINVAL, "shmid='' can't name a memory object; give 1 to 95 "
		  "printable characters without '/' or a dot at the start" },
		{ "join:/a%", -EINVAL, "uri: '%' is no byte; give %01 to %FF, and %25 for a "
		  "percent sign" },
		{ "join:/a%4", -EINVAL, "uri: '%4' is no byte; give %01 to %FF, and %25 for a "
		  "percent sign" },
		{ "join:/a%00b", -EINVAL, "uri: '%00' is no byte; give %01 to %FF, and %25 for a "
		  "percent sign" },
		{ "join:/a%zz", -EINVAL, "uri: '%zz' is no byte; give %01 to %FF, and %25 for a "
		  "percent sign" },
	};
	char text[8192];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_error(cases[i].text, cases[i].error, cases[i].words);
	/* too long in each part */
	for (int part = 0; part < 3; part++) {
		static const char *const starts[] = { "join:/", "join:/s?shmid=", "join:/s?" };
		struct hgshm_uri uri;

		memset(text, 'x', sizeof(text));
		text[sizeof(text) - 1] = '\0';
		memcpy(text, starts[part], strlen(starts[part]));
		assert_int_equal(hgshm_uri_parse(&uri, text), -ENAMETOOLONG);
	}
	memset(text, 'x', 200);
	text[200] = '\0';
	memcpy(text, "join:/", 6);
	{
		struct hgshm_uri uri;

		assert_int_equal(hgshm_uri_parse(&uri, text), -ENAMETOOLONG);
		assert_non_null(strstr(hgshm_strerror(-ENAMETOOLONG), "107 bytes"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
