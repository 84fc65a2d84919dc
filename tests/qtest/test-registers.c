// SPDX-License-Identifier: MIT
/* Every register: its value after the start and a reset, and its access rules. */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "group.h"
#include "qtest.h"
#include "test.h"

#define PAGE	4096ull
#define MIB	(1024ull * 1024)
#define GIB	(1024 * MIB)

struct registers {
	uint32_t features;
	uint32_t index;
	uint32_t clients;
	uint32_t mapidx;
	uint64_t size;
	uint64_t slice_size;
	uint64_t peers;
	uint32_t epoch;
	uint32_t irq_enable;
};

static void expect_registers(struct vm *vm, const struct registers *r)
{
	qtest_settle(&vm->qtest);
	assert_int_equal(vm_reg32(vm, 0x00), 0x4d534748);
	assert_int_equal(vm_reg32(vm, 0x04), 2);
	assert_int_equal(vm_reg32(vm, 0x08), r->features);
	assert_int_equal(vm_reg32(vm, 0x0c), r->index);
	assert_int_equal(vm_reg32(vm, 0x10), r->clients);
	assert_int_equal(vm_reg32(vm, 0x14), r->mapidx);
	assert_int_equal(vm_reg64(vm, 0x18), r->size);
	assert_int_equal(vm_reg64(vm, 0x20), r->slice_size);
	assert_int_equal(vm_reg64(vm, 0x28), r->peers);
	assert_int_equal(vm_reg32(vm, 0x30), r->epoch);
	assert_int_equal(vm_reg32(vm, 0x34), r->irq_enable);
}

static void test_mapper(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12m,clients=3");
	const struct registers expected = {
		.features = 9,
		.clients = 3,
		.mapidx = HGSHM_INDEX_NONE,
		.size = 12 * MIB,
		.slice_size = 4 * MIB,
		.peers = bit(0),
	};

	expect_registers(mapper, &expected);
}

static void test_clients(void **state)
{
	struct group *g = *state;
	struct registers expected = {
		.clients = 5,
		.size = 20 * MIB,
		.slice_size = 4 * MIB,
		.epoch = 1,
	};

	group_start_mapper(g, "size=20m,clients=5");

	expected.features = 11;
	expected.index = 1;
	expected.mapidx = 0;
	expected.peers = bit(0) | bit(1);
	expect_registers(group_start_client(g, 1, "mapidx=0"), &expected);

	/* A newcomer finds out about the others one by one: a step for each. */
	expected.index = 4;
	expected.mapidx = 1;
	expected.peers |= bit(4);
	expected.epoch = 2;
	expect_registers(group_start_client(g, 4, "mapidx=1"), &expected);

	expected.features = 9;
	expected.index = 2;
	expected.mapidx = HGSHM_INDEX_NONE;
	expected.peers |= bit(2);
	expected.epoch = 3;
	expect_registers(group_start_client(g, 2, ""), &expected);

	expected.index = 3;
	expected.peers |= bit(3);
	expected.epoch = 4;
	expect_registers(group_start_client(g, 3, "mapidx=3"), &expected);
}

static void test_without_guestmmap(void **state)
{
	struct group *g = *state;
	struct registers expected = {
		.features = 8,
		.clients = 2,
		.mapidx = HGSHM_INDEX_NONE,
		.size = 2 * MIB,
		.slice_size = MIB,
		.peers = bit(0),
	};

	expect_registers(group_start_mapper(g, "size=2m,clients=2,guestmmap=0"),
			 &expected);
	expected.index = 1;
	expected.peers |= bit(1);
	expected.epoch = 1;
	expect_registers(group_start_client(g, 1, "mapidx=0,guestmmap=0"),
			 &expected);
}

static void test_guestmmap_is_each_vms_own(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	mapper = group_start_mapper(g, "size=2m,clients=2,guestmmap=0");
	client = group_start_client(g, 1, "mapidx=0,guestmmap=1");
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_FEATURES), HGSHM_FEATURE_SHMID);
	assert_int_equal(vm_reg32(client, HGSHM_REG_FEATURES),
			 HGSHM_FEATURE_GUEST_MMAP | HGSHM_FEATURE_PEER_SLICE |
			 HGSHM_FEATURE_SHMID);
}

static void expect_sizes(struct group *g, const char *properties,
			 uint32_t clients, uint64_t size, uint64_t slice_size)
{
	struct vm *mapper = group_start_mapper(g, properties);

	assert_int_equal(vm_reg32(mapper, HGSHM_REG_CLIENTS), clients);
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SIZE), size);
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SLICE_SIZE), slice_size);
	vm_quit(mapper);
}

static void test_sizes(void **state)
{
	struct group *g = *state;

	expect_sizes(g, "", 2, 64 * MIB, 32 * MIB);
	expect_sizes(g, "size=4096,clients=1", 1, PAGE, PAGE);
	expect_sizes(g, "size=256k,clients=64", 64, 64 * PAGE, PAGE);
	expect_sizes(g, "size=1m,clients=3", 3, MIB, 85 * PAGE);
	expect_sizes(g, "size=10m,clients=5", 5, 10 * MIB, 2 * MIB);
	/* not a whole number of pages: rounded up, then cut */
	expect_sizes(g, "size=40000,clients=3", 3, 10 * PAGE, 3 * PAGE);
	/* slices over the 128 MiB where an earlier device went wrong */
	expect_sizes(g, "size=300m,clients=2", 2, 300 * MIB, 150 * MIB);
}

static bool has_room(const char *path, uint64_t bytes)
{
	uint64_t ram_bytes = (uint64_t)sysconf(_SC_AVPHYS_PAGES) *
			     sysconf(_SC_PAGESIZE);
	struct statvfs vfs;

	return !statvfs(path, &vfs) &&
	       (uint64_t)vfs.f_bavail * vfs.f_frsize >= bytes &&
	       ram_bytes >= bytes;
}

static void test_size_over_4_gib(void **state)
{
	struct group *g = *state;
	struct vm *mapper, *client;

	if (!has_room("/dev/shm", 6 * GIB)) {
		print_message("skipped: less than 6 GiB free in /dev/shm or RAM\n");
		skip();
	}
	mapper = group_start_mapper(g, "size=5g,clients=1,guestmmap=1");
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SIZE), 5 * GIB);
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SLICE_SIZE), 5 * GIB);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_SIZE), GIB);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_SIZE + 4), 1);
	vm_store(mapper, HGSHM_BAR_MEMORY, 5 * GIB - 1, 0x5a);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 5 * GIB - 1), 0x5a);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, GIB - 1), 0);
	vm_quit(mapper);

	mapper = group_start_mapper(g, "size=5g,clients=2");
	client = group_start_client(g, 1, "");
	assert_int_equal(vm_reg64(client, HGSHM_REG_SIZE), 5 * GIB);
	assert_int_equal(vm_reg64(client, HGSHM_REG_SLICE_SIZE), 5 * GIB / 2);
	vm_store(client, HGSHM_BAR_MEMORY, 5 * GIB / 2 - 1, 0x3c);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 5 * GIB - 1), 0x3c);
}

static void test_most_clients(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=256k,clients=64");
	struct vm *last = group_start_client(g, 63, "mapidx=62");
	uint64_t both = bit(0) | bit(63);

	assert_int_equal(vm_peers(mapper), both);
	assert_int_equal(vm_peers(last), both);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_PEERS), bit(0));
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_PEERS + 4), bit(31));
	assert_int_equal(vm_reg32(last, HGSHM_REG_INDEX), 63);
	assert_int_equal(vm_reg32(last, HGSHM_REG_MAPIDX), 62);
}

static void test_64_bit_registers_as_halves(void **state)
{
	static const unsigned int offsets[] = {
		HGSHM_REG_SIZE, HGSHM_REG_SLICE_SIZE, HGSHM_REG_PEERS,
	};
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");

	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint64_t high = vm_reg32(mapper, offsets[i] + 4);
		uint64_t low = vm_reg32(mapper, offsets[i]);

		assert_int_not_equal(low, 0);
		assert_int_equal(high << 32 | low,
				 vm_reg64(mapper, offsets[i]));
	}
}

static uint64_t load(struct vm *vm, unsigned int offset, unsigned int bytes)
{
	return qtest_read(&vm->qtest, vm->pci.bar[HGSHM_BAR_REGS].address +
			  offset, bytes);
}

static void store(struct vm *vm, unsigned int offset, unsigned int bytes,
		  uint64_t value)
{
	qtest_write(&vm->qtest, vm->pci.bar[HGSHM_BAR_REGS].address + offset,
		    bytes, value);
}

static void test_narrow_loads_give_0(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");

	vm_set_reg32(mapper, HGSHM_REG_IRQ_ENABLE, 1);
	for (unsigned int offset = 0; offset < HGSHM_REG_END + 8; offset++) {
		assert_int_equal(load(mapper, offset, 1), 0);
		if (offset % 2 == 0)
			assert_int_equal(load(mapper, offset, 2), 0);
	}
}

static void test_wide_loads_of_32_bit_registers_give_0(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");

	vm_set_reg32(mapper, HGSHM_REG_IRQ_ENABLE, 1);
	assert_int_equal(load(mapper, HGSHM_REG_MAGIC, 8), 0);
	assert_int_equal(load(mapper, HGSHM_REG_FEATURES, 8), 0);
	assert_int_equal(load(mapper, HGSHM_REG_CLIENTS, 8), 0);
	assert_int_equal(load(mapper, HGSHM_REG_EPOCH, 8), 0);
	assert_int_equal(load(mapper, HGSHM_REG_END, 8), 0);
}

static void test_shmid_is_the_group_s_name(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");
	char name[96] = "";

	assert_int_equal(HGSHM_REG_SHMID, 0x40);
	assert_int_equal(HGSHM_SHMID_BYTES, sizeof(name));
	for (unsigned int i = 0; i < sizeof(name); i += 4) {
		uint32_t word = htole32(vm_reg32(mapper, 0x40 + i));

		memcpy(name + i, &word, 4);
	}
	assert_int_equal(name[sizeof(name) - 1], 0);
	assert_string_equal(name, g->shmid);
}

static void test_unlisted_offsets_give_0(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");

	for (unsigned int offset = HGSHM_REG_END;
	     offset < HGSHM_BAR_REGS_BYTES; offset += 4) {
		assert_int_equal(load(mapper, offset, 4), 0);
		if (offset < HGSHM_DOORBELL_PAGE)
			store(mapper, offset, 4, UINT32_MAX);
	}
	assert_int_equal(load(mapper, HGSHM_DOORBELL_PAGE, 8), 0);
	assert_int_equal(load(mapper, HGSHM_DOORBELL_PAGE, 1), 0);
	for (unsigned int offset = HGSHM_REG_END;
	     offset < HGSHM_DOORBELL_PAGE; offset += 4)
		assert_int_equal(load(mapper, offset, 4), 0);
}

static void test_read_only_registers_stay(void **state)
{
	struct group *g = *state;
	struct registers expected = {
		.features = 11,
		.index = 1,
		.clients = 3,
		.mapidx = 0,
		.size = 3 * MIB,
		.slice_size = MIB,
		.peers = bit(0) | bit(1),
		.epoch = 1,
	};
	struct vm *client;

	group_start_mapper(g, "size=3m,clients=3");
	client = group_start_client(g, 1, "mapidx=0");
	for (unsigned int offset = 0; offset < HGSHM_REG_IRQ_ENABLE; offset++) {
		store(client, offset, 1, 0xff);
		if (offset % 2 == 0)
			store(client, offset, 2, 0xffff);
		if (offset % 4 == 0)
			store(client, offset, 4, UINT32_MAX);
		/* the last of these reaches into IRQ_ENABLE, which is 32 bits */
		if (offset % 8 == 0)
			store(client, offset, 8, UINT64_MAX);
	}
	expect_registers(client, &expected);
}

static void test_irq_enable_has_one_bit(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=3m,clients=3");

	store(mapper, HGSHM_REG_IRQ_ENABLE, 1, 1);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_IRQ_ENABLE), 0);
	store(mapper, HGSHM_REG_IRQ_ENABLE, 2, 1);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_IRQ_ENABLE), 0);
	vm_set_reg32(mapper, HGSHM_REG_IRQ_ENABLE, UINT32_MAX);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_IRQ_ENABLE), 1);
	store(mapper, HGSHM_REG_IRQ_ENABLE, 1, 0);
	store(mapper, HGSHM_REG_IRQ_ENABLE, 2, 0);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_IRQ_ENABLE), 1);
	vm_set_reg32(mapper, HGSHM_REG_IRQ_ENABLE, UINT32_MAX - 1);
	assert_int_equal(vm_reg32(mapper, HGSHM_REG_IRQ_ENABLE), 0);
}

static void reset(struct vm *vm)
{
	qmp_run(&vm->qmp, "{\"execute\": \"system_reset\"}");
	qmp_wait_event(&vm->qmp, "RESET");
	vm_find_device(vm);
}

static void test_reset(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12m,clients=3");
	struct vm *client = group_start_client(g, 2, "mapidx=0");
	struct registers of_mapper = {
		.features = 9,
		.clients = 3,
		.mapidx = HGSHM_INDEX_NONE,
		.size = 12 * MIB,
		.slice_size = 4 * MIB,
		.peers = bit(0) | bit(2),
		.epoch = 1,
		.irq_enable = 1,
	};
	struct registers of_client = {
		.features = 11,
		.index = 2,
		.clients = 3,
		.mapidx = 0,
		.size = 12 * MIB,
		.slice_size = 4 * MIB,
		.peers = bit(0) | bit(2),
		.epoch = 1,
		.irq_enable = 1,
	};

	vm_set_reg32(mapper, HGSHM_REG_IRQ_ENABLE, 1);
	vm_set_reg32(client, HGSHM_REG_IRQ_ENABLE, 1);
	expect_registers(mapper, &of_mapper);
	expect_registers(client, &of_client);

	reset(mapper);
	of_mapper.irq_enable = 0;
	expect_registers(mapper, &of_mapper);
	/* one's reset is nothing to the other */
	expect_registers(client, &of_client);

	reset(client);
	of_client.irq_enable = 0;
	expect_registers(client, &of_client);
	expect_registers(mapper, &of_mapper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_mapper),
		group_test(test_clients),
		group_test(test_without_guestmmap),
		group_test(test_guestmmap_is_each_vms_own),
		group_test(test_sizes),
		group_test(test_size_over_4_gib),
		group_test(test_most_clients),
		group_test(test_64_bit_registers_as_halves),
		group_test(test_narrow_loads_give_0),
		group_test(test_wide_loads_of_32_bit_registers_give_0),
		group_test(test_shmid_is_the_group_s_name),
		group_test(test_unlisted_offsets_give_0),
		group_test(test_read_only_registers_stay),
		group_test(test_irq_enable_has_one_bit),
		group_test(test_reset),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
