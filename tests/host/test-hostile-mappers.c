// SPDX-License-Identifier: MIT
/*
 * Mappers that are silent, broken, hostile or of another version: who joins gets an
 * error in bounded time and clear words, and keeps nothing open.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-mapper.h"
#include "host.h"
#include "test.h"

#define WAIT_NS (WAIT_MS * INT64_C(1000000))

/* Who joins, in a thread of its own while the test plays the mapper. */
struct joiner {
	pthread_t thread;
	char uri[160];
	struct hgshm *h;
	int ret;
	char words[512];
};

static void *join(void *of)
{
	struct joiner *j = of;

	j->ret = hgshm_open(&j->h, j->uri, NULL);
	snprintf(j->words, sizeof(j->words), "%s", hgshm_strerror(j->ret));
	return NULL;
}

struct play {
	struct fake_mapper f;
	struct joiner j;
};

/* Up to the HELLO, which must be right. */
static void begin(struct play *p, const struct group *g, const char *parameters)
{
	struct pollfd pollfd;
	struct hgshm_wire_message m;

	*p = (struct play){
		.f = {
			.listener = fake_listen(g),
			.line = -1,
			.doorbell = -1,
			.own_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		},
	};
	snprintf(p->j.uri, sizeof(p->j.uri), "join:%s?index=%d&mapidx=none&%s", g->socket,
		 FAKE_INDEX, parameters);
	assert_int_equal(pthread_create(&p->j.thread, NULL, join, &p->j), 0);
	pollfd = (struct pollfd){ .fd = p->f.listener, .events = POLLIN };
	assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
	p->f.sock = accept4(p->f.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p->f.sock >= 0);
	fake_receive(p->f.sock, &m, HGSHM_MSG_HELLO);
	assert_int_equal(le32toh(m.hello.index), FAKE_INDEX);
	assert_int_equal(m.hello.flags, 0);
	assert_int_equal(m.hello.reserved, 0);
	p->f.doorbell = hgshm_wire_take_fd(&m, 0);
	p->f.line = hgshm_wire_take_fd(&m, 1);
	hgshm_wire_reset(&m);
}

static struct hgshm_msg_welcome welcome(const struct group *g)
{
	struct hgshm_msg_welcome w = fake_welcome();

	snprintf((char *)w.shmid, sizeof(w.shmid), "%s", g->shmid);
	return w;
}

static void make_object(struct group *g, struct hgshm_msg_welcome *w)
{
	int fd = open(g->object, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, le64toh(w->size_bytes)), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	w->shm_dev = htole64(st.st_dev);
	w->shm_ino = htole64(st.st_ino);
	g->object_stays = true;
}

static void let_in(struct play *p, struct group *g)
{
	struct hgshm_msg_welcome w = welcome(g);

	make_object(g, &w);
	fake_send(p->f.sock, &w, sizeof(w), &p->f.own_doorbell, 1);
}

static void finish(struct play *p, const struct group *g)
{
	fake_mapper_finish(&p->f, g);
}

static void expect_error(struct play *p, struct group *g, int error, const char *words, ...)
	__attribute__((format(printf, 4, 5)));

static void expect_error(struct play *p, struct group *g, int error, const char *words, ...)
{
	char *expected;
	va_list args;

	va_start(args, words);
	assert_true(vasprintf(&expected, words, args) >= 0);
	va_end(args);
	pthread_join(p->j.thread, NULL);
	assert_string_equal(p->j.words, expected);
	assert_int_equal(p->j.ret, error);
	free(expected);
	finish(p, g);
}

static void expect_no_mapper(struct play *p, struct group *g, const char *why)
{
	expect_error(p, g, -EPROTO, "what answers at %s is no hgshm mapper (%s); give the socket "
		     "of a group's mapper", g->socket, why);
}

static struct hgshm *expect_in(struct play *p)
{
	fake_mapper_send_peers(&p->f, bit(0) | bit(FAKE_INDEX));
	pthread_join(p->j.thread, NULL);
	assert_string_equal(p->j.words, "success");
	return p->j.h;
}

static void test_proper(void **state)
{
	struct group *g = *state;
	struct hgshm *h;
	struct play p;

	begin(&p, g, "");
	let_in(&p, g);
	h = expect_in(&p);
	assert_int_equal(host_info(h).peers, bit(0) | bit(FAKE_INDEX));
	assert_int_equal(hgshm_poke(h, 0), 0);
	assert_int_equal(eventfd_write(p.f.doorbell, 3), 0);
	host_wait_ring(h, 0);
	hgshm_close(h);
	fake_expect_closed(p.f.line);
	finish(&p, g);
}

static void test_silence(void **state)
{
	struct group *g = *state;

	for (int welcomed = 0; welcomed < 2; welcomed++) {
		struct play p;

		begin(&p, g, "");
		if (welcomed)
			let_in(&p, g);
		expect_error(&p, g, -ETIMEDOUT, "the mapper at %s did not answer within 10 s; is "
			     "it running?", g->socket);
	}
}

static void test_hangs_up(void **state)
{
	struct group *g = *state;

	for (int welcomed = 0; welcomed < 2; welcomed++) {
		struct play p;

		begin(&p, g, "");
		if (welcomed) {
			let_in(&p, g);
			fake_close(&p.f.line);
		} else {
			fake_close(&p.f.sock);
		}
		expect_error(&p, g, -ECONNRESET, "the mapper at %s closed the connection; is it "
			     "running?", g->socket);
	}
}

static void test_words_of_others(void **state)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct group *g = *state;
	struct hgshm_msg_peers peers = { .h = fake_header(HGSHM_MSG_PEERS, sizeof(peers), 0) };
	struct hgshm_msg_welcome w = welcome(g);
	struct play p;

	begin(&p, g, "");
	fake_send(p.f.sock, http, sizeof(http) - 1, NULL, 0);
	expect_no_mapper(&p, g, "it does not start with the magic number");
	begin(&p, g, "");
	fake_send(p.f.sock, &peers, sizeof(peers), NULL, 0);
	expect_no_mapper(&p, g, "its message does not belong here");
	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w) / 2, &p.f.own_doorbell, 1);
	assert_int_equal(shutdown(p.f.sock, SHUT_WR), 0);
	expect_no_mapper(&p, g, "it ends in the middle");
	begin(&p, g, "");
	w.h.version = htole16(7);
	fake_send(p.f.sock, &w, sizeof(w), NULL, 0);
	expect_error(&p, g, -EPROTO, "the mapper at %s speaks protocol version 7, this library 1; "
		     "use the same hgshm for both", g->socket);
}

static void test_odd_refusal(void **state)
{
	static const struct {
		uint32_t code;
		int error;
	} codes[] = {
		{ HGSHM_REFUSED_VERSION, -EPROTO }, { HGSHM_REFUSED_INDEX_RANGE, -ERANGE },
		{ HGSHM_REFUSED_INDEX_TAKEN, -EADDRINUSE }, { HGSHM_REFUSED_MAPIDX_RANGE, -ERANGE },
		{ HGSHM_REFUSED_SHMID, -ESTALE }, { HGSHM_REFUSED_MALFORMED, -EPROTO },
		{ HGSHM_REFUSED_FULL, -EADDRINUSE }, { 0, -EPROTO }, { UINT32_MAX, -EPROTO },
	};
	struct group *g = *state;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct hgshm_msg_refused m = {
			.h = fake_header(HGSHM_MSG_REFUSED, sizeof(m), 0),
			.code = htole32(codes[i].code),
		};
		char expected[HGSHM_REFUSED_TEXT_BYTES];
		struct play p;

		/* no NUL at the end, and what would steer a terminal */
		memset(m.text, '.', sizeof(m.text));
		memcpy(m.text, "a\x1b[2J\nb\x80%s", 10);
		memset(expected, '.', sizeof(expected));
		memcpy(expected, "a?[2J?b?%s", 10);
		expected[sizeof(expected) - 1] = '\0';
		begin(&p, g, "");
		fake_send(p.f.sock, &m, sizeof(m), NULL, 0);
		expect_error(&p, g, codes[i].error, "the mapper at %s refused this process: %s",
			     g->socket, expected);
	}
}

static void expect_contradiction(struct group *g, struct hgshm_msg_welcome w)
{
	struct play p;

	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_no_mapper(&p, g, "its WELCOME contradicts itself");
}

static void test_contradictions(void **state)
{
	static const uint32_t clients[] = { 0, FAKE_INDEX, 65, UINT32_MAX };
	static const uint32_t indices[] = { 0, FAKE_INDEX - 1, HGSHM_INDEX_NONE };
	static const uint64_t slices[] = { 0, FAKE_SLICE_BYTES + 1, FAKE_SLICE_BYTES * 2,
					   1ull << 63 };
	static const uint64_t sizes[] = { 0, UINT64_MAX };
	static const char *const names[] = { "", "../x", ".x", "a b", "a\nb" };
	struct group *g = *state;
	struct hgshm_msg_welcome w;
	struct play p;

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		w = welcome(g);
		w.clients = htole32(clients[i]);
		expect_contradiction(g, w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		w = welcome(g);
		w.index = htole32(indices[i]);
		expect_contradiction(g, w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		w = welcome(g);
		w.slice_bytes = htole64(slices[i]);
		expect_contradiction(g, w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		w = welcome(g);
		w.size_bytes = htole64(sizes[i]);
		expect_contradiction(g, w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		w = welcome(g);
		memset(w.shmid, 0, sizeof(w.shmid));
		memcpy(w.shmid, names[i], strlen(names[i]));
		expect_contradiction(g, w);
	}
	memset(w.shmid, 'x', sizeof(w.shmid));
	expect_contradiction(g, w);
	/* not the name that was asked for */
	w = welcome(g);
	begin(&p, g, "shmid=wanted");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_no_mapper(&p, g, "its WELCOME contradicts itself");
	/* a socket for an eventfd */
	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.line, 1);
	expect_no_mapper(&p, g, "its WELCOME contradicts itself");
}

static int make_memfd(uint64_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* Memory that is not what the WELCOME says, or could shrink under its users. */
static void test_memory(void **state)
{
	static const int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	static const struct {
		uint32_t kind;
		uint64_t bytes;
		int seals;
		unsigned int fds;
		const char *words;
	} cases[] = {
		{ HGSHM_MEMORY_SLICES, FAKE_SLICE_BYTES, sealed & ~F_SEAL_SHRINK, 1,
		  "sent a slice that is not sealed, or not of its size; use the same hgshm for "
		  "both" },
		{ HGSHM_MEMORY_SLICES, FAKE_SLICE_BYTES - 4096, sealed, 1,
		  "sent a slice that is not sealed, or not of its size; use the same hgshm for "
		  "both" },
		{ HGSHM_MEMORY_SLICES, FAKE_SLICE_BYTES, sealed, 2,
		  "shares its memory in a way that this library does not know; use the same hgshm "
		  "for both" },
		{ HGSHM_MEMORY_SLICES, FAKE_SLICE_BYTES, sealed, 0,
		  "shares its memory in a way that this library does not know; use the same hgshm "
		  "for both" },
		{ HGSHM_MEMORY_NAMED, FAKE_SLICE_BYTES, sealed, 1,
		  "shares its memory in a way that this library does not know; use the same hgshm "
		  "for both" },
		{ 99, FAKE_SLICE_BYTES, sealed, 1,
		  "shares its memory in a way that this library does not know; use the same hgshm "
		  "for both" },
		{ HGSHM_MEMORY_WHOLE, FAKE_CLIENTS * FAKE_SLICE_BYTES - 1, 0, 1,
		  "sent memory that is smaller than it says; restart the mapper" },
	};
	struct group *g = *state;
	struct play p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hgshm_msg_welcome w = welcome(g);
		int memory = make_memfd(cases[i].bytes, cases[i].seals);

		begin(&p, g, "");
		w.memory = htole32(cases[i].kind);
		w.h.fds = htole32(1 + cases[i].fds);
		fake_send(p.f.sock, &w, sizeof(w), (int[]){ p.f.own_doorbell, memory, memory },
			  1 + cases[i].fds);
		expect_error(&p, g, -EPROTO, "the mapper at %s %s", g->socket, cases[i].words);
		close(memory);
	}
}

static void test_named_memory(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = welcome(g);
	struct play p;

	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_error(&p, g, -ENOENT, "the memory shmid=%s of the mapper at %s can't be opened: No "
		     "such file or directory", g->shmid, g->socket);

	make_object(g, &w);
	w.shm_ino ^= 1;
	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_error(&p, g, -ESTALE, "shmid=%s here is not the memory of the mapper at %s; run both "
		     "on the same host, with the same /dev/shm", g->shmid, g->socket);

	w.shm_ino ^= 1;
	assert_int_equal(truncate(g->object, 4096), 0);
	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_error(&p, g, -EPROTO, "shmid=%s has 4096 bytes, not the 16384 that the mapper at %s "
		     "announced; restart the mapper", g->shmid, g->socket);

	assert_int_equal(chmod(g->object, 0666), 0);
	begin(&p, g, "");
	fake_send(p.f.sock, &w, sizeof(w), &p.f.own_doorbell, 1);
	expect_error(&p, g, -EACCES, "shmid=%s names a memory object that others own or may open; "
		     "delete %s or choose another shmid", g->shmid, g->object);
}

/* All of a host memory backend, as a VM with memdev= shares it. */
static void test_whole_memory(void **state)
{
	struct group *g = *state;
	struct hgshm_msg_welcome w = welcome(g);
	int memory = make_memfd(FAKE_CLIENTS * FAKE_SLICE_BYTES, 0);
	unsigned char byte = 0x5a;
	struct hgshm *h;
	struct play p;

	begin(&p, g, "");
	w.memory = htole32(HGSHM_MEMORY_WHOLE);
	w.h.fds = htole32(2);
	fake_send(p.f.sock, &w, sizeof(w), (int[]){ p.f.own_doorbell, memory }, 2);
	h = expect_in(&p);
	assert_int_equal(pwrite(memory, &byte, 1, FAKE_INDEX * FAKE_SLICE_BYTES + 7), 1);
	assert_int_equal(host_slice(h, FAKE_INDEX)[7], byte);
	hgshm_close(h);
	close(memory);
	finish(&p, g);
}

static void expect_mapper_dropped(struct play *p, struct hgshm *h, struct group *g)
{
	fake_expect_closed(p->f.line);
	host_wait_peers(h, bit(FAKE_INDEX));
	assert_int_equal(hgshm_poke(h, 0), -ENOTCONN);
	hgshm_close(h);
	finish(p, g);
}

static void test_impossible_news(void **state)
{
	static const uint32_t impossible[] = { 0, FAKE_INDEX, FAKE_CLIENTS, 64, UINT32_MAX };
	struct group *g = *state;
	struct hgshm *h;
	struct play p;

	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		begin(&p, g, "");
		let_in(&p, g);
		fake_mapper_send_peer_up(&p.f, impossible[i], p.f.own_doorbell, p.f.doorbell);
		expect_no_mapper(&p, g, "it tells of peers that can't be");

		begin(&p, g, "");
		let_in(&p, g);
		h = expect_in(&p);
		fake_mapper_send_peer_down(&p.f, impossible[i]);
		expect_mapper_dropped(&p, h, g);
	}
	begin(&p, g, "");
	let_in(&p, g);
	h = expect_in(&p);
	fake_mapper_send_peer_up(&p.f, 1, p.f.own_doorbell, p.f.line);
	expect_mapper_dropped(&p, h, g);
}

/* It is believed about who is there, but nobody is rung without an eventfd. */
static void test_peers_without_doorbells(void **state)
{
	struct group *g = *state;
	struct hgshm *h;
	struct play p;

	begin(&p, g, "");
	let_in(&p, g);
	fake_mapper_send_peers(&p.f, UINT64_MAX);
	h = expect_in(&p);
	host_wait_peers(h, bit(0) | bit(FAKE_INDEX));
	fake_mapper_send_peers(&p.f, UINT64_MAX & ~bit(FAKE_INDEX));
	host_wait_peers(h, 0xf);
	assert_int_equal(hgshm_poke(h, 1), -ENOTCONN);
	assert_int_equal(hgshm_poke_all(h), 0);
	hgshm_close(h);
	finish(&p, g);
}

/* It comes, goes, and sends what it likes at each return; close works all the time. */
static void test_bad_returns(void **state)
{
	struct group *g = *state;
	struct hgshm *h;
	struct play p;

	begin(&p, g, "");
	let_in(&p, g);
	h = expect_in(&p);
	fake_close(&p.f.line);
	fake_close(&p.f.sock);
	host_wait_peers(h, bit(FAKE_INDEX));
	for (int round = 0; round < 3; round++) {
		struct pollfd pollfd = { .fd = p.f.listener, .events = POLLIN };
		struct hgshm_wire_message m;
		int sock;

		assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
		sock = accept4(p.f.listener, NULL, NULL, SOCK_CLOEXEC);
		assert_true(sock >= 0);
		fake_receive(sock, &m, HGSHM_MSG_HELLO);
		hgshm_wire_reset(&m);
		if (round < 2)
			fake_send(sock, "nonsense", round ? 8 : 1, NULL, 0);
		if (round == 2)
			hgshm_close(h);
		close(sock);
	}
	finish(&p, g);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		host_test(test_proper),
		host_test(test_silence),
		host_test(test_hangs_up),
		host_test(test_words_of_others),
		host_test(test_odd_refusal),
		host_test(test_contradictions),
		host_test(test_memory),
		host_test(test_named_memory),
		host_test(test_whole_memory),
		host_test(test_impossible_news),
		host_test(test_peers_without_doorbells),
		host_test(test_bad_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
