// SPDX-License-Identifier: MIT
/*
 * VMs that may not join a running group, or may not make one: one clear line
 * each, and the group goes on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

struct running {
	struct vm *mapper;
	struct vm *client;
};

static struct running start_group(struct group *g)
{
	struct running r;

	r.mapper = group_start_mapper(g, "size=16k,clients=4");
	r.client = group_start_client(g, 1, "mapidx=0");
	vm_enable_vectors(r.mapper);
	vm_enable_vectors(r.client);
	msix_take_any(&r.mapper->msix);
	msix_take_any(&r.client->msix);
	return r;
}

/* They ring each other, share memory, and another one joins. */
static void expect_group_goes_on(struct group *g, struct running *r)
{
	struct vm *newcomer;

	assert_int_equal(vm_peers(r->mapper), bit(0) | bit(1));
	assert_int_equal(vm_peers(r->client), bit(0) | bit(1));
	vm_ring(r->mapper, 1);
	assert_int_equal(msix_take_any(&r->client->msix), bit(1));
	vm_ring(r->client, 0);
	assert_int_equal(msix_take_any(&r->mapper->msix), bit(2));
	vm_store(r->client, HGSHM_BAR_PEER, 0, 0x33);
	assert_int_equal(vm_load(r->mapper, HGSHM_BAR_MEMORY, 0), 0x33);

	newcomer = group_start_client(g, 3, "");
	assert_int_equal(vm_peers(newcomer), bit(0) | bit(1) | bit(3));
	assert_int_equal(vm_peers(r->mapper), bit(0) | bit(1) | bit(3));
	vm_ring(newcomer, 1);
	assert_int_equal(msix_take_any(&r->client->msix), bit(0) | bit(4));
}

static void expect_refused_by_mapper(struct group *g, const char *why,
				     const struct vm_spec *spec)
{
	struct running r = start_group(g);

	group_expect_refusal(g, spec, "hgshm: the mapper at chardev socket %s "
			     "refused this VM: %s", g->socket, why);
	/* The answer goes out first. */
	vm_wait_output(r.mapper, "qemu-system-x86_64: warning: hgshm: refused "
		       "a client: %s\n", why);
	expect_group_goes_on(g, &r);
}

static void test_index_beyond_clients(void **state)
{
	struct vm_spec spec = group_client_spec(*state, 4, "");

	expect_refused_by_mapper(*state, "index=4 is out of range; the mapper "
				 "has clients=4, so give 1 to 3", &spec);
}

static void test_mapidx_beyond_clients(void **state)
{
	struct vm_spec spec = group_client_spec(*state, 2, "mapidx=9");

	expect_refused_by_mapper(*state, "mapidx=9 is out of range; the mapper "
				 "has clients=4, so give 0 to 3", &spec);
}

static void test_index_held(void **state)
{
	struct vm_spec spec = group_client_spec(*state, 1, "");

	expect_refused_by_mapper(*state, "index=1 is held by a running VM; "
				 "stop that one or give another index", &spec);
}

static void test_other_shmid(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 2, "");
	char why[160];

	strcpy(spec.device, "hgshm,index=2,chardev=" GROUP_CHARDEV
			    ",shmid=another");
	snprintf(why, sizeof(why), "its shmid is not the mapper's shmid=%s",
		 g->shmid);
	expect_refused_by_mapper(g, why, &spec);
}

static void test_object_deleted(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 2, "");
	struct running r = start_group(g);

	assert_int_equal(unlink(g->object), 0);
	group_expect_refusal(g, &spec, "hgshm: shmid=%s can't be opened: "
			     "No such file or directory", g->shmid);
	/* The others keep what they have mapped. */
	vm_store(r.client, HGSHM_BAR_MEMORY, 0, 0x34);
	assert_int_equal(vm_load(r.mapper, HGSHM_BAR_MEMORY, 4096), 0x34);
	assert_int_equal(vm_peers(r.mapper), bit(0) | bit(1));
}

static void test_object_open_to_others(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 2, "");
	struct running r = start_group(g);

	assert_int_equal(chmod(g->object, 0644), 0);
	group_expect_refusal(g, &spec, "hgshm: shmid=%s names a memory object "
			     "that others own or may open; delete %s or choose "
			     "another shmid", g->shmid, g->object);
	assert_int_equal(chmod(g->object, 0600), 0);
	msix_take_any(&r.mapper->msix);
	msix_take_any(&r.client->msix);
	expect_group_goes_on(g, &r);
}

static void test_object_replaced(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 2, "");
	struct running r = start_group(g);
	char aside[160];
	FILE *other;

	snprintf(aside, sizeof(aside), "%s.aside", g->object);
	assert_int_equal(rename(g->object, aside), 0);
	other = fopen(g->object, "wx");
	assert_non_null(other);
	fclose(other);
	assert_int_equal(chmod(g->object, 0600), 0);
	group_expect_refusal(g, &spec, "hgshm: shmid=%s here is not the memory "
			     "of the mapper at %s; give the same shmid on the "
			     "same host", g->shmid, g->socket);
	assert_int_equal(rename(aside, g->object), 0);
	msix_take_any(&r.mapper->msix);
	msix_take_any(&r.client->msix);
	expect_group_goes_on(g, &r);
}

static void test_object_shortened(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 2, "");

	start_group(g);
	assert_int_equal(truncate(g->object, 8192), 0);
	group_expect_refusal(g, &spec, "hgshm: shmid=%s has 8192 bytes, not the "
			     "16384 that the mapper announced; restart the "
			     "mapper", g->shmid);
}

static struct vm_spec second_mapper(const struct group *g,
				    const char *properties)
{
	struct vm_spec spec = group_mapper_spec(g, properties);

	snprintf(spec.chardev, sizeof(spec.chardev), "socket,id="
		 GROUP_CHARDEV ",path=%s/second,server=on,wait=off", g->folder);
	return spec;
}

static void test_second_mapper(void **state)
{
	static const char *const properties[] = {
		"size=16k,clients=4", "size=16k,clients=4,unlink=0",
		"size=1m,clients=2,unlink=1",
	};
	struct group *g = *state;
	struct running r = start_group(g);

	for (unsigned int i = 0; i < ARRAY_SIZE(properties); i++) {
		struct vm_spec spec = second_mapper(g, properties[i]);

		group_expect_refusal(g, &spec, "hgshm: index=0 of shmid=%s is "
				     "held by a running VM; stop that one or "
				     "choose another shmid", g->shmid);
		assert_true(group_object_exists(g));
	}
	expect_group_goes_on(g, &r);
}

static void test_second_mapper_at_the_same_socket(void **state)
{
	struct group *g = *state;
	struct running r = start_group(g);
	struct vm_spec spec = group_mapper_spec(g, "size=16k,clients=4");

	strcpy(spec.device, "hgshm,index=0,chardev=" GROUP_CHARDEV ",size=16k");
	group_expect_end(group_spawn(g, &spec), 1, "hgshm-qemu: chardev "
			 "path=%s: a running VM listens there; stop it or give "
			 "another path\n", g->socket);
	expect_group_goes_on(g, &r);
}

static void test_unlink_0_with_another_size(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4,unlink=0");
	struct vm_spec spec = group_mapper_spec(g, "size=2m,clients=4,unlink=0");
	struct stat st;

	g->object_stays = true;
	vm_quit(mapper);
	group_expect_refusal(g, &spec, "hgshm: unlink=0, but the memory of "
			     "shmid=%s has 16384 bytes, not size=2097152; give "
			     "that size, another shmid, or unlink=1 to replace "
			     "it", g->shmid);
	assert_int_equal(stat(g->object, &st), 0);
	assert_int_equal(st.st_size, 16384);
	group_start_mapper(g, "size=16k,clients=4,unlink=0");
}

static void test_unlink_0_with_an_object_open_to_others(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "size=16k,clients=4,unlink=0");
	struct vm *mapper = group_start(g, &spec);

	g->object_stays = true;
	vm_quit(mapper);
	assert_int_equal(chmod(g->object, 0660), 0);
	group_expect_refusal(g, &spec, "hgshm: shmid=%s names a memory object "
			     "that others own or may open; delete %s or choose "
			     "another shmid", g->shmid, g->object);
	assert_true(group_object_exists(g));
}

static void test_no_mapper(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 1, "");

	group_expect_end(group_spawn(g, &spec), 1, "qemu-system-x86_64: "
			 "-chardev %s: Failed to connect to '%s': No such file "
			 "or directory\n", spec.chardev, g->socket);
}

static void test_mapper_has_quit(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_client_spec(g, 1, "");
	struct vm *mapper = group_start_mapper(g, "size=8k");

	g->object_stays = true;
	vm_shoot(mapper);
	group_expect_end(group_spawn(g, &spec), 1, "qemu-system-x86_64: "
			 "-chardev %s: Failed to connect to '%s': Connection "
			 "refused\n", spec.chardev, g->socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_index_beyond_clients),
		group_test(test_mapidx_beyond_clients),
		group_test(test_index_held),
		group_test(test_other_shmid),
		group_test(test_object_deleted),
		group_test(test_object_open_to_others),
		group_test(test_object_replaced),
		group_test(test_object_shortened),
		group_test(test_second_mapper),
		group_test(test_second_mapper_at_the_same_socket),
		group_test(test_unlink_0_with_another_size),
		group_test(test_unlink_0_with_an_object_open_to_others),
		group_test(test_no_mapper),
		group_test(test_mapper_has_quit),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
