// SPDX-License-Identifier: MIT
/* The messages of the meeting over real sockets: each type, each broken rule. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire_fixture.h"

static const struct {
	unsigned int type;
	size_t bytes;
	unsigned int fds_min, fds_max;
} types[] = {
	{ HGSHM_MSG_HELLO, 128, 2, 2 },
	{ HGSHM_MSG_WELCOME, 160, 1, 3 },
	{ HGSHM_MSG_REFUSED, 184, 0, 0 },
	{ HGSHM_MSG_PEERS, 24, 0, 0 },
	{ HGSHM_MSG_PEER_UP, 24, 2, 2 },
	{ HGSHM_MSG_PEER_DOWN, 24, 0, 0 },
};

static void test_round_trip(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		for (unsigned int fds = types[i].fds_min;
		     fds <= types[i].fds_max; fds++) {
			union any message = { .bytes = { 0 } }, expected;

			fill_body(&message, types[i].bytes);
			assert_int_equal(hgshm_wire_send_fds(f->from,
							     types[i].type,
							     &message, f->files,
							     fds), 0);
			make(&expected, types[i].type, types[i].bytes, fds);
			assert_int_equal(hgshm_wire_receive(f->to, &f->m), 0);
			expect_received(f, &expected, types[i].bytes, fds);
			hgshm_wire_reset(&f->m);
			assert_int_equal(f->m.fd_count, 0);
			assert_int_equal(f->m.have, 0);
		}
	}
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EAGAIN);
}

static void test_shortest_send(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		union any message = { .bytes = { 0 } };

		assert_int_equal(hgshm_wire_send(f->from, types[i].type,
						 &message, f->files), 0);
		assert_int_equal(hgshm_wire_receive(f->to, &f->m), 0);
		assert_int_equal(f->m.fd_count, types[i].fds_min);
		hgshm_wire_reset(&f->m);
	}
}

static void test_bytes_on_the_wire(void **state)
{
	static const unsigned char expected[] = {
		'H', 'G', 'S', 'M', HGSHM_PROTO_VERSION, 0, 4, 0,
		24, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
	};
	struct hgshm_msg_peers peers = {
		.peers = htole64(0x0807060504030201),
	};
	struct fixture *f = *state;
	unsigned char got[sizeof(expected) + 1];

	assert_int_equal(hgshm_wire_send(f->from, HGSHM_MSG_PEERS, &peers,
					 NULL), 0);
	assert_int_equal(recv(f->to, got, sizeof(got), 0), sizeof(expected));
	assert_memory_equal(got, expected, sizeof(expected));
}

static void test_send_refuses(void **state)
{
	struct fixture *f = *state;
	union any message = { .bytes = { 0 } };

	assert_int_equal(hgshm_wire_send(f->from, 0, &message, NULL), -EINVAL);
	assert_int_equal(hgshm_wire_send(f->from, 7, &message, NULL), -EINVAL);
	assert_int_equal(hgshm_wire_send(f->from, UINT32_MAX, &message, NULL),
			 -EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(hgshm_wire_send_fds(f->from, types[i].type,
						     &message, f->files,
						     types[i].fds_max + 1),
				 -EINVAL);
		if (types[i].fds_min)
			assert_int_equal(hgshm_wire_send_fds(f->from,
							     types[i].type,
							     &message, f->files,
							     types[i].fds_min - 1),
					 -EINVAL);
	}
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EAGAIN);
}

static void test_byte_by_byte(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		unsigned int fds = types[i].fds_max;
		union any message;

		make(&message, types[i].type, types[i].bytes, fds);
		for (size_t at = 0; at < types[i].bytes; at++) {
			assert_int_equal(hgshm_wire_receive(f->to, &f->m),
					 -EAGAIN);
			send_raw(f->from, &message.bytes[at], 1, f->files,
				 at ? 0 : fds);
		}
		while (f->m.have < types[i].bytes - 1)
			assert_int_equal(hgshm_wire_receive(f->to, &f->m),
					 -EAGAIN);
		assert_int_equal(hgshm_wire_receive(f->to, &f->m), 0);
		expect_received(f, &message, types[i].bytes, fds);
		hgshm_wire_reset(&f->m);
	}
}

static void test_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	for (size_t cut = 1; cut < 128; cut++) {
		send_raw(f->from, &message, cut, f->files, 2);
		assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EAGAIN);
		assert_int_equal(f->m.have, cut);
		send_raw(f->from, &message.bytes[cut], 128 - cut, NULL, 0);
		assert_int_equal(hgshm_wire_receive(f->to, &f->m), 0);
		expect_received(f, &message, 128, 2);
		hgshm_wire_reset(&f->m);
	}
}

static void test_hang_up_before_the_first_byte(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shutdown(f->from, SHUT_WR), 0);
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -ECONNRESET);
	assert_string_equal(hgshm_wire_fault(&f->m, -ECONNRESET),
			    "the connection was closed");
}

static void test_hang_up_in_the_middle(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	send_raw(f->from, &message, 127, f->files, 2);
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EAGAIN);
	assert_int_equal(shutdown(f->from, SHUT_WR), 0);
	expect_fault(f, "it ends in the middle");
}

static void spoil_magic(union any *message)
{
	message->h.magic ^= htole32(1u << 31);
}

static void spoil_type_0(union any *message)
{
	message->h.type = 0;
}

static void spoil_type(union any *message)
{
	message->h.type = htole16(7);
}

static void spoil_type_most(union any *message)
{
	message->h.type = htole16(UINT16_MAX);
}

static void spoil_length_less(union any *message)
{
	message->h.length = htole32(le32toh(message->h.length) - 1);
}

static void spoil_length_more(union any *message)
{
	message->h.length = htole32(UINT32_MAX);
}

static void spoil_fds_more(union any *message)
{
	message->h.fds = htole32(le32toh(message->h.fds) + 1);
}

static void spoil_fds_most(union any *message)
{
	message->h.fds = htole32(UINT32_MAX);
}

static void test_broken_headers(void **state)
{
	static const struct {
		void (*spoil)(union any *message);
		const char *text;
	} cases[] = {
		{ spoil_magic, "it does not start with the magic number" },
		{ spoil_type_0, "its type is unknown" },
		{ spoil_type, "its type is unknown" },
		{ spoil_type_most, "its type is unknown" },
		{ spoil_length_less, "its length is not that of its type" },
		{ spoil_length_more, "its length is not that of its type" },
		{ spoil_fds_more, "it announces the wrong number of file descriptors" },
		{ spoil_fds_most, "it announces the wrong number of file descriptors" },
	};
	struct fixture *f = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		for (unsigned int c = 0; c < ARRAY_SIZE(cases); c++) {
			union any message;

			make(&message, types[i].type, types[i].bytes,
			     types[i].fds_max);
			cases[c].spoil(&message);
			/* The header alone tells. */
			send_raw(f->from, &message, sizeof(message.h),
				 f->files, types[i].fds_max);
			expect_fault(f, cases[c].text);
		}
	}
}

static void test_announces_too_few_fds(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_WELCOME, 160, 0);
	send_raw(f->from, &message, 160, NULL, 0);
	expect_fault(f, "it announces the wrong number of file descriptors");
}

static void test_other_version(void **state)
{
	struct fixture *f = *state;
	union any message;

	/* Of another version all but the header's shape may differ. */
	make(&message, 77, 24, 55);
	message.h.length = htole32(9999);
	message.h.version = htole16(HGSHM_PROTO_VERSION + 1);
	send_raw(f->from, &message, sizeof(message.h), f->files, 3);
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EPROTONOSUPPORT);
	assert_int_equal(le16toh(f->m.header.version), HGSHM_PROTO_VERSION + 1);
	assert_string_equal(hgshm_wire_fault(&f->m, -EPROTONOSUPPORT),
			    "it is of another protocol version");
}

static void test_bytes_behind(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_PEERS, 24, 0);
	send_raw(f->from, &message, 25, NULL, 0);
	expect_fault(f, "bytes follow it that belong to no message");
}

static void test_longer_than_any_message(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_REFUSED, 184, 0);
	send_raw(f->from, &message, 185, NULL, 0);
	expect_fault(f, "it is longer than any message");
}

static void test_fewer_fds_than_announced(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	for (unsigned int fds = 0; fds < 2; fds++) {
		send_raw(f->from, &message, 128, f->files, fds);
		expect_fault(f, "it carries the wrong number of file descriptors");
	}
}

static void test_more_fds_than_announced(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	send_raw(f->from, &message, 128, f->files, 3);
	expect_fault(f, "it carries the wrong number of file descriptors");
	make(&message, HGSHM_MSG_PEERS, 24, 0);
	send_raw(f->from, &message, 24, f->files, 1);
	expect_fault(f, "it carries the wrong number of file descriptors");
}

static void test_more_fds_than_any_message_has(void **state)
{
	struct fixture *f = *state;
	union any message;
	int fds[253];

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = f->files[0];
	make(&message, HGSHM_MSG_HELLO, 128, 2);
	send_raw(f->from, &message, 128, fds, HGSHM_MSG_FDS_MAX + 1);
	expect_fault(f, "it carries too many file descriptors");
	send_raw(f->from, &message, 128, fds, ARRAY_SIZE(fds));
	expect_fault(f, "it carries too many file descriptors");
}

static void test_fds_with_later_bytes(void **state)
{
	struct fixture *f = *state;
	union any message;

	make(&message, HGSHM_MSG_HELLO, 128, 2);
	send_raw(f->from, &message, 100, f->files, 2);
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), -EAGAIN);
	send_raw(f->from, &message.bytes[100], 28, f->files, 2);
	expect_fault(f, "it carries too many file descriptors");
}

static void test_taken_fds_are_the_takers(void **state)
{
	struct fixture *f = *state;
	union any message = { .bytes = { 0 } };
	unsigned int before = count_fds();
	int taken;

	assert_int_equal(hgshm_wire_send(f->from, HGSHM_MSG_HELLO, &message,
					 f->files), 0);
	assert_int_equal(hgshm_wire_receive(f->to, &f->m), 0);
	assert_int_equal(count_fds(), before + 2);
	taken = hgshm_wire_take_fd(&f->m, 0);
	assert_int_equal(f->m.fds[0], -1);
	hgshm_wire_reset(&f->m);
	assert_int_equal(count_fds(), before + 1);
	expect_same_file(taken, f->files[0]);
	close(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_both(test_round_trip),
		on_both(test_shortest_send),
		on_both(test_bytes_on_the_wire),
		on_both(test_send_refuses),
		on_stream(test_byte_by_byte),
		on_stream(test_cut_anywhere),
		on_both(test_hang_up_before_the_first_byte),
		on_stream(test_hang_up_in_the_middle),
		on_both(test_broken_headers),
		on_both(test_announces_too_few_fds),
		on_both(test_other_version),
		on_both(test_bytes_behind),
		on_line(test_longer_than_any_message),
		on_both(test_fewer_fds_than_announced),
		on_both(test_more_fds_than_announced),
		on_both(test_more_fds_than_any_message_has),
		on_stream(test_fds_with_later_bytes),
		on_both(test_taken_fds_are_the_takers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
