// SPDX-License-Identifier: MIT
/*
 * Round trip of a doorbell between two QEMU processes, beside ivshmem-doorbell
 *
 * usage: bench-doorbells kvm|tcg
 *
 * The same bare-metal guests, once by hgshm and once by ivshmem-doorbell with its
 * server, in batches that take turns; a group that is not measured is stopped.
 * The medians and their ratio are what counts.
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
#include "ivshmem-server.h"
#include "test.h"
#include "wire.h"

#define BATCHES		15
#define ROUNDS		2000
#define MEMORY_BYTES	(4 << 20)

static const char *accel;

struct contestant {
	const char *name;
	struct vm *vm[2];
	volatile struct control *control;
	double round_trip_us[BATCHES];
};

static volatile struct control *map_control(int fd)
{
	void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

static void wait_for(volatile uint32_t *word, uint32_t value)
{
	int64_t deadline_ns = hgshm_wire_now_ns() + 2 * WAIT_MS * INT64_C(1000000);

	while (*word != value) {
		if (hgshm_wire_now_ns() > deadline_ns)
			fail_msg("a guest stands still at %u of %u", *word, value);
		poll(NULL, 0, 1);
	}
}

static struct vm *start(struct group *g, struct vm_spec spec, const char *guest)
{
	struct vm *vm;

	spec.accel = accel;
	spec.guest = getenv(guest);
	assert_non_null(spec.guest);
	vm = group_spawn(g, &spec);
	return vm;
}

static void start_hgshm(struct group *g, struct contestant *c)
{
	int fd;

	c->name = "hgshm";
	c->vm[0] = start(g, group_mapper_spec(g, "size=4m,clients=2"), "HGSHM_BARE_GUEST");
	vm_connect(c->vm[0]);
	fd = open(g->object, O_RDWR);
	assert_true(fd >= 0);
	c->control = map_control(fd);
	close(fd);
	c->vm[1] = start(g, group_client_spec(g, 1, "mapidx=0"), "HGSHM_BARE_GUEST");
	vm_connect(c->vm[1]);
}

static void start_ivshmem(struct group *g, struct contestant *c, struct ivshmem_server *server)
{
	char path[128];

	c->name = "ivshmem-doorbell";
	snprintf(path, sizeof(path), "%s/ivshmem", g->folder);
	ivshmem_server_open(server, path, MEMORY_BYTES);
	c->control = map_control(server->memory);
	for (int i = 0; i < 2; i++) {
		struct vm_spec spec = { .machine = NULL };

		snprintf(spec.chardev, sizeof(spec.chardev), "socket,id=%s,path=%s",
			 GROUP_CHARDEV, path);
		snprintf(spec.device, sizeof(spec.device),
			 "ivshmem-doorbell,chardev=%s,vectors=1", GROUP_CHARDEV);
		c->vm[i] = start(g, spec, "HGSHM_IVSHMEM_GUEST");
		ivshmem_server_admit(server);
		vm_connect(c->vm[i]);
	}
}

static void set_running(struct contestant *c, bool running)
{
	for (int i = 0; i < 2; i++)
		qmp_run(&c->vm[i]->qmp, "{\"execute\": \"%s\"}", running ? "cont" : "stop");
}

static void measure(struct contestant *c, unsigned int batch)
{
	uint32_t target = (batch + 1) * ROUNDS;
	int64_t begin_ns;

	set_running(c, true);
	begin_ns = hgshm_wire_now_ns();
	c->control->go = batch + 1;
	wait_for(&c->control->interrupts[0], target);
	c->round_trip_us[batch] = (hgshm_wire_now_ns() - begin_ns) / 1000.0 / ROUNDS;
	assert_int_equal(c->control->interrupts[1], target);
	set_running(c, false);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double report(struct contestant *c)
{
	qsort(c->round_trip_us, BATCHES, sizeof(double), compare);
	printf("%-18s %10.1f %10.1f %10.1f\n", c->name, c->round_trip_us[0],
	       c->round_trip_us[BATCHES / 2], c->round_trip_us[BATCHES - 1]);
	return c->round_trip_us[BATCHES / 2];
}

static void bench(void **state)
{
	struct group *g = *state;
	struct contestant hgshm = { 0 }, ivshmem = { 0 };
	struct contestant *all[] = { &hgshm, &ivshmem };
	struct ivshmem_server server;
	double ours, theirs;

	start_hgshm(g, &hgshm);
	start_ivshmem(g, &ivshmem, &server);
	for (int c = 0; c < 2; c++) {
		all[c]->control->rounds = ROUNDS;
		for (int i = 0; i < 2; i++)
			wait_for(&all[c]->control->ready[i], 1);
		set_running(all[c], false);
	}
	for (unsigned int batch = 0; batch < BATCHES; batch++) {
		measure(all[batch % 2], batch);
		measure(all[1 - batch % 2], batch);
	}

	printf("\nRound trip of a doorbell, %s, %d batches of %d in turn, microseconds\n", accel,
	       BATCHES, ROUNDS);
	printf("%-18s %10s %10s %10s\n", "", "least", "median", "most");
	ours = report(&hgshm);
	theirs = report(&ivshmem);
	printf("ratio of medians, hgshm / ivshmem-doorbell: %.2f\n\n", ours / theirs);
	fflush(stdout);

	for (int c = 0; c < 2; c++) {
		for (int i = 1; i >= 0; i--) {
			vm_quit(all[c]->vm[i]);
			free(process_take_output(&all[c]->vm[i]->process));
		}
		munmap((void *)all[c]->control, sizeof(struct control));
	}
	ivshmem_server_close(&server);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { group_test(bench) };

	group_needs_plugin();
	if (argc != 2 || (strcmp(argv[1], "kvm") && strcmp(argv[1], "tcg"))) {
		fputs("usage: bench-doorbells kvm|tcg\n", stderr);
		return 2;
	}
	accel = argv[1];
	if (strcmp(accel, "kvm") == 0 && access("/dev/kvm", R_OK | W_OK)) {
		puts("skipped: /dev/kvm can't be opened");
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
