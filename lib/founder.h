/* SPDX-License-Identifier: MIT */
/* A member that founded its group: it lets others in and introduces them to each other. */
#ifndef HGSHM_LIB_FOUNDER_H
#define HGSHM_LIB_FOUNDER_H

#include <sys/queue.h>

#include "member.h"
#include "socket.h"
#include "wire.h"

/* How long a connection may be without a whole HELLO, and then without an answer. */
#define HGSHM_STAY_MAX_NS (HGSHM_MEET_MAPPER_TIMEOUT_MS * INT64_C(1000000))

/* A connection that has not said HELLO yet. Each has a deadline of its own, so that one
 * that stays silent holds up nobody. */
struct hgshm_visitor {
	struct hgshm_mapper *mapper;
	struct hgshm_source source;
	int64_t deadline_ns;
	bool unanswered;	/* its HELLO is whole */
	struct hgshm_wire_message message;
	TAILQ_ENTRY(hgshm_visitor) next;
};

/* The private line of a client, fd -1 for none. */
struct hgshm_line {
	struct hgshm_mapper *mapper;
	struct hgshm_source source;
	/* a newcomer, until it has been told of all others */
	bool newcomer;
	uint64_t unmet;		/* bit i: it has not been introduced to client i yet */
	uint32_t half_met;	/* the client that it, the newcomer, was told of alone, or 0 */
	int to_half_met;	/* their doorbells */
	int from_half_met;
	int64_t deadline_ns;
};

struct hgshm_mapper {
	struct hgshm_member member;
	bool mesh;
	bool mapidx_any;
	struct hgshm_listener listener;
	struct hgshm_source arrivals;	/* fd -1 while no descriptor is left to accept with */
	int64_t again_ns;		/* 0, or when to try again what lacked descriptors */
	TAILQ_HEAD(, hgshm_visitor) visitors; /* oldest first, and so by deadline */
	unsigned int visitor_count;
	struct hgshm_line line[HGSHM_CLIENTS_MAX];
};

/* visitors.c */
int hgshm_visitors_begin(struct hgshm_mapper *mapper);
void hgshm_visitors_alarm(void *of);
/* What failed with an error that passes, from the alarm. */
void hgshm_mapper_try_again(struct hgshm_mapper *mapper);
void hgshm_visitors_end(struct hgshm_mapper *mapper);

/* admission.c: answers a visitor's HELLO, which it may take descriptors from. False: it
 * could not for want of descriptors, and can be asked again. */
bool hgshm_answer_hello(struct hgshm_visitor *visitor);
void hgshm_refuse_version(struct hgshm_visitor *visitor);

/* clients.c */
bool hgshm_mapper_index_free(struct hgshm_mapper *mapper, uint32_t index);
/* Takes the descriptors. */
void hgshm_mapper_add_client(struct hgshm_mapper *mapper, uint32_t index, int out_fd, int in_fd,
			     int line_fd);
void hgshm_mapper_introduce_newcomers(struct hgshm_mapper *mapper);
void hgshm_mapper_end_clients(struct hgshm_mapper *mapper);

#endif /* HGSHM_LIB_FOUNDER_H */
