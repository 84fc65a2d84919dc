// SPDX-License-Identifier: MIT
/* What a mapper says on the private line, good and bad, and what a client does. */
#include <endian.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake-mapper.h"
#include "test.h"

static void test_impossible_bits_in_peers(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start(&f, g);
	fake_mapper_let_in(&f, g);
	fake_mapper_send_peers(&f, UINT64_MAX << FAKE_CLIENTS);
	vm_connect(f.client);
	vm_find_device(f.client);
	assert_int_equal(vm_peers(f.client), bit(FAKE_INDEX));
	fake_mapper_send_peers(&f, UINT64_MAX);
	assert_int_equal(vm_peers(f.client), UINT64_MAX >> (64 - FAKE_CLIENTS));
	vm_quit(f.client);
	fake_mapper_finish(&f, g);
}

static void test_peers_come_and_go(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;
	eventfd_t count;
	int out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	fake_mapper_start_complete(&f, g);
	fake_mapper_send_peer_up(&f, 3, out, in);
	assert_int_equal(vm_peers(f.client), bit(0) | bit(FAKE_INDEX) | bit(3));
	vm_ring(f.client, 3);
	assert_int_equal(eventfd_read(out, &count), 0);
	assert_int_equal(eventfd_write(in, 1), 0);
	assert_true(msix_take(&f.client->msix, HGSHM_VECTOR_DOORBELL(3)));

	fake_mapper_send_peer_down(&f, 3);
	assert_int_equal(vm_peers(f.client), bit(0) | bit(FAKE_INDEX));
	vm_ring(f.client, 3);
	assert_int_equal(eventfd_read(out, &count), -1);
	/* down once more, up twice: facts, not steps */
	fake_mapper_send_peer_down(&f, 3);
	fake_mapper_send_peer_up(&f, 3, out, in);
	fake_mapper_send_peer_up(&f, 3, out, in);
	assert_int_equal(vm_peers(f.client), bit(0) | bit(FAKE_INDEX) | bit(3));
	vm_ring(f.client, 3);
	assert_int_equal(eventfd_read(out, &count), 0);
	assert_int_equal(count, 1);
	vm_quit(f.client);
	close(out);
	close(in);
	fake_mapper_finish(&f, g);
}

/* After the meeting a mapper that breaks the rules is as good as dead. */
static void expect_mapper_dropped(struct fake_mapper *f, struct group *g,
				  const char *why)
{
	fake_expect_closed(f->line);
	assert_int_equal(vm_peers(f->client), bit(FAKE_INDEX));
	vm_wait_output(f->client, "qemu-system-x86_64: warning: hgshm: the "
		       "mapper of shmid=%s is gone (%s); index=%d keeps the "
		       "memory and the other VMs\n", g->shmid, why, FAKE_INDEX);
	vm_store(f->client, HGSHM_BAR_MEMORY, 0, 0x44);
	assert_int_equal(vm_load(f->client, HGSHM_BAR_MEMORY, 0), 0x44);
	vm_quit(f->client);
	fake_mapper_finish(f, g);
	assert_int_equal(unlink(g->object), 0);
}

static void test_garbage_on_the_line(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;
	char garbage[32];

	memset(garbage, 0xff, sizeof(garbage));
	fake_mapper_start_complete(&f, g);
	fake_send(f.line, garbage, sizeof(garbage), NULL, 0);
	expect_mapper_dropped(&f, g, "it does not start with the magic number");
}

static void test_long_message_on_the_line(void **state)
{
	struct group *g = *state;
	struct fake_mapper f;
	char bytes[4096] = { 0 };

	fake_mapper_start_complete(&f, g);
	fake_send(f.line, bytes, sizeof(bytes), NULL, 0);
	expect_mapper_dropped(&f, g, "it is longer than any message");
}

static void test_wrong_message_on_the_line(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = fake_welcome();
	struct fake_mapper f;

	fake_mapper_start_complete(&f, g);
	fake_send(f.line, &w, sizeof(w), &f.own_doorbell, 1);
	expect_mapper_dropped(&f, g, "it sent what it should not");
}

static void test_impossible_peers_on_the_line(void **state)
{
	static const uint32_t impossible[] = { 0, FAKE_INDEX, FAKE_CLIENTS, UINT32_MAX };
	struct group *g = *state;
	struct fake_mapper f;

	for (unsigned int i = 0; i < ARRAY_SIZE(impossible); i++) {
		fake_mapper_start_complete(&f, g);
		fake_mapper_send_peer_down(&f, impossible[i]);
		expect_mapper_dropped(&f, g, "it sent what it should not");
	}
	fake_mapper_start_complete(&f, g);
	fake_mapper_send_peer_up(&f, 3, f.own_doorbell, f.line);
	expect_mapper_dropped(&f, g, "it sent what it should not");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_impossible_bits_in_peers),
		group_test(test_peers_come_and_go),
		group_test(test_garbage_on_the_line),
		group_test(test_long_message_on_the_line),
		group_test(test_wrong_message_on_the_line),
		group_test(test_impossible_peers_on_the_line),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
