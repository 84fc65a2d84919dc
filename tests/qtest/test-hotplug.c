// SPDX-License-Identifier: MIT
/* A device that comes and goes while its VM runs, with nothing left of it. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

#define ROUNDS		100
#define SERVING_ROUND	10	/* a mapper has a client in each of these */
#define WARM_ROUNDS	10	/* by then QEMU has what it keeps for such devices */
#define GROWTH_ROUNDS	30	/* looked at for memory at both ends of the rest */
#define POLL_STEP_MS	5
#define GROWTH_KIB_MAX	384	/* over 60 rounds; one device takes about 12 */

/* ACPI PCI hot-plug of the pc machine: writing a slot's bit ejects it. */
#define ACPI_EJECT_PORT	0xae08

#define DEVICE_ADD \
	"{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"hgshm\", " \
	"\"id\": \"shm\", \"chardev\": \"" GROUP_CHARDEV "\", \"shmid\": \"%s\", %s}}"

static void add_chardev(struct vm *vm, const struct group *g)
{
	qmp_run(&vm->qmp, "{\"execute\": \"chardev-add\", \"arguments\": "
		"{\"id\": \"" GROUP_CHARDEV "\", \"backend\": {\"type\": "
		"\"socket\", \"data\": {\"server\": false, \"addr\": {\"type\": "
		"\"unix\", \"data\": {\"path\": \"%s\"}}}}}}", g->socket);
}

static void remove_chardev(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"chardev-remove\", \"arguments\": "
		"{\"id\": \"" GROUP_CHARDEV "\"}}");
}

static void plug(struct vm *vm, const struct group *g, const char *properties)
{
	qmp_run(&vm->qmp, DEVICE_ADD, g->shmid, properties);
	vm_find_device(vm);
	vm_enable_vectors(vm);
}

/* QEMU asks the guest to let go, and the guest does. */
static void unplug(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"device_del\", \"arguments\": "
		"{\"id\": \"shm\"}}");
	qtest_outl(&vm->qtest, ACPI_EJECT_PORT, 1u << vm->pci.slot);
	qmp_wait_event(&vm->qmp, "DEVICE_DELETED");
}

/* One that has none: a pc, since the root bus of q35 takes no hot-plug. */
static struct vm *start_empty(struct group *g, bool server)
{
	struct vm_spec spec = group_mapper_spec(g, "");
	struct vm *vm;

	spec.machine = "pc";
	spec.device[0] = '\0';
	if (!server)
		spec.chardev[0] = '\0';
	vm = group_spawn(g, &spec);
	vm_connect(vm);
	return vm;
}

static unsigned int count_mappings(struct vm *vm, const struct group *g)
{
	char path[64], line[512];
	unsigned int count = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)vm->process.pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, g->object) || strstr(line, "/memfd:hgshm");
	fclose(maps);
	return count;
}

/* QEMU frees memory regions some time later, in a thread of its own. */
static void expect_nothing_left(struct vm *vm, const struct group *g,
				unsigned int fds)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += POLL_STEP_MS) {
		qtest_settle(&vm->qtest);
		if (vm_count_fds(vm) == fds && count_mappings(vm, g) == 0)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_int_equal(count_mappings(vm, g), 0);
	assert_int_equal(vm_count_fds(vm), fds);
}

static unsigned long resident_kib(struct vm *vm)
{
	unsigned long kib = process_status_value(&vm->process, "RssAnon");

	assert_int_not_equal(kib, 0);
	return kib;
}

static int compare_kib(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static unsigned long median_kib(unsigned long *kib)
{
	qsort(kib, GROWTH_ROUNDS, sizeof(*kib), compare_kib);
	return kib[GROWTH_ROUNDS / 2];
}

/* QEMU's allocator takes and gives back megabytes as it likes, so medians count. */
static void expect_no_growth(unsigned long kib[ROUNDS])
{
	unsigned long early = median_kib(kib + WARM_ROUNDS);
	unsigned long late = median_kib(kib + ROUNDS - GROWTH_ROUNDS);

	if (late > early + GROWTH_KIB_MAX)
		fail_msg("%lu KiB in use early, %lu late", early, late);
}

static void expect_rings(struct vm *a, unsigned int index_a, struct vm *b,
			 unsigned int index_b)
{
	vm_ring(a, index_b);
	assert_true(msix_take(&b->msix, HGSHM_VECTOR_DOORBELL(index_a)));
	vm_ring(b, index_a);
	assert_true(msix_take(&a->msix, HGSHM_VECTOR_DOORBELL(index_b)));
}

static void expect_client_comes_and_goes(struct group *g,
					 const char *mapper_properties)
{
	struct vm *mapper = group_start_mapper(g, mapper_properties);
	struct vm *other = group_start_client(g, 2, "mapidx=1");
	struct vm *vm = start_empty(g, false);
	unsigned int fds = vm_count_fds(vm);
	unsigned int mapper_fds = 0;
	unsigned long kib[ROUNDS], mapper_kib[ROUNDS];

	vm_enable_vectors(mapper);
	vm_enable_vectors(other);
	for (int round = 0; round < ROUNDS; round++) {
		add_chardev(vm, g);
		plug(vm, g, "\"index\": 1, \"mapidx\": 0, \"guestmmap\": true");
		assert_int_equal(vm_peers(vm), bit(0) | bit(1) | bit(2));
		assert_int_equal(count_mappings(vm, g), 2);
		expect_rings(vm, 1, mapper, 0);
		expect_rings(vm, 1, other, 2);
		vm_store(vm, HGSHM_BAR_MEMORY, 0, round);
		assert_int_equal(vm_load(other, HGSHM_BAR_PEER, 0), round);
		vm_store(vm, HGSHM_BAR_PEER, 1, round);
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 1), round);

		vm_ring(mapper, 1);
		vm_ring(vm, 0);
		unplug(vm);
		remove_chardev(vm);
		expect_nothing_left(vm, g, fds);
		assert_int_equal(vm_peers(mapper), bit(0) | bit(2));
		assert_int_equal(vm_peers(other), bit(0) | bit(2));
		assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(1)));
		kib[round] = resident_kib(vm);
		mapper_kib[round] = resident_kib(mapper);
		if (round == 0)
			mapper_fds = vm_count_fds(mapper);
	}
	assert_int_equal(vm_count_fds(mapper), mapper_fds);
	expect_no_growth(kib);
	expect_no_growth(mapper_kib);
	expect_rings(mapper, 0, other, 2);
}

static void test_client(void **state)
{
	expect_client_comes_and_goes(*state, "size=16k,clients=4");
}

static void test_client_of_memfds(void **state)
{
	expect_client_comes_and_goes(*state, "size=16k,clients=4,"
				     "backing=memfd,mapidx-any=on");
}

static void expect_serves_a_client(struct vm *vm, struct group *g, struct vm **client)
{
	*client = group_start_client(g, 1, "");
	vm_enable_vectors(*client);
	expect_rings(vm, 0, *client, 1);
	vm_store(*client, HGSHM_BAR_MEMORY, 0, 0x66);
	assert_int_equal(vm_load(vm, HGSHM_BAR_MEMORY, 4096), 0x66);
	vm_ring(*client, 0);
}

static void expect_client_goes_on(struct vm *client, struct group *g)
{
	assert_int_equal(vm_peers(client), bit(1));
	vm_ring(client, 0);
	assert_int_equal(vm_load(client, HGSHM_BAR_MEMORY, 0), 0x66);
	vm_expect_output(client, "qemu-system-x86_64: warning: hgshm: the mapper of shmid=%s is "
			 "gone (the connection was closed); index=1 keeps the memory and the "
			 "other VMs\n", g->shmid);
	/* It looks for its mapper at the chardev, which goes on listening. */
	vm_quit(client);
}

static void expect_mapper_comes_and_goes(struct group *g, const char *properties)
{
	struct vm *vm = start_empty(g, true);
	unsigned int fds = vm_count_fds(vm);
	unsigned long kib[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		bool serves = round % SERVING_ROUND == 0;
		struct vm *client;

		plug(vm, g, properties);
		assert_int_equal(vm_load(vm, HGSHM_BAR_MEMORY, 4096), 0);
		if (serves)
			expect_serves_a_client(vm, g, &client);
		unplug(vm);
		assert_false(group_object_exists(g));
		if (serves)
			expect_client_goes_on(client, g);
		expect_nothing_left(vm, g, fds);
		kib[round] = resident_kib(vm);
	}
	expect_no_growth(kib);
}

static void test_mapper(void **state)
{
	expect_mapper_comes_and_goes(*state, "\"index\": 0, \"size\": \"16k\", "
				     "\"clients\": 4");
}

static void test_mapper_of_memfds(void **state)
{
	expect_mapper_comes_and_goes(*state, "\"index\": 0, \"size\": \"16k\", "
				     "\"clients\": 4, \"backing\": \"memfd\"");
}

static void expect_refusal(struct vm *vm, const struct group *g,
			   const char *properties, const char *line)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "{\"error\": {\"class\": "
		 "\"GenericError\", \"desc\": \"%s\"}}", line);
	assert_string_equal(qmp_try(&vm->qmp, DEVICE_ADD, g->shmid, properties),
			    expected);
}

static void test_refused_mapper(void **state)
{
	struct group *g = *state;
	struct vm *vm = start_empty(g, true);
	unsigned int fds = vm_count_fds(vm);

	expect_refusal(vm, g, "\"index\": 64",
		       "hgshm: index=64 is out of range; give 0 to 63");
	expect_refusal(vm, g, "\"index\": -1",
		       "hgshm: index=-1 is not valid; give a number from 0 to 63");
	expect_refusal(vm, g, "\"index\": 0, \"clients\": 65",
		       "hgshm: clients=65 is out of range; give 1 to 64");
	expect_refusal(vm, g, "\"index\": 0, \"clients\": 2.5",
		       "hgshm: clients=2.5 is not valid; give a number from 1 to 64");
	expect_refusal(vm, g, "\"index\": 0, \"size\": 100",
		       "hgshm: size=100 is too small for clients=2; give at "
		       "least 8192, a page of 4096 bytes for each");
	expect_refusal(vm, g, "\"index\": 0, \"unlink\": 5",
		       "hgshm: unlink=5 is not valid; give 0 or 1");
	expect_refusal(vm, g, "\"index\": 1",
		       "hgshm: chardev=" GROUP_CHARDEV " is a server socket; "
		       "only index=0 has server=on");
	assert_false(group_object_exists(g));
	expect_nothing_left(vm, g, fds);

	plug(vm, g, "\"index\": 0, \"size\": 16384, \"clients\": 4");
	assert_int_equal(vm_reg64(vm, HGSHM_REG_SIZE), 16384);
}

static void test_refused_client(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4");
	struct vm *holder = group_start_client(g, 1, "");
	struct vm *vm = start_empty(g, false);
	unsigned int fds = vm_count_fds(vm);
	char line[384];

	for (int round = 0; round < 3; round++) {
		snprintf(line, sizeof(line), "hgshm: the mapper at chardev "
			 "socket %s refused this VM: index=1 is held by a "
			 "running VM; stop that one or give another index",
			 g->socket);
		add_chardev(vm, g);
		expect_refusal(vm, g, "\"index\": 1, \"mapidx\": 0", line);
		remove_chardev(vm);
		expect_nothing_left(vm, g, fds);
	}
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: refused a "
		       "client: index=1 is held by a running VM; stop that one "
		       "or give another index\n");
	vm_quit(holder);
	add_chardev(vm, g);
	plug(vm, g, "\"index\": \"1\", \"mapidx\": \"0\"");
	assert_int_equal(vm_peers(vm), bit(0) | bit(1));
}

/* Properties say who this is: they stay as they are while it is in use. */
static void test_properties_are_fixed(void **state)
{
	static const char *const names[] = {
		"index", "clients", "mapidx", "size", "unlink", "guestmmap",
	};
	struct group *g = *state;
	struct vm *vm = start_empty(g, true);

	plug(vm, g, "\"index\": 0, \"size\": \"16k\", \"clients\": 4");
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		char expected[256];

		snprintf(expected, sizeof(expected), "{\"error\": {\"class\": "
			 "\"GenericError\", \"desc\": \"hgshm: %s can't change "
			 "while the device is in use\"}}", names[i]);
		assert_string_equal(qmp_try(&vm->qmp, "{\"execute\": "
					    "\"qom-set\", \"arguments\": "
					    "{\"path\": \"/machine/peripheral/"
					    "shm\", \"property\": \"%s\", "
					    "\"value\": 1}}", names[i]),
				    expected);
	}
	assert_int_equal(vm_reg32(vm, HGSHM_REG_CLIENTS), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_client),
		group_test(test_client_of_memfds),
		group_test(test_mapper),
		group_test(test_mapper_of_memfds),
		group_test(test_refused_mapper),
		group_test(test_refused_client),
		group_test(test_properties_are_fixed),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
