// SPDX-License-Identifier: MIT
/*
 * Clients that are silent, broken or hostile: the mapper lets them go and goes
 * on; a proper client joins meanwhile.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-client.h"
#include "qtest.h"
#include "test.h"

#define WARNING		"qemu-system-x86_64: warning: hgshm: "
#define NO_HELLO	WARNING "dropped a connection: its message is not a HELLO: "

static struct vm *start_mapper(struct group *g)
{
	struct vm *mapper = group_start_mapper(g, "size=16k,clients=4");

	vm_enable_vectors(mapper);
	return mapper;
}

/* A proper client joins under @index, rings and is rung. */
static void expect_mapper_goes_on(struct group *g, struct vm *mapper,
				  unsigned int index)
{
	struct vm *client = group_start_client(g, index, "");
	unsigned int vector = HGSHM_VECTOR_DOORBELL(index);

	vm_enable_vectors(client);
	vm_ring(client, 0);
	assert_true(msix_take(&mapper->msix, vector));
	vm_ring(mapper, index);
	assert_true(msix_take(&client->msix, HGSHM_VECTOR_DOORBELL(0)));
}

static void test_proper_client(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	struct fake_client f;
	eventfd_t count;
	int ring_fd;

	fake_client_open(&f, g, 2);
	fake_client_say_hello(&f);
	assert_int_equal(fake_client_join(&f, &ring_fd), bit(0) | bit(2));
	assert_int_equal(vm_peers(mapper), bit(0) | bit(2));
	assert_int_equal(eventfd_write(ring_fd, 1), 0);
	assert_true(msix_take(&mapper->msix, HGSHM_VECTOR_DOORBELL(2)));
	vm_ring(mapper, 2);
	assert_int_equal(eventfd_read(f.doorbell, &count), 0);
	assert_int_equal(count, 1);
	close(ring_fd);
	fake_client_close(&f);
	assert_int_equal(vm_peers(mapper), bit(0));
}

static void test_hello_byte_by_byte(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	struct fake_client f;
	int ring_fd;

	fake_client_open(&f, g, 2);
	fake_send(f.sock, &f.hello, 1, f.fds, 2);
	for (size_t i = 1; i < sizeof(f.hello); i++) {
		qtest_settle(&mapper->qtest);
		fake_send(f.sock, (char *)&f.hello + i, 1, NULL, 0);
	}
	assert_int_equal(fake_client_join(&f, &ring_fd), bit(0) | bit(2));
	close(ring_fd);
	fake_client_close(&f);
}

/* Complaints come once a second at most: on a slow machine more than one. */
static void expect_lines_like(struct vm *vm, const char *start)
{
	char *text = process_take_output(&vm->process), *line = text;

	assert_int_not_equal(*line, 0);
	do {
		if (strncmp(line, start, strlen(start)))
			fail_msg("QEMU says '%s', not '%s'", line, start);
		line = strchr(line, '\n') + 1;
	} while (*line);
	free(text);
}

static void test_silence(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client half;
	int silent[10];

	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = fake_connect(g);
	fake_client_open(&half, g, 2);
	fake_send(half.sock, &half.hello, sizeof(half.hello) / 2, half.fds, 2);
	expect_mapper_goes_on(g, mapper, 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++) {
		fake_expect_closed(silent[i]);
		close(silent[i]);
	}
	fake_expect_closed(half.sock);
	fake_client_close(&half);
	expect_lines_like(mapper, WARNING "dropped a connection that sent no "
			  "HELLO within 5 s");
	vm_quit(g->vm[1]);
	qtest_settle(&mapper->qtest);
	/* but the eventfd of the client that was here stays */
	assert_int_equal(vm_count_fds(mapper), fds + 1);
}

static void test_more_silence_than_the_mapper_keeps(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	int silent[140];

	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = fake_connect(g);
	expect_mapper_goes_on(g, mapper, 1);
	fake_expect_closed(silent[0]);
	expect_lines_like(mapper, WARNING "dropped the oldest of 128 "
			  "connections that sent no HELLO");
	for (unsigned int i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
}

/* Each gets a fresh mapper, since complaints come once a second at most. */
static void expect_dropped(struct group *g, struct vm *mapper,
			   struct fake_client *f, unsigned int fds,
			   const char *line)
{
	fake_expect_closed(f->sock);
	fake_client_close(f);
	vm_expect_output(mapper, "%s\n", line);
	/* It closes what came with the message after the connection. */
	qtest_settle(&mapper->qtest);
	assert_int_equal(vm_count_fds(mapper), fds);
	assert_int_equal(vm_peers(mapper), bit(0));
	expect_mapper_goes_on(g, mapper, 2);
}

static void expect_refused(struct group *g, struct vm *mapper,
			   struct fake_client *f, unsigned int fds,
			   unsigned int code, const char *text)
{
	char line[256];
	struct hgshm_wire_message m;

	fake_receive(f->sock, &m, HGSHM_MSG_REFUSED);
	assert_int_equal(le32toh(m.refused.code), code);
	assert_int_equal(le16toh(m.header.version), HGSHM_PROTO_VERSION);
	assert_string_equal((char *)m.refused.text, text);
	for (size_t i = strlen(text); i < HGSHM_REFUSED_TEXT_BYTES; i++)
		assert_int_equal(m.refused.text[i], 0);
	hgshm_wire_reset(&m);
	snprintf(line, sizeof(line), WARNING "refused a client: %s", text);
	expect_dropped(g, mapper, f, fds, line);
}

static void test_garbage(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 2);
	memset(&f.hello, 0xff, sizeof(f.hello));
	fake_send(f.sock, &f.hello, sizeof(f.hello), NULL, 0);
	expect_dropped(g, mapper, &f, fds,
		       NO_HELLO "it does not start with the magic number");
}

static void test_half_a_hello(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 2);
	fake_send(f.sock, &f.hello, sizeof(f.hello) - 1, f.fds, 2);
	assert_int_equal(shutdown(f.sock, SHUT_WR), 0);
	expect_dropped(g, mapper, &f, fds, NO_HELLO "it ends in the middle");
}

static void test_bytes_after_hello(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;
	char bytes[sizeof(f.hello) + 1] = { 0 };

	fake_client_open(&f, g, 2);
	memcpy(bytes, &f.hello, sizeof(f.hello));
	fake_send(f.sock, bytes, sizeof(bytes), f.fds, 2);
	expect_dropped(g, mapper, &f, fds,
		       NO_HELLO "bytes follow it that belong to no message");
}

static void test_too_many_fds(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int count = vm_count_fds(mapper);
	struct fake_client f;
	int fds[12];

	fake_client_open(&f, g, 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = f.fds[i % 2];
	fake_send(f.sock, &f.hello, sizeof(f.hello), fds, ARRAY_SIZE(fds));
	expect_dropped(g, mapper, &f, count,
		       NO_HELLO "it carries too many file descriptors");
}

static void test_fds_with_every_byte(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int count = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 2);
	fake_send(f.sock, &f.hello, 1, f.fds, 2);
	qtest_settle(&mapper->qtest);
	fake_send(f.sock, (char *)&f.hello + 1, 1, f.fds, 2);
	expect_dropped(g, mapper, &f, count,
		       NO_HELLO "it carries too many file descriptors");
}

static void test_too_few_fds(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 2);
	fake_send(f.sock, &f.hello, sizeof(f.hello), f.fds, 1);
	expect_dropped(g, mapper, &f, fds,
		       NO_HELLO "it carries the wrong number of file descriptors");
}

static void test_fds_swapped(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;
	int swapped[2];

	fake_client_open(&f, g, 2);
	swapped[0] = f.fds[1];
	swapped[1] = f.fds[0];
	fake_send(f.sock, &f.hello, sizeof(f.hello), swapped, 2);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_MALFORMED,
		       "its HELLO is malformed");
}

static void test_line_of_another_kind(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;
	int stream[2];

	fake_client_open(&f, g, 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    stream), 0);
	fake_send(f.sock, &f.hello, sizeof(f.hello),
		  (int []) { f.doorbell, stream[0] }, 2);
	close(stream[0]);
	close(stream[1]);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_MALFORMED,
		       "its HELLO is malformed");
}

static void spoil_flags(struct hgshm_msg_hello *hello)
{
	hello->flags = htole32(1);
}

static void spoil_reserved(struct hgshm_msg_hello *hello)
{
	hello->reserved = htole32(1u << 31);
}

static void spoil_shmid(struct hgshm_msg_hello *hello)
{
	memset(hello->shmid, 'x', sizeof(hello->shmid));
}

static void test_malformed_fields(void **state)
{
	static void (*const spoil[])(struct hgshm_msg_hello *hello) = {
		spoil_flags, spoil_reserved, spoil_shmid,
	};
	struct group *g = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(spoil); i++) {
		struct vm *mapper = start_mapper(g);
		unsigned int fds = vm_count_fds(mapper);
		struct fake_client f;

		fake_client_open(&f, g, 2);
		spoil[i](&f.hello);
		fake_client_say_hello(&f);
		expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_MALFORMED,
			       "its HELLO is malformed");
		vm_quit(g->vm[g->vm_count - 1]);
		vm_quit(mapper);
	}
}

static void test_other_message(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct hgshm_msg_peers peers = {
		.h = fake_header(HGSHM_MSG_PEERS, sizeof(peers), 0),
		.peers = htole64(UINT64_MAX),
	};
	struct fake_client f;

	fake_client_open(&f, g, 2);
	fake_send(f.sock, &peers, sizeof(peers), NULL, 0);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_MALFORMED,
		       "its HELLO is malformed");
}

static void test_other_version(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 2);
	f.hello.h.version = htole16(HGSHM_PROTO_VERSION + 1);
	fake_client_say_hello(&f);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_VERSION,
		       "it speaks another protocol version");
}

static void test_index_0(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, 0);
	fake_client_say_hello(&f);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_INDEX_RANGE,
		       "index=0 is out of range; the mapper has clients=4, so "
		       "give 1 to 3");
}

static void test_biggest_index(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	unsigned int fds = vm_count_fds(mapper);
	struct fake_client f;

	fake_client_open(&f, g, UINT32_MAX - 1);
	fake_client_say_hello(&f);
	expect_refused(g, mapper, &f, fds, HGSHM_REFUSED_INDEX_RANGE,
		       "index=4294967294 is out of range; the mapper has "
		       "clients=4, so give 1 to 3");
}

static void test_words_on_the_line(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	struct fake_client f;
	int ring_fd;

	fake_client_open(&f, g, 2);
	fake_client_say_hello(&f);
	fake_client_join(&f, &ring_fd);
	assert_int_equal(send(f.line, "x", 1, MSG_NOSIGNAL), 1);
	fake_expect_closed(f.line);
	close(ring_fd);
	fake_client_close(&f);
	vm_expect_output(mapper, WARNING "VM 2 sent bytes on its private line "
			 "and is dropped\n");
	assert_int_equal(vm_peers(mapper), bit(0));
	expect_mapper_goes_on(g, mapper, 2);
}

static void test_gone_before_its_welcome(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	struct fake_client f;
	char *text;

	for (int i = 0; i < 20; i++) {
		fake_client_open(&f, g, 2);
		fake_client_say_hello(&f);
		fake_client_close(&f);
	}
	assert_int_equal(vm_peers(mapper), bit(0));
	expect_mapper_goes_on(g, mapper, 2);
	/* Whether the mapper meets a closed socket is a matter of time. */
	text = process_take_output(&mapper->process);
	if (*text)
		assert_ptr_equal(strstr(text, WARNING "a client left during "
					"the meeting: Broken pipe"), text);
	free(text);
}

/* A write to a full eventfd blocks, unless it is told not to. */
static void test_doorbell_that_would_block(void **state)
{
	struct group *g = *state;
	struct vm *mapper = start_mapper(g);
	struct fake_client f;
	int ring_fd;

	fake_client_open(&f, g, 2);
	assert_int_equal(fcntl(f.doorbell, F_SETFL, 0), 0);
	assert_int_equal(eventfd_write(f.doorbell, UINT64_MAX - 1), 0);
	fake_client_say_hello(&f);
	fake_client_join(&f, &ring_fd);
	vm_ring(mapper, 2);
	vm_ring(mapper, 2);
	expect_mapper_goes_on(g, mapper, 1);
	close(ring_fd);
	fake_client_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_proper_client),
		group_test(test_hello_byte_by_byte),
		group_test(test_silence),
		group_test(test_more_silence_than_the_mapper_keeps),
		group_test(test_garbage),
		group_test(test_half_a_hello),
		group_test(test_bytes_after_hello),
		group_test(test_too_many_fds),
		group_test(test_fds_with_every_byte),
		group_test(test_too_few_fds),
		group_test(test_fds_swapped),
		group_test(test_line_of_another_kind),
		group_test(test_malformed_fields),
		group_test(test_other_message),
		group_test(test_other_version),
		group_test(test_index_0),
		group_test(test_biggest_index),
		group_test(test_words_on_the_line),
		group_test(test_gone_before_its_welcome),
		group_test(test_doorbell_that_would_block),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
