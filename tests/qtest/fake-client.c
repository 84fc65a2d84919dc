// SPDX-License-Identifier: MIT
#include <endian.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-client.h"
#include "test.h"

void fake_client_open(struct fake_client *f, const struct group *g,
		      unsigned int index)
{
	int line[2];

	f->sock = fake_connect(g);
	f->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(f->doorbell >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    line), 0);
	f->line = line[0];
	f->fds[0] = f->doorbell;
	f->fds[1] = line[1];
	f->hello = (struct hgshm_msg_hello) {
		.h = fake_header(HGSHM_MSG_HELLO, sizeof(f->hello), 2),
		.index = htole32(index),
		.mapidx = htole32(HGSHM_INDEX_NONE),
	};
	snprintf((char *)f->hello.shmid, sizeof(f->hello.shmid), "%s",
		 g->shmid);
}

void fake_client_say_hello(struct fake_client *f)
{
	fake_send(f->sock, &f->hello, sizeof(f->hello), f->fds, 2);
	close(f->fds[1]);
	f->fds[1] = -1;
}

uint64_t fake_client_join(struct fake_client *f, int *ring_fd)
{
	struct hgshm_wire_message m;
	uint64_t peers;

	fake_receive(f->sock, &m, HGSHM_MSG_WELCOME);
	assert_true(hgshm_wire_is_eventfd(m.fds[0]));
	*ring_fd = hgshm_wire_take_fd(&m, 0);
	hgshm_wire_reset(&m);
	fake_expect_closed(f->sock);
	for (;;) {
		int error;

		hgshm_wire_init(&m);
		error = hgshm_wire_receive_until(f->line, &m, fake_deadline_ns());
		if (error)
			fail_msg("PEERS did not come: %s",
				 hgshm_wire_fault(&m, error));
		if (le16toh(m.header.type) == HGSHM_MSG_PEERS)
			break;
		assert_int_equal(le16toh(m.header.type), HGSHM_MSG_PEER_UP);
		hgshm_wire_reset(&m);
	}
	peers = le64toh(m.peers.peers);
	hgshm_wire_reset(&m);
	return peers;
}

void fake_client_close(struct fake_client *f)
{
	fake_close(&f->sock);
	fake_close(&f->line);
	fake_close(&f->doorbell);
	fake_close(&f->fds[1]);
}
