// SPDX-License-Identifier: MIT
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-mapper.h"
#include "test.h"

#define FAKE_SIZE_BYTES	(FAKE_CLIENTS * FAKE_SLICE_BYTES)

void fake_mapper_spawn(struct fake_mapper *f, struct group *g,
		       const char *properties)
{
	struct vm_spec spec = group_client_spec(g, FAKE_INDEX, properties);

	*f = (struct fake_mapper) {
		.listener = fake_listen(g),
		.sock = -1,
		.line = -1,
		.doorbell = -1,
		.own_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	assert_true(f->own_doorbell >= 0);
	f->client = group_spawn(g, &spec);
	f->sock = fake_accept(f->listener, f->client);
}

void fake_mapper_take_hello(struct fake_mapper *f, const struct group *g,
			    uint32_t mapidx)
{
	struct hgshm_wire_message m;

	fake_receive(f->sock, &m, HGSHM_MSG_HELLO);
	assert_int_equal(le32toh(m.hello.index), FAKE_INDEX);
	assert_int_equal(le32toh(m.hello.mapidx), mapidx);
	assert_int_equal(m.hello.flags, 0);
	assert_int_equal(m.hello.reserved, 0);
	assert_string_equal((char *)m.hello.shmid, g->shmid);
	for (size_t i = strlen(g->shmid); i < HGSHM_SHMID_BYTES; i++)
		assert_int_equal(m.hello.shmid[i], 0);
	assert_true(hgshm_wire_is_eventfd(m.fds[0]));
	assert_true(hgshm_wire_is_line(m.fds[1]));
	f->doorbell = hgshm_wire_take_fd(&m, 0);
	f->line = hgshm_wire_take_fd(&m, 1);
	hgshm_wire_reset(&m);
}

void fake_mapper_start(struct fake_mapper *f, struct group *g)
{
	fake_mapper_spawn(f, g, "");
	fake_mapper_take_hello(f, g, HGSHM_INDEX_NONE);
}

void fake_mapper_finish(struct fake_mapper *f, const struct group *g)
{
	fake_close(&f->listener);
	fake_close(&f->sock);
	fake_close(&f->line);
	fake_close(&f->doorbell);
	fake_close(&f->own_doorbell);
	unlink(g->socket);
}

static void make_object(const struct group *g, struct hgshm_msg_welcome *w)
{
	int fd = open(g->object, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FAKE_SIZE_BYTES), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	w->shm_dev = htole64(st.st_dev);
	w->shm_ino = htole64(st.st_ino);
}

struct hgshm_msg_welcome fake_welcome(void)
{
	return (struct hgshm_msg_welcome) {
		.h = fake_header(HGSHM_MSG_WELCOME,
				 sizeof(struct hgshm_msg_welcome), 1),
		.clients = htole32(FAKE_CLIENTS),
		.size_bytes = htole64(FAKE_SIZE_BYTES),
		.slice_bytes = htole64(FAKE_SLICE_BYTES),
		.index = htole32(FAKE_INDEX),
	};
}

void fake_mapper_send_peers(struct fake_mapper *f, uint64_t peers)
{
	struct hgshm_msg_peers m = {
		.h = fake_header(HGSHM_MSG_PEERS, sizeof(m), 0),
		.peers = htole64(peers),
	};

	fake_send(f->line, &m, sizeof(m), NULL, 0);
}

void fake_mapper_send_peer_up(struct fake_mapper *f, uint32_t index, int out,
			      int in)
{
	struct hgshm_msg_peer m = {
		.h = fake_header(HGSHM_MSG_PEER_UP, sizeof(m), 2),
		.index = htole32(index),
	};

	fake_send(f->line, &m, sizeof(m), (int []) { out, in }, 2);
}

void fake_mapper_send_peer_down(struct fake_mapper *f, uint32_t index)
{
	struct hgshm_msg_peer m = {
		.h = fake_header(HGSHM_MSG_PEER_DOWN, sizeof(m), 0),
		.index = htole32(index),
	};

	fake_send(f->line, &m, sizeof(m), NULL, 0);
}

void fake_mapper_let_in(struct fake_mapper *f, struct group *g)
{
	struct hgshm_msg_welcome w = fake_welcome();

	make_object(g, &w);
	g->object_stays = true;
	fake_send(f->sock, &w, sizeof(w), &f->own_doorbell, 1);
}

void fake_mapper_start_complete(struct fake_mapper *f, struct group *g)
{
	fake_mapper_start(f, g);
	fake_mapper_let_in(f, g);
	fake_mapper_send_peers(f, bit(0) | bit(FAKE_INDEX));
	vm_connect(f->client);
	vm_find_device(f->client);
	vm_enable_vectors(f->client);
	msix_take_any(&f->client->msix);
}
