// SPDX-License-Identifier: MIT
/*
 * As many VMs as a group can have. Most are this program, which speaks the protocol
 * as a QEMU does; two clients are real ones.
 */
#include <stdlib.h>
#include <unistd.h>

#include "fake-client.h"
#include "group.h"
#include "qtest.h"
#include "test.h"

#define FIRST_FAKE	3
#define FAKES		(HGSHM_CLIENTS_MAX - FIRST_FAKE)

static struct fake_client fakes[FAKES];
static int ring_fds[FAKES];

static void join_all(struct group *g)
{
	for (unsigned int i = 0; i < FAKES; i++) {
		unsigned int index = FIRST_FAKE + i;

		fake_client_open(&fakes[i], g, index);
		fake_client_say_hello(&fakes[i]);
		/* 0 to 2 were there, and all up to this one are now */
		assert_int_equal(fake_client_join(&fakes[i], &ring_fds[i]),
				 UINT64_MAX >> (HGSHM_CLIENTS_MAX - 1 - index));
	}
}

static void leave_all(void)
{
	for (unsigned int i = 0; i < FAKES; i++) {
		fake_close(&ring_fds[i]);
		fake_client_close(&fakes[i]);
	}
}

static void expect_rings_mapper(struct vm *mapper, unsigned int fake)
{
	const uint64_t one = 1;

	assert_int_equal(write(ring_fds[fake], &one, sizeof(one)), sizeof(one));
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(FIRST_FAKE + fake)));
}

static void expect_rung_by_mapper(struct vm *mapper, unsigned int fake)
{
	uint64_t count;

	vm_ring(mapper, FIRST_FAKE + fake);
	qtest_settle(&mapper->qtest);
	assert_int_equal(read(fakes[fake].doorbell, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
}

/* Each piece of news takes a round of QEMU's main loop. */
static void expect_soon_peers(struct vm *vm, uint64_t peers)
{
	for (int looks = 0; vm_peers(vm) != peers && looks < 1000; looks++)
		qtest_settle(&vm->qtest);
	assert_int_equal(vm_peers(vm), peers);
}

static void test_sixty_four(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=1m,clients=64");
	struct vm *one = group_start_client(g, 1, "mapidx=0");
	struct vm *two = group_start_client(g, 2, "mapidx=0");
	unsigned int fds;

	vm_enable_vectors(mapper);
	vm_enable_vectors(one);
	vm_enable_vectors(two);
	assert_int_equal(vm_peers(mapper), 7);
	fds = vm_count_fds(mapper);

	/* Twice, so that what the first time leaves behind shows in the second. */
	for (int round = 0; round < 2; round++) {
		join_all(g);
		expect_soon_peers(mapper, UINT64_MAX);
		expect_soon_peers(one, UINT64_MAX);
		for (unsigned int i = 0; i < FAKES; i++) {
			expect_rings_mapper(mapper, i);
			expect_rung_by_mapper(mapper, i);
		}
		vm_ring(one, 2);
		assert_true(msix_take(&two->msix, HGSHM_VECTOR_DOORBELL(1)));
		vm_ring(two, 1);
		assert_true(msix_take(&one->msix, HGSHM_VECTOR_DOORBELL(2)));
		leave_all();
		expect_soon_peers(mapper, 7);
		expect_soon_peers(two, 7);
		/* A vector keeps its last eventfd, for rings that wait in it. */
		assert_int_equal(vm_count_fds(mapper), fds + FAKES);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_sixty_four),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
