// SPDX-License-Identifier: MIT
/*
 * What a client costs: how long its device takes to be made in a group of 2, 8 and
 * 64 VMs, and what it adds to the mapper
 *
 * The client that is measured is a real QEMU that gets its device by device_add;
 * the others that are there already are this program's, which speaks the
 * protocol as a QEMU does: 63 more QEMUs would measure the machine's memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake-client.h"
#include "group.h"
#include "qtest.h"
#include "test.h"

#define ROUNDS		11
#define OTHERS_MAX	62

/* ACPI PCI hot-plug of the pc machine: writing a slot's bit ejects it. */
#define ACPI_EJECT_PORT	0xae08

static struct fake_client others[OTHERS_MAX];
static int ring_fds[OTHERS_MAX];

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of its own: file pages come and go as the host likes. */
static unsigned long resident_kib(const struct vm *vm)
{
	return process_status_value(&vm->process, "RssAnon");
}

/* One device, made and taken away again; only the making is timed. */
static double device_add_ms(struct vm *client, struct group *g, unsigned int index)
{
	int64_t begin_ns;
	double ms;

	qmp_run(&client->qmp, "{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"c\", "
		"\"backend\": {\"type\": \"socket\", \"data\": {\"server\": false, \"addr\": "
		"{\"type\": \"unix\", \"data\": {\"path\": \"%s\"}}}}}}", g->socket);
	begin_ns = hgshm_wire_now_ns();
	qmp_run(&client->qmp, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": "
		"\"hgshm\", \"id\": \"d\", \"index\": %u, \"mapidx\": 0, \"shmid\": \"%s\", "
		"\"chardev\": \"c\"}}", index, g->shmid);
	ms = (hgshm_wire_now_ns() - begin_ns) / 1e6;

	vm_find_device(client);
	qmp_run(&client->qmp, "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}");
	qtest_outl(&client->qtest, ACPI_EJECT_PORT, 1u << client->pci.slot);
	qmp_wait_event(&client->qmp, "DEVICE_DELETED");
	qmp_run(&client->qmp, "{\"execute\": \"chardev-remove\", \"arguments\": "
		"{\"id\": \"c\"}}");
	return ms;
}

static double median_join_ms(struct vm *client, struct group *g, unsigned int index)
{
	double ms[ROUNDS];

	for (int round = 0; round < ROUNDS; round++)
		ms[round] = device_add_ms(client, g, index);
	qsort(ms, ROUNDS, sizeof(double), compare);
	return ms[ROUNDS / 2];
}

/* A pc, since the root bus of q35 takes no hot-plug. */
static struct vm *start_empty(struct group *g)
{
	struct vm_spec spec = { .machine = "pc" };
	struct vm *vm = group_spawn(g, &spec);

	vm_connect(vm);
	return vm;
}

static void bench(void **state)
{
	static const unsigned int sizes[] = { 2, 8, 64 };
	struct group *g = *state;
	struct vm *mapper = group_start_mapper(g, "size=64m,clients=64");
	struct vm *client = start_empty(g);
	unsigned int there = 0, counted_from = 0, fds = 0;
	unsigned long kib = 0;
	double first = 0;

	printf("\nTo make a client's device, median of %d\n", ROUNDS);
	printf("%-28s %10s %16s\n", "", "ms", "ratio to first");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* The mapper and the one that is measured are of the group, too. */
		unsigned int wanted = sizes[i] > 2 ? sizes[i] - 2 : 0;
		double ms;

		for (; there < wanted; there++) {
			fake_client_open(&others[there], g, there + 1);
			fake_client_say_hello(&others[there]);
			fake_client_join(&others[there], &ring_fds[there]);
		}
		ms = median_join_ms(client, g, 63);
		first = i ? first : ms;
		/* From the second size on: what QEMU frees after its start is gone then. */
		if (i == 1) {
			counted_from = there;
			fds = vm_count_fds(mapper);
			kib = resident_kib(mapper);
		}
		printf("in a group of %2u             %10.2f %16.2f\n", sizes[i], ms, ms / first);
	}
	printf("\nWhat a client adds to the mapper, of %u\n", there - counted_from);
	printf("%-28s %10.1f\n", "file descriptors",
	       (double)(vm_count_fds(mapper) - fds) / (there - counted_from));
	printf("%-28s %10.1f\n\n", "resident memory, KiB, anon",
	       (double)(long)(resident_kib(mapper) - kib) / (there - counted_from));
	fflush(stdout);
	for (unsigned int i = 0; i < there; i++) {
		fake_close(&ring_fds[i]);
		fake_client_close(&others[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { group_test(bench) };

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
