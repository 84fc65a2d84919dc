// SPDX-License-Identifier: MIT
/* A device that comes and goes while its VM runs, with nothing left of it. */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

#define ROUNDS		100
#define SERVING_ROUND	10	/* a mapper has a client in each of these */
#define WARM_ROUNDS	10	/* by then QEMU has what it keeps for such devices */
#define GROWTH_ROUNDS	30	/* looked at for memory at both ends of the rest */
#define POLL_STEP_MS	5
#define GROWTH_BYTES_MAX	4096	/* over 60 rounds; QEMU's tables double now and then */

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

/* What QEMU and its device have on the heap; NULL where nothing counts that. */
static const _Atomic int64_t *start_counting(struct vm_spec *spec, const struct group *g)
{
	static char preload[512], file[160];
	static const char *const environment[] = { preload, file, NULL };
	const char *counter = getenv("HGSHM_HEAP_COUNTER");
	const _Atomic int64_t *count;
	int fd;

	/* A QEMU with a sanitizer has an allocator of its own. */
	if (!counter)
		return NULL;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", counter);
	snprintf(file, sizeof(file), "HGSHM_HEAP_COUNT=%s/heap%u", g->folder, g->vm_count);
	spec->environment = environment;
	fd = open(strchr(file, '=') + 1, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*count)), 0);
	count = mmap(NULL, sizeof(*count), PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(count, MAP_FAILED);
	close(fd);
	return count;
}

/* One that has none: a pc, since the root bus of q35 takes no hot-plug. */
static struct vm *start_empty(struct group *g, bool server, const _Atomic int64_t **heap)
{
	struct vm_spec spec = group_mapper_spec(g, "");
	struct vm *vm;

	*heap = start_counting(&spec, g);
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

static int64_t heap_bytes(const _Atomic int64_t *count)
{
	return count ? atomic_load(count) : 0;
}

static int64_t least(const int64_t *bytes, unsigned int rounds)
{
	int64_t least_bytes = bytes[0];

	for (unsigned int i = 1; i < rounds; i++)
		if (bytes[i] < least_bytes)
			least_bytes = bytes[i];
	return least_bytes;
}

/* At a look something may still be on its way to be freed, but not at each. */
static void expect_no_growth(const int64_t bytes[ROUNDS])
{
	int64_t early = least(bytes + WARM_ROUNDS, GROWTH_ROUNDS);
	int64_t late = least(bytes + ROUNDS - GROWTH_ROUNDS, GROWTH_ROUNDS);

	if (late > early + GROWTH_BYTES_MAX)
		fail_msg("%lld bytes in use early, %lld late", (long long)early,
			 (long long)late);
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
	struct vm_spec mapper_spec = group_mapper_spec(g, mapper_properties);
	const _Atomic int64_t *heap, *mapper_heap = start_counting(&mapper_spec, g);
	struct vm *mapper = group_start(g, &mapper_spec);
	struct vm *other = group_start_client(g, 2, "mapidx=1");
	struct vm *vm = start_empty(g, false, &heap);
	unsigned int fds = vm_count_fds(vm);
	unsigned int mapper_fds = 0;
	int64_t bytes[ROUNDS], mapper_bytes[ROUNDS];

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
		bytes[round] = heap_bytes(heap);
		mapper_bytes[round] = heap_bytes(mapper_heap);
		if (round == 0)
			mapper_fds = vm_count_fds(mapper);
	}
	assert_int_equal(vm_count_fds(mapper), mapper_fds);
	expect_no_growth(bytes);
	expect_no_growth(mapper_bytes);
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
	const _Atomic int64_t *heap;
	struct vm *vm = start_empty(g, true, &heap);
	unsigned int fds = vm_count_fds(vm);
	int64_t bytes[ROUNDS];

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
		bytes[round] = heap_bytes(heap);
	}
	expect_no_growth(bytes);
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
	const _Atomic int64_t *heap;
	struct vm *vm = start_empty(g, true, &heap);
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
	const _Atomic int64_t *heap;
	struct vm *vm = start_empty(g, false, &heap);
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
	const _Atomic int64_t *heap;
	struct vm *vm = start_empty(g, true, &heap);

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
