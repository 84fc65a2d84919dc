// SPDX-License-Identifier: MIT
/* What the host's administrator sees and is told: facts, traces, no migration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "test.h"

#define DEVICE	"/machine/peripheral/shm"

/* Devices with an id, so that the path is known. */
static struct vm *start(struct group *g, unsigned int index, const char *properties)
{
	char all[128];

	snprintf(all, sizeof(all), "id=shm%s%s", *properties ? "," : "", properties);
	return index ? group_start_client(g, index, all) : group_start_mapper(g, all);
}

static unsigned long long fact(struct vm *vm, const char *name)
{
	const char *answer = qmp_run(&vm->qmp, "{\"execute\": \"qom-get\", \"arguments\": "
				     "{\"path\": \"" DEVICE "\", \"property\": \"%s\"}}", name);
	unsigned long long value;

	if (sscanf(answer, "{\"return\": %llu}", &value) != 1)
		fail_msg("%s is no number: %s", name, answer);
	return value;
}

static void test_facts(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start(g, 0, "size=12k,clients=3");
	struct vm *two = start(g, 2, "");

	vm_enable_vectors(mapper);
	vm_enable_vectors(two);
	assert_int_equal(vm_peers(mapper), 5);
	assert_int_equal(fact(mapper, "peers"), 5);
	assert_int_equal(fact(two, "peers"), 5);
	assert_int_equal(fact(mapper, "epoch"), vm_reg32(mapper, HGSHM_REG_EPOCH));
	assert_int_equal(fact(two, "slice-size"), 4096);
	assert_int_equal(fact(two, "size"), 12288);
	assert_int_equal(fact(two, "clients"), 3);
	assert_int_equal(fact(two, "status"), 0);
	assert_int_equal(fact(two, "irq-enable"), 1);

	assert_int_equal(fact(two, "doorbells-out"), 0);
	for (int i = 0; i < 3; i++) {
		vm_ring(two, 0);
		assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(2)));
	}
	assert_int_equal(fact(two, "doorbells-out"), 3);
	assert_int_equal(fact(mapper, "doorbells-in"), 3);
	vm_quit(two);
	assert_int_equal(vm_peers(mapper), 1);
	assert_int_equal(fact(mapper, "peers"), 1);
}

static void test_facts_are_read_only(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start(g, 0, "size=12k,clients=3");
	static const char *const names[] = { "peers", "epoch", "status", "slice-size", "size",
					     "clients", "index" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *answer = qmp_try(&mapper->qmp, "{\"execute\": \"qom-set\", "
					     "\"arguments\": {\"path\": \"" DEVICE "\", "
					     "\"property\": \"%s\", \"value\": 1}}", names[i]);

		assert_non_null(strstr(answer, "{\"error\""));
	}
	assert_int_equal(fact(mapper, "size"), 12288);
}

static void test_no_migration(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start(g, 0, "size=12k,clients=3");
	char expected[512];
	const char *answer;

	answer = qmp_try(&mapper->qmp, "{\"execute\": \"migrate\", \"arguments\": "
			 "{\"uri\": \"exec:cat > %s/state\"}}", g->folder);
	snprintf(expected, sizeof(expected), "hgshm: device 'shm' shares memory shmid=%s with VMs "
		 "of this host, which can't move with it; unplug it (device_del), migrate, and "
		 "plug it in again", g->shmid);
	if (!strstr(answer, expected))
		fail_msg("migrate: %s", answer);
}

static void test_trace_events(void **state)
{
	static const char *const names[] = {
		"hgshm_realize", "hgshm_peers", "hgshm_doorbell_out", "hgshm_doorbell_in",
		"hgshm_admit", "hgshm_refuse", "hgshm_mapper_lost", "hgshm_rejoined",
	};
	struct group *g = *state;
	struct vm *mapper = start(g, 0, "size=12k,clients=3");
	struct vm *one;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		qmp_run(&mapper->qmp, "{\"execute\": \"trace-event-get-state\", \"arguments\": "
			"{\"name\": \"%s\"}}", names[i]);
	qmp_run(&mapper->qmp, "{\"execute\": \"trace-event-set-state\", \"arguments\": "
		"{\"name\": \"hgshm_admit\", \"enable\": true}}");
	one = start(g, 1, "mapidx=0");
	assert_int_equal(vm_peers(mapper), 3);
	text = process_take_output(&mapper->process);
	if (!strstr(text, "hgshm_admit client 1 mapidx 0"))
		fail_msg("no trace of a client's admission: '%s'", text);
	free(text);
	vm_quit(one);
}

static void test_info_pci(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start(g, 0, "size=12k,clients=3");
	const char *answer = qmp_run(&mapper->qmp, "{\"execute\": \"human-monitor-command\", "
				     "\"arguments\": {\"command-line\": \"info pci\"}}");

	assert_non_null(strstr(answer, "PCI device babe:07b9"));
	assert_non_null(strstr(answer, "id \\\"shm\\\""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_facts),
		group_test(test_facts_are_read_only),
		group_test(test_no_migration),
		group_test(test_trace_events),
		group_test(test_info_pci),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
