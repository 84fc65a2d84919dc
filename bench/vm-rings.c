/* SPDX-License-Identifier: MIT */
/*
 * Message rings beside TCP over virtio-net, between two VMs
 *
 * usage: bench-vm-rings ADDRESS      in VM 0, which measures, with the address of VM 1
 *        bench-vm-rings              in VM 1
 *
 * VM 0 says over a TCP connection of its own what comes, both play it, contestants take
 * turns, each message's content is checked, medians count.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hgshm/ring.h>

#include "carrier.h"

#define PORT		7740
#define ROUNDS		5
#define LEAST_NS	INT64_C(200000000)	/* of a measurement */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum { RING, RING_BATCH, TCP, CARRIERS };

static const char *const names[CARRIERS] = { "ring", "ring, batches of 32", "TCP, virtio-net" };

/* What comes next; no messages: the end. */
struct order {
	uint64_t messages;
	uint32_t bytes;
	uint16_t carrier;
	uint16_t round_trip;
};

/* One VM's ways to the other. */
struct site {
	int control_fd;
	int tcp_fd;
	struct hgshm *h;
	struct hgshm_ring *in, *out;
};

static void must_ring(int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "bench: %s\n", hgshm_strerror(ret));
	exit(1);
}

static void open_rings(struct site *site, uint32_t peer)
{
	struct hgshm_options options = { .struct_bytes = sizeof(options) };

	must_ring(hgshm_open(&site->h, NULL, &options));
	/* Both open the ring from 0 to 1 first. */
	if (peer)
		must_ring(hgshm_ring_open(&site->out, site->h, peer, HGSHM_RING_PRODUCER, -1, NULL));
	must_ring(hgshm_ring_open(&site->in, site->h, peer, HGSHM_RING_CONSUMER, -1, NULL));
	if (!peer)
		must_ring(hgshm_ring_open(&site->out, site->h, peer, HGSHM_RING_PRODUCER, -1, NULL));
}

static void connect_to(struct site *site, const char *where)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int *fds[] = { &site->control_fd, &site->tcp_fd };

	carrier_must(inet_pton(AF_INET, where, &address.sin_addr) == 1, where);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		*fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		carrier_must(*fds[i] >= 0 &&
			     !connect(*fds[i], (void *)&address, sizeof(address)), "connect");
	}
}

static int listen_here(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	carrier_must(listener >= 0 && !bind(listener, (void *)&address, sizeof(address)) &&
		     !listen(listener, 2), "listen");
	return listener;
}

static void accept_from(struct site *site, int listener)
{
	site->control_fd = accept(listener, NULL, NULL);
	site->tcp_fd = accept(listener, NULL, NULL);
	carrier_must(site->control_fd >= 0 && site->tcp_fd >= 0, "accept");
	close(listener);
}

static void make_end(const struct site *site, const struct order *order, struct carrier_end *end)
{
	if (order->carrier == TCP) {
		int fd = dup(site->tcp_fd);

		carrier_must(fd >= 0, "dup");
		carrier_end_of_tcp(end, fd, order->bytes);
	} else {
		carrier_end_of_rings(end, site->in, site->out, order->bytes,
				     order->carrier == RING_BATCH);
	}
}

/* In nanoseconds, till the word that the last message has come. */
static int64_t play_first(const struct site *site, const struct order *order)
{
	struct carrier_end end;
	int64_t begin_ns, ns;
	char byte;

	make_end(site, order, &end);
	carrier_must(write(site->control_fd, order, sizeof(*order)) == sizeof(*order), "order");
	carrier_must(read(site->control_fd, &byte, 1) == 1, "the other VM");
	begin_ns = carrier_now_ns();
	carrier_play_sender(&end, order->messages, order->round_trip);
	carrier_must(read(site->control_fd, &byte, 1) == 1, "the other VM");
	ns = carrier_now_ns() - begin_ns;
	carrier_end_free(&end);
	return ns;
}

static void play_second(const struct site *site)
{
	struct carrier_end end;
	struct order order;

	for (;;) {
		carrier_must(recv(site->control_fd, &order, sizeof(order), MSG_WAITALL) ==
			     sizeof(order), "order");
		if (!order.messages)
			return;
		make_end(site, &order, &end);
		carrier_must(write(site->control_fd, "", 1) == 1, "answer");
		carrier_play_receiver(&end, order.messages, order.round_trip);
		if (order.carrier == RING_BATCH)
			must_ring(hgshm_ring_release(site->in));
		carrier_must(write(site->control_fd, "", 1) == 1, "answer");
		carrier_end_free(&end);
	}
}

/* As many as take long enough, twice: once it may be the machine that was busy. */
static uint64_t calibrate(const struct site *site, struct order order)
{
	for (order.messages = 100;; order.messages *= 2)
		if (play_first(site, &order) >= LEAST_NS / 2 &&
		    play_first(site, &order) >= LEAST_NS / 2)
			return order.messages;
}

static void measure(const struct site *site, uint32_t bytes, bool round_trip)
{
	double ns[CARRIERS][ROUNDS];
	struct order orders[CARRIERS];

	for (int c = 0; c < CARRIERS; c++) {
		orders[c] = (struct order){ .bytes = bytes, .carrier = c, .round_trip = round_trip };
		orders[c].messages = calibrate(site, orders[c]);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int c = 0; c < CARRIERS; c++)
			ns[c][round] = (double)play_first(site, &orders[c]) / orders[c].messages;
	for (int c = 0; c < CARRIERS; c++)
		carrier_sort(ns[c], ROUNDS);
	for (int c = 0; c < CARRIERS; c++) {
		double ours = ns[c][ROUNDS / 2], theirs = ns[TCP][ROUNDS / 2];

		printf("%-12s %5u bytes  %-20s %12.3f %-10s", round_trip ? "round trip" : "one way",
		       bytes, names[c], round_trip ? ours / 1e3 : 1e3 / ours,
		       round_trip ? "us" : "million/s");
		if (c == TCP)
			printf("\n");
		else
			printf(" ratio %.2f\n", theirs / ours);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 8, 64, 4096 };
	const struct order end = { .messages = 0 };
	struct site site;
	int listener;

	if (argc > 1) {
		open_rings(&site, 1);
		connect_to(&site, argv[1]);
		for (int round_trip = 0; round_trip < 2; round_trip++)
			for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
				measure(&site, sizes[i], round_trip);
		carrier_must(write(site.control_fd, &end, sizeof(end)) == sizeof(end), "order");
	} else {
		/* Before the rings, by which VM 0 learns that it may connect. */
		listener = listen_here();
		open_rings(&site, 0);
		accept_from(&site, listener);
		play_second(&site);
	}
	hgshm_ring_close(site.out);
	hgshm_ring_close(site.in);
	hgshm_close(site.h);
	return 0;
}
