// SPDX-License-Identifier: MIT
/*
 * A mapper that comes and goes: each time is told, so the client meets it ever less.
 * The times are lower bounds of the client's own timer, which never fires early but
 * counts from the whole millisecond that had begun.
 */
#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-mapper.h"
#include "test.h"

#define MS_NS		INT64_C(1000000)
#define FIRST_LOOK_MS	200
#define CLOCK_STEP_MS	1
#define FLAPS		4

static void let_in_again(struct fake_mapper *f, const struct group *g)
{
	struct hgshm_msg_welcome w = fake_welcome();
	struct stat st;

	assert_int_equal(stat(g->object, &st), 0);
	w.shm_dev = htole64(st.st_dev);
	w.shm_ino = htole64(st.st_ino);
	fake_send(f->sock, &w, sizeof(w), &f->own_doorbell, 1);
	fake_mapper_send_peers(f, bit(0) | bit(FAKE_INDEX));
	vm_wait_output(f->client, "qemu-system-x86_64: info: hgshm: index=%u is back with the "
		       "mapper of shmid=%s\n", FAKE_INDEX, g->shmid);
}

static void hang_up(struct fake_mapper *f, const struct group *g)
{
	fake_close(&f->sock);
	fake_close(&f->doorbell);
	fake_close(&f->line);
	vm_wait_output(f->client, "qemu-system-x86_64: warning: hgshm: the mapper of shmid=%s is "
		       "gone (the connection was closed); index=%u keeps the memory and the other "
		       "VMs\n", g->shmid, FAKE_INDEX);
}

static void test_waits_grow(void **state)
{
	int64_t least_ms = FIRST_LOOK_MS;
	struct group *g = *state;
	struct fake_mapper f;

	fake_mapper_start_complete(&f, g);
	for (unsigned int flap = 0; flap < FLAPS; flap++) {
		int64_t gone_ns = hgshm_wire_now_ns();

		hang_up(&f, g);
		f.sock = fake_accept(f.listener, f.client);
		assert_true(hgshm_wire_now_ns() - gone_ns >=
			    (least_ms - CLOCK_STEP_MS) * MS_NS);
		fake_mapper_take_hello(&f, g, HGSHM_INDEX_NONE);
		let_in_again(&f, g);
		least_ms *= 2;
	}
	vm_quit(f.client);
	fake_mapper_finish(&f, g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_waits_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
