/* SPDX-License-Identifier: MIT */
/*
 * How a process joins a group, step by step: it says HELLO over the socket and is
 * answered there; then it hears of the others over the private line until PEERS ends
 * that. Who waits between the steps, and how, is the caller's affair.
 */
#ifndef HGSHM_LIB_MEETING_H
#define HGSHM_LIB_MEETING_H

#include "member.h"
#include "wire.h"

/* A member that has joined, or is about to. */
struct hgshm_client {
	struct hgshm_member member;
	uint32_t wanted_index;		/* HGSHM_INDEX_NONE: any */
	char wanted_shmid[HGSHM_SHMID_BYTES]; /* empty: any */
	bool joined;			/* the memory is known */

	struct hgshm_source line;	/* to the mapper, while it is there; fd -1 otherwise */

	/* joining: once in hgshm_open(), later by the service thread */
	struct hgshm_meeting {
		int sock;		/* -1: no meeting */
		int line;
		int line_mapper;	/* the end that goes to the mapper */
		int own_doorbell;
		bool greeted;		/* WELCOME has come */
		struct hgshm_wire_message message;
	} meeting;

	/* the mapper is away */
	struct hgshm_source meeting_source;
	int64_t look_interval_ns;
	int64_t back_ns;		/* when it was back last; 0: never */
};

/* meeting.c; takes the socket. Failures are explained by hgshm_fail(). */
int hgshm_meeting_begin(struct hgshm_client *client, int sock);
/* 0: done; -EAGAIN: wait until hgshm_meeting_fd() is readable; else failed. */
int hgshm_meeting_step(struct hgshm_client *client);
int hgshm_meeting_fd(const struct hgshm_client *client);
int hgshm_meeting_explain(const struct hgshm_client *client, int error);
void hgshm_meeting_end(struct hgshm_client *client);

/* news.c: what the mapper says on the line. 0, or -EPROTO if it should not have. */
int hgshm_client_take_news(struct hgshm_client *client, struct hgshm_wire_message *message);

/* rejoin.c: the way back to a mapper that was away */
void hgshm_rejoin_begin(struct hgshm_client *client);
void hgshm_rejoin_alarm(void *of);

/* join.c: the line goes from the meeting to the client */
int hgshm_client_take_line(struct hgshm_client *client);

#endif /* HGSHM_LIB_MEETING_H */
