// SPDX-License-Identifier: MIT
/*
 * A full group: 64 VMs meet one mapper, twice. Most of them are fake clients of
 * this program, since 64 QEMUs are more than a small machine runs; three are real.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake-client.h"
#include "qtest.h"
#include "test.h"

#define CLIENTS		HGSHM_CLIENTS_MAX
#define ALL		UINT64_MAX

/* line, doorbell, and the eventfd that it rings */
#define FDS_A_CLIENT	3

/* Those of whom each rings each; the rest ring the mapper and are rung by it. */
static const unsigned int sample[] = { 1, 2, 5, 32, 33, 62, 63 };

#define SAMPLE		ARRAY_SIZE(sample)

/**
 * struct client - VM 1 to 63
 * @vm: a real one, or NULL
 * @fake: else this
 * @ring_mapper: rings the mapper
 * @believes: who is alive, by what the fake one was told
 * @out: rings VM sample[i]; -1 for none
 * @in: VM sample[i] rings it
 */
struct client {
	struct vm *vm;
	struct fake_client fake;
	int ring_mapper;
	uint64_t believes;
	int out[SAMPLE];
	int in[SAMPLE];
};

static bool is_real(unsigned int index)
{
	return index == 5 || index == 33 || index == 63;
}

static int place_in_sample(unsigned int index)
{
	for (unsigned int i = 0; i < SAMPLE; i++) {
		if (sample[i] == index)
			return i;
	}
	return -1;
}

static void keep_doorbells(struct client *c, unsigned int index,
			   struct hgshm_wire_message *m)
{
	int place = place_in_sample(index);

	if (place < 0)
		return;
	assert_int_equal(c->out[place], -1);
	c->out[place] = hgshm_wire_take_fd(m, 0);
	c->in[place] = hgshm_wire_take_fd(m, 1);
}

static void take_news(struct client *c, struct hgshm_wire_message *m)
{
	uint32_t index = le32toh(m->peer.index);

	switch (le16toh(m->header.type)) {
	case HGSHM_MSG_PEERS:
		c->believes = le64toh(m->peers.peers);
		break;
	case HGSHM_MSG_PEER_UP:
		assert_in_range(index, 1, CLIENTS - 1);
		c->believes |= bit(index);
		keep_doorbells(c, index, m);
		break;
	default:
		fail_msg("type %u on the line", le16toh(m->header.type));
	}
	hgshm_wire_reset(m);
}

/* Reads until it knows of all these. */
static void listen_until(struct client *c, uint64_t peers)
{
	struct hgshm_wire_message m;

	hgshm_wire_init(&m);
	while (c->believes != peers) {
		int error = hgshm_wire_receive_until(c->fake.line, &m, fake_deadline_ns());

		if (error)
			fail_msg("on the line: %s", hgshm_wire_fault(&m, error));
		take_news(c, &m);
	}
}

static void join(struct client *c, struct group *g, unsigned int index, uint64_t peers)
{
	struct hgshm_wire_message m;

	*c = (struct client) { .vm = NULL };
	memset(c->out, -1, sizeof(c->out));
	memset(c->in, -1, sizeof(c->in));
	if (is_real(index)) {
		c->vm = group_start_client(g, index, "mapidx=0");
		vm_enable_vectors(c->vm);
		return;
	}
	fake_client_open(&c->fake, g, index);
	fake_client_say_hello(&c->fake);
	fake_receive(c->fake.sock, &m, HGSHM_MSG_WELCOME);
	assert_int_equal(le32toh(m.welcome.clients), CLIENTS);
	c->ring_mapper = hgshm_wire_take_fd(&m, 0);
	hgshm_wire_reset(&m);
	listen_until(c, peers);
}

static void leave(struct client *c)
{
	if (c->vm) {
		vm_quit(c->vm);
		return;
	}
	fake_client_close(&c->fake);
	fake_close(&c->ring_mapper);
	for (unsigned int i = 0; i < SAMPLE; i++) {
		fake_close(&c->out[i]);
		fake_close(&c->in[i]);
	}
}

/* Each piece of news takes a round of QEMU's main loop. */
static void expect_soon_peers(struct vm *vm, uint64_t peers)
{
	for (unsigned int news = 0; news < CLIENTS && vm_peers(vm) != peers; news++)
		qtest_settle(&vm->qtest);
	assert_int_equal(vm_peers(vm), peers);
}

static void all_join(struct client *clients, struct group *g, struct vm *mapper,
		     bool last_first)
{
	uint64_t peers = bit(0);

	for (unsigned int i = 1; i < CLIENTS; i++) {
		unsigned int index = last_first ? CLIENTS - i : i;

		/* What is not read stays in the sockets, and they have room for little. */
		for (unsigned int k = 1; k < CLIENTS; k++) {
			if (peers >> k & 1 && !clients[k].vm)
				listen_until(&clients[k], peers);
		}
		peers |= bit(index);
		join(&clients[index], g, index, peers);
	}
	for (unsigned int i = 1; i < CLIENTS; i++) {
		if (!clients[i].vm)
			listen_until(&clients[i], peers);
	}
	expect_soon_peers(mapper, ALL);
	for (unsigned int i = 1; i < CLIENTS; i++) {
		if (clients[i].vm)
			expect_soon_peers(clients[i].vm, ALL);
	}
}

static void all_leave(struct client *clients, struct vm *mapper)
{
	/* Real ones last: a fake one that goes is news to them, and no more. */
	for (unsigned int i = 1; i < CLIENTS; i++) {
		if (!clients[i].vm)
			leave(&clients[i]);
	}
	for (unsigned int i = 1; i < CLIENTS; i++) {
		if (clients[i].vm)
			leave(&clients[i]);
	}
	expect_soon_peers(mapper, bit(0));
}

static void expect_rung(int doorbell)
{
	eventfd_t count;

	assert_int_equal(eventfd_read(doorbell, &count), 0);
	assert_int_equal(count, 1);
}

static void expect_rings_with_mapper(struct client *c, unsigned int index, struct vm *mapper)
{
	if (c->vm)
		vm_ring(c->vm, 0);
	else
		assert_int_equal(eventfd_write(c->ring_mapper, 1), 0);
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(index)));
	vm_ring(mapper, index);
	if (c->vm)
		assert_true(msix_take(&c->vm->msix, HGSHM_VECTOR_DOORBELL(0)));
	else
		expect_rung(c->fake.doorbell);
}

static void expect_ring(struct client *clients, unsigned int from, unsigned int to)
{
	struct client *sender = &clients[sample[from]], *receiver = &clients[sample[to]];

	if (sender->vm)
		vm_ring(sender->vm, sample[to]);
	else
		assert_int_equal(eventfd_write(sender->out[to], 1), 0);
	if (receiver->vm)
		assert_true(msix_take(&receiver->vm->msix, HGSHM_VECTOR_DOORBELL(sample[from])));
	else
		expect_rung(receiver->in[from]);
}

static void expect_all_rings(struct client *clients, struct vm *mapper)
{
	for (unsigned int i = 1; i < CLIENTS; i++)
		expect_rings_with_mapper(&clients[i], i, mapper);
	for (unsigned int from = 0; from < SAMPLE; from++) {
		for (unsigned int to = 0; to < SAMPLE; to++) {
			if (from != to)
				expect_ring(clients, from, to);
		}
	}
	for (unsigned int i = 0; i < SAMPLE; i++) {
		if (clients[sample[i]].vm)
			assert_int_equal(msix_take_any(&clients[sample[i]].vm->msix) & ~bit(0), 0);
	}
	assert_int_equal(msix_take_any(&mapper->msix) & ~bit(0), 0);
}

static void test_full_group(void **state)
{
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=512k,clients=64");
	struct client *clients = calloc(CLIENTS, sizeof(*clients));
	unsigned int fds = vm_count_fds(mapper);

	assert_non_null(clients);
	vm_enable_vectors(mapper);
	for (int round = 0; round < 2; round++) {
		all_join(clients, g, mapper, round == 1);
		assert_int_equal(vm_count_fds(mapper), fds + FDS_A_CLIENT * (CLIENTS - 1));
		expect_all_rings(clients, mapper);
		all_leave(clients, mapper);
		/* Each vector keeps its eventfd. */
		assert_int_equal(vm_count_fds(mapper), fds + CLIENTS - 1);
	}
	free(clients);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_full_group),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
