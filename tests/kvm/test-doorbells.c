// SPDX-License-Identifier: MIT
/*
 * Two bare-metal guests ring each other 10,000 times each, and one stores where
 * it may not
 *
 * usage: kvm-doorbells kvm|tcg
 *
 * Under KVM the kernel's counters must show that no doorbell left the kernel:
 * not on the way out (no exit of the vCPU to QEMU) and not on the way in (QEMU's
 * main loop did not wake up). Under TCG the same doorbells go through QEMU.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control.h"
#include "group.h"
#include "test.h"

#define ROUNDS		10000
#define POLL_STEP_MS	5
/* What may happen once beside the doorbells, against 10,000 of them. */
#define NOISE		(ROUNDS / 50)

static const char *accel;

struct counts {
	uint64_t mmio_exits;
	uint64_t io_exits;
	uint64_t injections;
	uint64_t main_loop_wakes;
};

/* The value beside a name, in either order within one JSON object. */
static uint64_t stat_value(const char *answer, const char *name)
{
	char pattern[64], object[512];
	const char *at, *begin, *end, *value;

	snprintf(pattern, sizeof(pattern), "\"name\": \"%s\"", name);
	at = strstr(answer, pattern);
	if (!at)
		fail_msg("query-stats has no %s: %s", name, answer);
	for (begin = at; *begin != '{'; begin--)
		;
	end = strchr(at, '}');
	assert_non_null(end);
	snprintf(object, sizeof(object), "%.*s", (int)(end - begin), begin);
	value = strstr(object, "\"value\": ");
	assert_non_null(value);
	return strtoull(value + strlen("\"value\": "), NULL, 10);
}

/* How often QEMU's main thread went to sleep and woke again. */
static uint64_t main_thread_wakes(struct vm *vm)
{
	return process_status_value(&vm->process, "voluntary_ctxt_switches");
}

static struct counts count(struct vm *vm)
{
	struct counts c = { 0 };
	const char *answer;

	if (strcmp(accel, "kvm") == 0) {
		answer = qmp_run(&vm->qmp, "{\"execute\": \"query-stats\", "
				 "\"arguments\": {\"target\": \"vcpu\"}}");
		c.mmio_exits = stat_value(answer, "mmio_exits");
		c.io_exits = stat_value(answer, "io_exits");
		c.injections = stat_value(answer, "irq_injections");
	}
	c.main_loop_wakes = main_thread_wakes(vm);
	return c;
}

static struct vm *start(struct group *g, struct vm_spec spec)
{
	struct vm *vm;

	spec.accel = accel;
	spec.guest = getenv("HGSHM_BARE_GUEST");
	assert_non_null(spec.guest);
	vm = group_spawn(g, &spec);
	vm_connect(vm);
	return vm;
}

/* At the start of the slice at @offset. */
static volatile struct control *map_control(struct group *g, uint64_t offset)
{
	int fd = open(g->object, O_RDWR);
	void *map;

	assert_true(fd >= 0);
	map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   offset);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

/* The guests tell by shared memory, which wakes nobody, so it is looked at in steps. */
static void wait_for(volatile uint32_t *word, uint32_t value)
{
	for (int waited_ms = 0; waited_ms < 2 * WAIT_MS; waited_ms += POLL_STEP_MS) {
		if (*word == value)
			return;
		poll(NULL, 0, POLL_STEP_MS);
	}
	assert_int_equal(*word, value);
}

static void expect_no_exits(const struct counts *before, const struct counts *after)
{
	assert_in_range(after->mmio_exits - before->mmio_exits, 0, NOISE);
	assert_in_range(after->io_exits - before->io_exits, 0, NOISE);
	assert_in_range(after->main_loop_wakes - before->main_loop_wakes, 0, NOISE);
	/* So that counters which never count don't pass. */
	assert_true(after->injections - before->injections >= ROUNDS);
	assert_true(before->mmio_exits > 0);
}

static void test_ten_thousand_each_way(void **state)
{
	struct group *g = *state;
	struct vm *vm[2];
	struct counts before[2], after[2];
	volatile struct control *control;

	vm[0] = start(g, group_mapper_spec(g, "size=4m,clients=2"));
	control = map_control(g, 0);
	control->rounds = ROUNDS;
	vm[1] = start(g, group_client_spec(g, 1, "mapidx=0"));
	for (int i = 0; i < 2; i++)
		wait_for(&control->ready[i], 1);

	for (int i = 0; i < 2; i++)
		before[i] = count(vm[i]);
	control->go = 1;
	for (int i = 0; i < 2; i++)
		wait_for(&control->interrupts[i], ROUNDS);
	for (int i = 0; i < 2; i++)
		after[i] = count(vm[i]);

	for (int i = 0; i < 2; i++) {
		print_message("VM %d: %d doorbells out, %d in; mmio exits +%llu, io exits +%llu, "
			      "interrupts injected +%llu, main loop woken +%llu\n", i, ROUNDS,
			      ROUNDS,
			      (unsigned long long)(after[i].mmio_exits - before[i].mmio_exits),
			      (unsigned long long)(after[i].io_exits - before[i].io_exits),
			      (unsigned long long)(after[i].injections - before[i].injections),
			      (unsigned long long)(after[i].main_loop_wakes -
						   before[i].main_loop_wakes));
		if (strcmp(accel, "kvm") == 0)
			expect_no_exits(&before[i], &after[i]);
		/* What QEMU says of the CPU that it can't have in full here. */
		free(process_take_output(&vm[i]->process));
	}
	munmap((void *)control, sizeof(*control));
	vm_quit(vm[1]);
	vm_quit(vm[0]);
}

/* What a guest stores to a read-only BAR 3 does not reach the memory. */
static void test_read_only_peer_slice(void **state)
{
	struct group *g = *state;
	volatile struct control *shared, *own;
	struct vm *vm[2];

	vm[0] = start(g, group_mapper_spec(g, "size=4m,clients=2"));
	shared = map_control(g, 0);
	own = map_control(g, 2 << 20);
	vm[1] = start(g, group_client_spec(g, 1, "mapidx=0,mapidx-ro=on"));
	wait_for(&own->set_up, 1);
	wait_for(&shared->ready[0], 1);
	assert_int_equal(shared->ready[1], 0);

	munmap((void *)shared, sizeof(*shared));
	munmap((void *)own, sizeof(*own));
	for (int i = 1; i >= 0; i--) {
		vm_quit(vm[i]);
		free(process_take_output(&vm[i]->process));
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		group_test(test_ten_thousand_each_way),
		group_test(test_read_only_peer_slice),
	};

	group_needs_plugin();
	if (argc != 2 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "tcg"))) {
		fputs("usage: kvm-doorbells kvm|tcg\n", stderr);
		return 2;
	}
	accel = argv[1];
	if (strcmp(accel, "kvm") == 0 && access("/dev/kvm", R_OK | W_OK)) {
		puts("skipped: /dev/kvm can't be opened");
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
