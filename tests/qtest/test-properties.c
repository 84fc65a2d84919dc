// SPDX-License-Identifier: MIT
/*
 * Properties that can't be: one clear line each, nothing left behind. A group
 * that runs beside it under the same name does not notice.
 */
#include <stdio.h>
#include <string.h>

#include "group.h"
#include "test.h"

struct case_of {
	const char *properties;	/* all of the device's; %s is the shmid */
	const char *line;
};

#define MAPPER	"index=0,chardev=" GROUP_CHARDEV ",shmid=%s,"
#define CLIENT	"index=1,chardev=" GROUP_CHARDEV ",shmid=%s,"

#define NAME_95 \
	"n0123456789n0123456789n0123456789n0123456789n01" \
	"n0123456789n0123456789n0123456789n0123456789n012"

/* On a server socket of its own. */
static const struct case_of mapper_cases[] = {
	/* index */
	{ "chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index is missing; give index=0 for the VM that creates the memory, 1 to clients-1 for another" },
	{ "index=64,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=64 is out of range; give 0 to 63" },
	{ "index=4294967294,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=4294967294 is out of range; give 0 to 63" },
	{ "index=4294967295,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=4294967295 is not valid; give a number from 0 to 63" },
	{ "index=4294967296,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=4294967296 is not valid; give a number from 0 to 63" },
	{ "index=18446744073709551616,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=18446744073709551616 is not valid; give a number from 0 to 63" },
	{ "index=-1,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=-1 is not valid; give a number from 0 to 63" },
	{ "index=one,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=one is not valid; give a number from 0 to 63" },
	{ "index=1.5,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index=1.5 is not valid; give a number from 0 to 63" },
	{ "index=,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: index= is not valid; give a number from 0 to 63" },

	/* chardev */
	{ "index=0,shmid=%s",
	  "hgshm: chardev is missing; give the id of a -chardev socket" },
	{ "index=1,shmid=%s",
	  "hgshm: chardev is missing; give the id of a -chardev socket" },
	{ "index=0,chardev=nobody,shmid=%s",
	  "Property 'hgshm.chardev' can't find value 'nobody'" },
	{ "index=0,chardev=nothing,shmid=%s",
	  "hgshm: chardev=nothing is no socket; give the id of a -chardev socket,path=..." },
	{ "index=1,chardev=nothing,shmid=%s",
	  "hgshm: chardev=nothing is no socket; give the id of a -chardev socket,path=..." },
	{ "index=0,chardev=tcp,shmid=%s",
	  "hgshm: chardev=tcp is no unix socket; give it path=, since file descriptors travel over it" },
	{ "index=1,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: chardev=" GROUP_CHARDEV " is a server socket; only index=0 has server=on" },

	/* size */
	{ MAPPER "size=0",
	  "hgshm: size=0 is too small for clients=2; give at least 8192, a page of 4096 bytes for each" },
	{ MAPPER "size=8191",
	  "hgshm: size=8191 is too small for clients=2; give at least 8192, a page of 4096 bytes for each" },
	{ MAPPER "size=10000,clients=4",
	  "hgshm: size=10000 is too small for clients=4; give at least 16384, a page of 4096 bytes for each" },
	{ MAPPER "size=262143,clients=64",
	  "hgshm: size=262143 is too small for clients=64; give at least 262144, a page of 4096 bytes for each" },
	{ MAPPER "size=abc",
	  "hgshm: size=abc is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },
	{ MAPPER "size=",
	  "hgshm: size= is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },
	{ MAPPER "size=-4096",
	  "hgshm: size=-4096 is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },
	{ MAPPER "size=512q",
	  "hgshm: size=512q is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },
	{ MAPPER "size=65t",
	  "hgshm: size=65t is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },
	{ MAPPER "size=99999999999999999999",
	  "hgshm: size=99999999999999999999 is not a size that can be shared; give bytes, with k, m, g or t if you like, as in size=512m" },

	/* clients */
	{ MAPPER "clients=0",
	  "hgshm: clients=0 is out of range; give 1 to 64" },
	{ MAPPER "clients=65",
	  "hgshm: clients=65 is out of range; give 1 to 64" },
	{ MAPPER "clients=-1",
	  "hgshm: clients=-1 is not valid; give a number from 1 to 64" },
	{ MAPPER "clients=many",
	  "hgshm: clients=many is not valid; give a number from 1 to 64" },

	/* flags */
	{ MAPPER "guestmmap=2",
	  "hgshm: guestmmap=2 is not valid; give 0 or 1" },
	{ MAPPER "unlink=maybe",
	  "hgshm: unlink=maybe is not valid; give 0 or 1" },

	/* shmid */
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=",
	  "hgshm: shmid='' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=a/b",
	  "hgshm: shmid='a/b' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=../tmp/x",
	  "hgshm: shmid='../tmp/x' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=.hidden",
	  "hgshm: shmid='.hidden' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=two words",
	  "hgshm: shmid='two words' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=" NAME_95 "x",
	  "hgshm: shmid='" NAME_95 "x' can't name a memory object; give 1 to 95 printable characters without '/' or a dot at the start" },
};

/* Connected to the running mapper. */
static const struct case_of client_cases[] = {
	{ "index=0,chardev=" GROUP_CHARDEV ",shmid=%s",
	  "hgshm: chardev=" GROUP_CHARDEV " is a client socket; index=0 needs server=on,wait=off" },
	{ "index=1,chardev=" GROUP_CHARDEV,
	  "hgshm: shmid is missing for index=1; give the mapper's (it prints its own if it made one)" },
	{ "index=63,chardev=" GROUP_CHARDEV,
	  "hgshm: shmid is missing for index=63; give the mapper's (it prints its own if it made one)" },
	{ CLIENT "mapidx=64",
	  "hgshm: mapidx=64 is out of range; give a number below the mapper's clients" },
	{ CLIENT "mapidx=-1",
	  "hgshm: mapidx=-1 is not valid; give a number below the mapper's clients" },
	{ CLIENT "mapidx=4294967295",
	  "hgshm: mapidx=4294967295 is not valid; give a number below the mapper's clients" },
	{ CLIENT "mapidx=x",
	  "hgshm: mapidx=x is not valid; give a number below the mapper's clients" },
	{ CLIENT "guestmmap=",
	  "hgshm: guestmmap= is not valid; give 0 or 1" },
};

static void expect_case(struct group *g, struct vm_spec *spec,
			const struct case_of *c)
{
	const char *mark = strstr(c->properties, "%s");
	int before = mark ? (int)(mark - c->properties) :
			    (int)strlen(c->properties);

	snprintf(spec->device, sizeof(spec->device), "hgshm,%.*s%s%s", before,
		 c->properties, mark ? g->shmid : "", mark ? mark + 2 : "");
	group_expect_refusal(g, spec, "%s", c->line);
}

static void expect_cases(struct group *g, struct vm_spec *spec,
			 const struct case_of *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_case(g, spec, &cases[i]);
}

static void test_mapper(void **state)
{
	static const char *const options[] = {
		"-chardev", "null,id=nothing",
		"-chardev", "socket,id=tcp,host=127.0.0.1,port=0,server=on,wait=off",
		NULL,
	};
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "");

	spec.options = options;
	expect_cases(g, &spec, mapper_cases, ARRAY_SIZE(mapper_cases));
	assert_false(group_object_exists(g));

	/* The name and the socket are as good as new. */
	group_start_mapper(g, "size=8k,clients=2");
	group_start_client(g, 1, "");
}

static void test_client(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=8k,clients=2");
	struct vm_spec spec = group_client_spec(g, 1, "");
	struct vm *client;

	expect_cases(g, &spec, client_cases, ARRAY_SIZE(client_cases));

	assert_int_equal(vm_peers(mapper), bit(0));
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_EPOCH), 0);
	vm_enable_vectors(mapper);
	client = group_start_client(g, 1, "");
	vm_ring(client, 0);
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(1)));
}

static void test_longest_shmid(void **state)
{
	struct group *g = *state;
	size_t have = strlen(g->shmid);

	memset(g->shmid + have, 'x', HGSHM_SHMID_BYTES - 1 - have);
	g->shmid[HGSHM_SHMID_BYTES - 1] = '\0';
	snprintf(g->object, sizeof(g->object), "/dev/shm/%s", g->shmid);
	group_start_mapper(g, "size=8k,clients=2");
	assert_true(group_object_exists(g));
	group_start_client(g, 1, "");
}

static void test_words_for_numbers(void **state)
{
	struct group *g = *state;
	struct vm *mapper;

	mapper = group_start_mapper(g, "size=0x4000,clients=0x4,"
				    "guestmmap=off,unlink=yes");
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SIZE), 0x4000);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_CLIENTS), 4);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_FEATURES), HGSHM_FEATURE_SHMID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_mapper),
		group_test(test_client),
		group_test(test_longest_shmid),
		group_test(test_words_for_numbers),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
