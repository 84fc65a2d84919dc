// SPDX-License-Identifier: MIT
/* Clients that leave their index, or the group's name, to the mapper. */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake-client.h"
#include "group.h"
#include "test.h"

/* Joins under any index and under no name; returns the index that it was given. */
static unsigned int join_anywhere(struct fake_client *f, const struct group *g)
{
	struct hgshm_wire_message m;
	unsigned int index;

	fake_client_open(f, g, HGSHM_INDEX_NONE);
	memset(f->hello.shmid, 0, sizeof(f->hello.shmid));
	fake_client_say_hello(f);
	fake_receive(f->sock, &m, HGSHM_MSG_WELCOME);
	assert_string_equal((char *)m.welcome.shmid, g->shmid);
	assert_int_equal(m.welcome.reserved, 0);
	index = le32toh(m.welcome.index);
	hgshm_wire_reset(&m);
	return index;
}

static void test_lowest_free_index(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4");
	struct fake_client first, third, again;

	group_start_client(g, 2, "");
	assert_int_equal(join_anywhere(&first, g), 1);
	assert_int_equal(join_anywhere(&third, g), 3);
	assert_int_equal(vm_peers(mapper), bit(0) | bit(1) | bit(2) | bit(3));

	/* no event in between: an index is free once its holder has hung up */
	fake_client_close(&first);
	assert_int_equal(join_anywhere(&again, g), 1);
	fake_client_close(&again);
	fake_client_close(&third);
}

static void expect_refused(struct fake_client *f, struct vm *mapper,
			   unsigned int code, const char *text)
{
	struct hgshm_wire_message m;

	fake_client_say_hello(f);
	fake_receive(f->sock, &m, HGSHM_MSG_REFUSED);
	assert_int_equal(le32toh(m.refused.code), code);
	assert_string_equal((char *)m.refused.text, text);
	hgshm_wire_reset(&m);
	fake_expect_closed(f->sock);
	fake_client_close(f);
	vm_expect_output(mapper, "qemu-system-x86_64: warning: hgshm: refused "
			 "a client: %s\n", text);
}

static void test_no_free_index(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=8k,clients=2");
	struct fake_client f;

	group_start_client(g, 1, "");
	fake_client_open(&f, g, HGSHM_INDEX_NONE);
	expect_refused(&f, mapper, HGSHM_REFUSED_FULL,
		       "all 2 indices below clients=2 are held; stop a member "
		       "or give the mapper more clients");
}

static void test_any_index_under_a_wrong_name(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=8k,clients=2");
	struct fake_client f;
	char text[160];

	fake_client_open(&f, g, HGSHM_INDEX_NONE);
	memset(f.hello.shmid, 0, sizeof(f.hello.shmid));
	memcpy(f.hello.shmid, "other", 5);
	snprintf(text, sizeof(text), "its shmid is not the mapper's shmid=%s",
		 g->shmid);
	expect_refused(&f, mapper, HGSHM_REFUSED_SHMID, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_lowest_free_index),
		group_test(test_no_free_index),
		group_test(test_any_index_under_a_wrong_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
