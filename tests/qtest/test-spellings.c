// SPDX-License-Identifier: MIT
/* The same VMs, written down in other ways; two groups in one VM. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

#define MIB	(1024ull * 1024)

/* Copies @text with the group's own names in place of SOCKET and SHMID. */
static void fill_in(char *out, size_t bytes, const char *text,
		    const struct group *g)
{
	size_t have = 0;

	while (*text) {
		const char *name = NULL;

		if (!strncmp(text, "SOCKET", 6)) {
			name = g->socket;
			text += 6;
		} else if (!strncmp(text, "SHMID", 5)) {
			name = g->shmid;
			text += 5;
		}
		have += name ? snprintf(out + have, bytes - have, "%s", name) :
			       snprintf(out + have, bytes - have, "%c", *text++);
		assert_in_range(have, 1, bytes - 1);
	}
}

static struct vm *start(struct group *g, const char *chardev, const char *device)
{
	struct vm_spec spec = { .machine = NULL };

	fill_in(spec.chardev, sizeof(spec.chardev), chardev, g);
	fill_in(spec.device, sizeof(spec.device), device, g);
	return group_start(g, &spec);
}

static void expect_met(struct vm *mapper, struct vm *client, uint64_t size,
		       uint32_t clients)
{
	assert_int_equal(vm_reg32(client, HGSHM_REG_INDEX), 1);
	assert_int_equal(vm_reg32(client, HGSHM_REG_MAPIDX), 0);
	assert_int_equal(vm_reg32(client, HGSHM_REG_CLIENTS), clients);
	assert_int_equal(vm_reg64(client, HGSHM_REG_SIZE), size);
	assert_int_equal(vm_peers(mapper), bit(0) | bit(1));
	assert_int_equal(vm_peers(client), bit(0) | bit(1));
	vm_store(client, HGSHM_BAR_PEER, 0, 0x21);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 0), 0x21);
}

static void test_of_today(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = start(g, "socket,id=c,path=SOCKET,server=on,wait=off",
		       "hgshm,index=0,chardev=c,shmid=SHMID,size=4m");
	client = start(g, "socket,id=c,path=SOCKET",
		       "hgshm,index=1,chardev=c,shmid=SHMID,mapidx=0");
	expect_met(mapper, client, 4 * MIB, 2);
}

static void test_words_in_any_order(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = start(g, "socket,nowait,server,path=SOCKET,id=c",
		       "hgshm,clients=3,size=0x300000,shmid=SHMID,chardev=c,"
		       "index=0x0");
	client = start(g, "socket,wait=off,server=off,path=SOCKET,id=c",
		       "hgshm,mapidx=00,shmid=SHMID,chardev=c,index=01");
	expect_met(mapper, client, 3 * MIB, 3);
}

static void test_json(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = start(g, "socket,id=c,path=SOCKET,server=on,wait=off",
		       "{\"driver\": \"hgshm\", \"index\": 0, \"chardev\": \"c\", "
		       "\"shmid\": \"SHMID\", \"size\": 4194304, \"clients\": 3, "
		       "\"guestmmap\": true, \"unlink\": 1}");
	client = start(g, "socket,id=c,path=SOCKET",
		       "{\"driver\": \"hgshm\", \"index\": 1, \"chardev\": \"c\", "
		       "\"shmid\": \"SHMID\", \"mapidx\": 0}");
	expect_met(mapper, client, 4 * MIB, 3);
}

static void test_two_devices_in_one_vm(void **state)
{
	struct group *g = *state;
	char chardev[192], device[192], object[192];
	const char *const options[] = {
		"-chardev", chardev, "-device", device, NULL,
	};
	struct vm_spec spec = group_mapper_spec(g, "size=1m,clients=2");
	struct vm *mapper, *client;

	/* The second group has names of its own, and its device comes first. */
	snprintf(chardev, sizeof(chardev), "socket,id=second,path=%s-second,"
		 "server=on,wait=off", g->socket);
	snprintf(device, sizeof(device), "hgshm,index=0,chardev=second,"
		 "shmid=%s-second,size=2m,clients=3,addr=0x1e", g->shmid);
	spec.options = options;
	mapper = group_start(g, &spec);
	client = group_start_client(g, 1, "mapidx=0");
	expect_met(mapper, client, MIB, 2);

	fill_in(spec.chardev, sizeof(spec.chardev),
		"socket,id=c,path=SOCKET-second", g);
	fill_in(spec.device, sizeof(spec.device),
		"hgshm,index=1,chardev=c,shmid=SHMID-second,mapidx=0", g);
	spec.options = NULL;
	client = group_start(g, &spec);
	assert_int_equal(vm_reg64(client, HGSHM_REG_SIZE), 2 * MIB);
	assert_int_equal(vm_reg32(client, HGSHM_REG_CLIENTS), 3);
	vm_store(client, HGSHM_BAR_PEER, 0, 0x22);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 0), 0x21);

	snprintf(object, sizeof(object), "%s-second", g->object);
	assert_int_equal(access(object, F_OK), 0);
	for (unsigned int i = g->vm_count; i > 0; i--)
		vm_quit(g->vm[i - 1]);
	assert_int_equal(access(object, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_of_today),
		group_test(test_words_in_any_order),
		group_test(test_json),
		group_test(test_two_devices_in_one_vm),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
