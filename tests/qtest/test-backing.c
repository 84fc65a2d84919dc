// SPDX-License-Identifier: MIT
/* What can stand behind the memory, and who is given which part of it. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-client.h"
#include "group.h"
#include "qtest.h"
#include "test.h"

static void expect_shared(struct vm *mapper, struct vm *client, unsigned int index)
{
	uint64_t slice_bytes = vm_reg64(mapper, HGSHM_REG_SLICE_SIZE);

	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t offset = (slice_bytes - 1) * i / 2;

		vm_store(mapper, HGSHM_BAR_MEMORY, index * slice_bytes + offset, 0x10 + i);
		assert_int_equal(vm_load(client, HGSHM_BAR_MEMORY, offset), 0x10 + i);
		vm_store(client, HGSHM_BAR_PEER, offset, 0x20 + i);
		assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, offset), 0x20 + i);
	}
}

static void test_memfd_shares(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=10m,clients=3,backing=memfd");
	struct vm *two = group_start_client(g, 2, "mapidx=0");

	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SIZE),
			 3 * vm_reg64(mapper, HGSHM_REG_SLICE_SIZE));
	assert_false(group_object_exists(g));
	expect_shared(mapper, two, 2);
	expect_shared(mapper, group_start_client(g, 1, "mapidx=0"), 1);
}

static void test_memfd_grants_slice_0_only(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12k,clients=3,backing=memfd");
	struct vm_spec client = group_client_spec(g, 1, "mapidx=2");

	group_expect_refusal(g, &client, "hgshm: the mapper at chardev socket %s refused this VM: "
			     "mapidx=2 is not granted; the mapper shares slice 0 only, unless it "
			     "has mapidx-any=on", g->socket);
	vm_wait_output(mapper, "qemu-system-x86_64: warning: hgshm: refused a client: mapidx=2 is "
		       "not granted; the mapper shares slice 0 only, unless it has "
		       "mapidx-any=on\n");
}

/* No file system bounds it, and nobody may be killed for it. */
static void test_memfd_beyond_memory(void **state)
{
	struct group *g = *state;
	struct vm_spec mapper = group_mapper_spec(g, "size=1t,clients=4,backing=memfd");

	group_expect_refusal_like(g, &mapper, "hgshm: size=1099511627776 (1 TiB) does not fit "
				  "this machine's memory, of which * is available; free some or "
				  "give a smaller size");
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static uint8_t first_byte(int fd)
{
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	return byte;
}

/*
 * In the place of a client's QEMU: what it gets is its own slice and slice 0, sealed,
 * and nothing that leads to another.
 */
static void test_memfd_hands_out_no_other_slice(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4,backing=memfd");
	struct hgshm_wire_message welcome;
	struct fake_client f;

	for (unsigned int i = 0; i < 4; i++)
		vm_store(mapper, HGSHM_BAR_MEMORY, 4096 * i, 0xa0 + i);
	fake_client_open(&f, g, 1);
	f.hello.mapidx = htole32(0);
	fake_client_say_hello(&f);
	fake_receive(f.sock, &welcome, HGSHM_MSG_WELCOME);
	assert_int_equal(le32toh(welcome.welcome.memory), HGSHM_MEMORY_SLICES);
	assert_int_equal(welcome.fd_count, 3);
	assert_int_equal(first_byte(welcome.fds[1]), 0xa1);
	assert_int_equal(first_byte(welcome.fds[2]), 0xa0);
	assert_true(inode(welcome.fds[1]) != inode(welcome.fds[2]));
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(lseek(welcome.fds[i], 0, SEEK_END), 4096);
		assert_int_equal(ftruncate(welcome.fds[i], 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(ftruncate(welcome.fds[i], 8192), -1);
		assert_int_equal(errno, EPERM);
	}
	hgshm_wire_reset(&welcome);
	fake_client_close(&f);
}

/* The same without a mapidx: its own slice alone. */
static void test_memfd_hands_out_own_slice(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4,backing=memfd");
	struct hgshm_wire_message welcome;
	struct fake_client f;

	vm_store(mapper, HGSHM_BAR_MEMORY, 4096 * 3, 0xb3);
	fake_client_open(&f, g, 3);
	fake_client_say_hello(&f);
	fake_receive(f.sock, &welcome, HGSHM_MSG_WELCOME);
	assert_int_equal(welcome.fd_count, 2);
	assert_int_equal(first_byte(welcome.fds[1]), 0xb3);
	hgshm_wire_reset(&welcome);
	fake_client_close(&f);
}

static void test_memfd_grants_any_if_told(void **state)
{
	struct group *g = *state;
	struct vm *one, *two;

	group_start_mapper(g, "size=12k,clients=3,backing=memfd,mapidx-any=on");
	one = group_start_client(g, 1, "mapidx=2");
	two = group_start_client(g, 2, "");
	vm_store(one, HGSHM_BAR_PEER, 5, 0x55);
	assert_int_equal(vm_load(two, HGSHM_BAR_MEMORY, 5), 0x55);
}

static void test_memdev_shares(void **state)
{
	static const char *const options[] = {
		"-object", "memory-backend-memfd,id=m,size=6m,share=on", NULL
	};
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "clients=3,memdev=m");
	struct vm *mapper;

	spec.options = options;
	mapper = group_start(g, &spec);
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SIZE), 6 * 1024 * 1024);
	assert_false(group_object_exists(g));
	expect_shared(mapper, group_start_client(g, 2, "mapidx=0"), 2);
}

static unsigned int free_huge_pages(void)
{
	unsigned int count = 0;
	char line[256];
	FILE *meminfo = fopen("/proc/meminfo", "r");

	assert_non_null(meminfo);
	while (fgets(line, sizeof(line), meminfo)) {
		if (sscanf(line, "HugePages_Free: %u", &count) == 1)
			break;
	}
	fclose(meminfo);
	return count;
}

/* Needs six of them: echo 6 > /proc/sys/vm/nr_hugepages */
static void test_huge_pages(void **state)
{
	static const char *const options[] = {
		"-object", "memory-backend-memfd,id=m,size=12m,share=on,hugetlb=on,hugetlbsize=2M",
		NULL
	};
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "clients=4,memdev=m");
	struct vm *mapper;

	if (free_huge_pages() < 6)
		skip();
	spec.options = options;
	mapper = group_start(g, &spec);
	/* 12 MiB in four, rounded down to whole huge pages */
	assert_int_equal(vm_reg64(mapper, HGSHM_REG_SLICE_SIZE), 2 << 20);
	expect_shared(mapper, group_start_client(g, 3, "mapidx=0"), 3);
}

static void expect_memdev_refusal(struct group *g, const char *object, const char *properties,
				  const char *message)
{
	const char *const options[] = { "-object", object, NULL };
	struct vm_spec spec = group_mapper_spec(g, properties);

	spec.options = options;
	group_expect_refusal(g, &spec, "%s", message);
}

static void test_memdev_refusals(void **state)
{
	expect_memdev_refusal(*state, "memory-backend-ram,id=m,size=6m", "clients=3,memdev=m",
			      "hgshm: memdev=m can't be shared; give a memory-backend-memfd or "
			      "memory-backend-file with share=on");
	expect_memdev_refusal(*state, "memory-backend-memfd,id=m,size=6m,share=off",
			      "clients=3,memdev=m",
			      "hgshm: memdev=m can't be shared; give a memory-backend-memfd or "
			      "memory-backend-file with share=on");
	expect_memdev_refusal(*state, "memory-backend-memfd,id=m,size=6m",
			      "clients=3,memdev=m,size=7m",
			      "hgshm: size=7340032, but memdev has 6291456 bytes; leave size out");
	expect_memdev_refusal(*state, "memory-backend-memfd,id=m,size=6m",
			      "clients=3,memdev=m,backing=memfd",
			      "hgshm: backing=memfd and memdev exclude each other; leave one out");
}

static void test_backing_refusal(void **state)
{
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "backing=floppy");

	group_expect_refusal(g, &spec, "hgshm: backing=floppy is not valid; give shm or memfd");
}

/* Sparse, so that a small machine can hold it. */
static void test_over_4_gib(void **state)
{
	static const char *const options[] = {
		"-object", "memory-backend-memfd,id=m,size=12g,share=on,reserve=off", NULL
	};
	const uint64_t slice_bytes = 4ull << 30;
	struct group *g = *state;
	struct vm_spec spec = group_mapper_spec(g, "clients=3,memdev=m");
	struct vm *mapper, *two;

	spec.options = options;
	mapper = group_start(g, &spec);
	two = group_start_client(g, 2, "mapidx=0");
	assert_int_equal(vm_reg64(two, HGSHM_REG_SIZE), 3 * slice_bytes);
	assert_int_equal(vm_reg64(two, HGSHM_REG_SLICE_SIZE), slice_bytes);
	expect_shared(mapper, two, 2);
}

static void test_read_only_peer_slice(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12k,clients=3");
	struct vm *one = group_start_client(g, 1, "mapidx=0,mapidx-ro=on");

	assert_int_equal(vm_reg32(one, HGSHM_REG_FEATURES),
			 HGSHM_FEATURE_GUEST_MMAP | HGSHM_FEATURE_PEER_SLICE |
			 HGSHM_FEATURE_PEER_READONLY | HGSHM_FEATURE_SHMID);
	vm_store(mapper, HGSHM_BAR_MEMORY, 9, 0x99);
	vm_store(one, HGSHM_BAR_PEER, 9, 0x11);
	assert_int_equal(vm_load(one, HGSHM_BAR_PEER, 9), 0x99);
	assert_int_equal(vm_load(mapper, HGSHM_BAR_MEMORY, 9), 0x99);
}

static void test_no_mesh(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=12k,clients=3,mesh=off");
	struct vm *one = group_start_client(g, 1, "");
	struct vm *two = group_start_client(g, 2, "");

	vm_enable_vectors(mapper);
	vm_enable_vectors(one);
	vm_enable_vectors(two);
	msix_take_any(&mapper->msix);
	msix_take_any(&one->msix);
	msix_take_any(&two->msix);
	assert_int_equal(vm_peers(mapper), 7);
	assert_int_equal(vm_peers(one), 3);
	assert_int_equal(vm_peers(two), 5);
	vm_ring(one, 2);
	vm_ring(two, 1);
	assert_int_equal(msix_take_any(&one->msix), 0);
	assert_int_equal(msix_take_any(&two->msix), 0);
	vm_ring(one, 0);
	vm_ring(mapper, 2);
	assert_int_equal(msix_take_any(&mapper->msix), bit(HGSHM_VECTOR_DOORBELL(1)));
	assert_int_equal(msix_take_any(&two->msix), bit(HGSHM_VECTOR_DOORBELL(0)));
	vm_quit(one);
	assert_int_equal(vm_peers(two), 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_memfd_shares),
		group_test(test_memfd_beyond_memory),
		group_test(test_memfd_grants_slice_0_only),
		group_test(test_memfd_hands_out_no_other_slice),
		group_test(test_memfd_hands_out_own_slice),
		group_test(test_memfd_grants_any_if_told),
		group_test(test_memdev_shares),
		group_test(test_huge_pages),
		group_test(test_memdev_refusals),
		group_test(test_backing_refusal),
		group_test(test_over_4_gib),
		group_test(test_read_only_peer_slice),
		group_test(test_no_mesh),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
