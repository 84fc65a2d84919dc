/* SPDX-License-Identifier: MIT */
/* A crew of servers, reached over TCP. */
#ifndef CLIENTSERVER_CREW_TCP_H
#define CLIENTSERVER_CREW_TCP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "crew.h"
#include "task.h"

/* A task on its way out, with the input that follows it. */
struct tcp_outgoing {
	struct hgshm_mr_task task;
	const unsigned char *input;
};

struct tcp_worker {
	int fd;
	char name[CREW_NAME_BYTES];
	bool ended;			/* has completed its last task */
	unsigned char *buffer[HGSHM_MR_INPUT_BUFFERS];
	unsigned char *result;
	struct task_queue queue;
	struct tcp_outgoing outgoing[HGSHM_MR_RING_ENTRIES];
	unsigned int out_head;
	unsigned int out_tail;
	size_t out_sent;		/* of the oldest one */
	struct hgshm_mr_done done;	/* coming in */
	size_t done_have;
	size_t result_have;
};

struct tcp_crew {
	struct crew crew;
	size_t chunk_bytes;
	struct hgshm_mr_job job;
	struct tcp_worker worker[CREW_WORKERS_MAX];
};

extern const struct crew_ops tcp_crew_ops;

struct tcp_crew_options {
	const char *const *servers;	/* HOST, HOST:PORT or [HOST]:PORT */
	unsigned int count;
	const char *port;		/* for those that name none */
	int64_t wait_ns;		/* for all of them to come up */
	int64_t deadline_ns;
	const atomic_int *interrupted;
};

/*
 * Connects to all servers and gives them the job.
 *
 *   - -EINVAL: a name does not parse or resolve
 *   - -ETIMEDOUT: a server did not come up in time
 *   - -EINTR: interrupted
 *   - -EPROTO: something else than tcpserver answers there
 *   - a server's own error, if it refuses the job
 */
int tcp_crew_open(struct tcp_crew *crew, const struct job_request *request,
		  const struct tcp_crew_options *options, struct problem *problem);
void tcp_crew_close(struct tcp_crew *crew);

#endif /* CLIENTSERVER_CREW_TCP_H */
