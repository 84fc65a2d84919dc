/* SPDX-License-Identifier: MIT */
/*
 * Message rings beside what the system has, between two processes: messages a second one
 * way, the round trip of one message, and what waiting costs
 *
 * Contestants take turns, each message's content is checked, medians count.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "carrier.h"

#define ROUNDS		7
#define LEAST_NS	INT64_C(60000000)	/* of a measurement */
#define IDLE_MS		1000
#define IDLE_BYTES	64
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct contestant {
	const struct carrier *carrier;
	uint64_t messages;	/* in a measurement; 0: not on this system */
	double ns[ROUNDS];	/* for one message */
};

static void say(int line)
{
	carrier_must(write(line, "", 1) == 1, "write");
}

static void hear(int line)
{
	char byte;

	carrier_must(read(line, &byte, 1) == 1, "the other process");
}

/* How long it takes, from the first message to the word that the last has come; 0: not here. */
static int64_t measure(const struct carrier *carrier, size_t bytes, uint64_t messages,
		       bool round_trip)
{
	struct carrier_end ends[2];
	int lines[2], status;
	int64_t begin_ns, ns;
	pid_t pid;

	if (!carrier->make(ends, bytes))
		return 0;
	carrier_must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines), "socketpair");
	pid = fork();
	carrier_must(pid >= 0, "fork");
	if (!pid) {
		close(lines[0]);
		say(lines[1]);
		carrier_play_receiver(&ends[1], messages, round_trip);
		say(lines[1]);
		_exit(0);
	}
	close(lines[1]);
	hear(lines[0]);
	begin_ns = carrier_now_ns();
	carrier_play_sender(&ends[0], messages, round_trip);
	hear(lines[0]);
	ns = carrier_now_ns() - begin_ns;
	close(lines[0]);
	carrier_must(waitpid(pid, &status, 0) == pid && !status, "the other process");
	carrier->free(ends);
	return ns;
}

/* As many messages as take long enough, twice: once it may be the machine that was busy. */
static void calibrate(struct contestant *c, size_t bytes, bool round_trip)
{
	uint64_t messages = 1000;
	int64_t ns;

	do {
		messages *= 2;
		ns = measure(c->carrier, bytes, messages, round_trip);
		if (!ns)
			return;
	} while (ns < LEAST_NS / 2 ||
		 measure(c->carrier, bytes, messages, round_trip) < LEAST_NS / 2);
	c->messages = messages;
}

/* Round by round, so that what else the machine does hits all alike. */
static void run_all(struct contestant *all, size_t count, size_t bytes, bool round_trip)
{
	for (size_t i = 0; i < count; i++)
		calibrate(&all[i], bytes, round_trip);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			if (all[i].messages)
				all[i].ns[round] = (double)measure(all[i].carrier, bytes,
					all[i].messages, round_trip) / all[i].messages;
	for (size_t i = 0; i < count; i++)
		carrier_sort(all[i].ns, ROUNDS);
}

static double median(const struct contestant *c)
{
	return c->ns[ROUNDS / 2];
}

static void bench_streaming(size_t bytes)
{
	struct contestant all[] = {
		{ &carrier_ring, 0, { 0 } }, { &carrier_ring_batch, 0, { 0 } },
		{ &carrier_seqpacket, 0, { 0 } }, { &carrier_stream, 0, { 0 } },
		{ &carrier_pipe, 0, { 0 } }, { &carrier_tcp, 0, { 0 } }, { &carrier_mq, 0, { 0 } },
	};

	run_all(all, ARRAY_SIZE(all), bytes, false);
	printf("\nMessages of %zu bytes one way, millions a second, median of %d\n", bytes, ROUNDS);
	printf("%-24s %10s %14s %22s\n", "", "million/s", "ring is times", "ring in batches times");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i].messages)
			printf("%-24s   not on this system\n", all[i].carrier->name);
		else if (i < 2)
			printf("%-24s %10.3f\n", all[i].carrier->name, 1e3 / median(&all[i]));
		else
			printf("%-24s %10.3f %14.1f %22.1f\n", all[i].carrier->name,
			       1e3 / median(&all[i]), median(&all[i]) / median(&all[0]),
			       median(&all[i]) / median(&all[1]));
	}
}

static void bench_round_trip(size_t bytes)
{
	struct contestant all[] = {
		{ &carrier_ring_sleep, 0, { 0 } }, { &carrier_ring_spin, 0, { 0 } },
		{ &carrier_eventfd, 0, { 0 } }, { &carrier_seqpacket, 0, { 0 } },
		{ &carrier_stream, 0, { 0 } }, { &carrier_pipe, 0, { 0 } },
		{ &carrier_tcp, 0, { 0 } }, { &carrier_mq, 0, { 0 } },
	};

	run_all(all, ARRAY_SIZE(all), bytes, true);
	printf("\nRound trip of a message of %zu bytes, microseconds, median of %d\n", bytes, ROUNDS);
	printf("%-24s %10s %10s %22s %18s\n", "", "median", "least", "to ring, sleeping",
	       "to ring, polling");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i].messages)
			printf("%-24s   not on this system\n", all[i].carrier->name);
		else
			printf("%-24s %10.2f %10.2f %22.2f %18.1f\n", all[i].carrier->name,
			       median(&all[i]) / 1e3, all[i].ns[0] / 1e3,
			       median(&all[i]) / median(&all[0]), median(&all[i]) / median(&all[1]));
	}
}

static int64_t cpu_ns(void)
{
	struct timespec used;

	carrier_must(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), "clock_gettime");
	return used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
}

/* What the process of a receiver uses while nothing comes, and then one message. */
static int64_t idle_cpu_ns(const struct carrier *carrier)
{
	struct carrier_end ends[2];
	int lines[2], status;
	int64_t used_ns;
	pid_t pid;

	carrier_must(carrier->make(ends, IDLE_BYTES), carrier->name);
	carrier_must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines), "socketpair");
	pid = fork();
	carrier_must(pid >= 0, "fork");
	if (!pid) {
		int64_t begin_ns = cpu_ns();

		say(lines[1]);
		carrier_play_receiver(&ends[1], 1, false);
		used_ns = cpu_ns() - begin_ns;
		carrier_must(write(lines[1], &used_ns, sizeof(used_ns)) == sizeof(used_ns),
			     "write");
		_exit(0);
	}
	close(lines[1]);
	hear(lines[0]);
	poll(NULL, 0, IDLE_MS);
	carrier_play_sender(&ends[0], 1, false);
	carrier_must(read(lines[0], &used_ns, sizeof(used_ns)) == sizeof(used_ns),
		     "the other process");
	close(lines[0]);
	carrier_must(waitpid(pid, &status, 0) == pid && !status, "the other process");
	carrier->free(ends);
	return used_ns;
}

static void bench_idle(void)
{
	static const struct carrier *const carriers[] = {
		&carrier_ring, &carrier_ring_sleep, &carrier_eventfd, &carrier_seqpacket,
	};

	printf("\nProcessor time of one that waits for %d ms\n", IDLE_MS);
	printf("%-24s %14s %14s\n", "", "microseconds", "of the wait");
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		double used_us = idle_cpu_ns(carriers[i]) / 1e3;

		printf("%-24s %14.0f %13.3f%%\n", carriers[i]->name, used_us,
		       used_us / 10 / IDLE_MS);
	}
}

int main(void)
{
	static const size_t sizes[] = { 8, 64, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_streaming(sizes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		bench_round_trip(sizes[i]);
	bench_idle();
	putchar('\n');
	return 0;
}
