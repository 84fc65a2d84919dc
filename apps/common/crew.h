/* SPDX-License-Identifier: MIT */
/**
 * DOC: crew, the coordinator's view of its workers
 *
 * What carries tasks to workers and completions back: shared memory, TCP, or a test. Workers
 * are numbered from 0. All functions are called from one thread, return 0 or a negative
 * errno, and on failure say why in @problem.
 */
#ifndef COMMON_CREW_H
#define COMMON_CREW_H

#include <stddef.h>
#include <stdint.h>

#include <hgshm/mapreduce.h>

#include "problem.h"

#define CREW_NAME_BYTES 64

/* Workers at most; a group has 64 VMs, and one of them is the mapper. */
#define CREW_WORKERS_MAX 63

/**
 * struct crew_task - a task, in terms that no transport matters to
 * @id: grows by one a task
 * @op: HGSHM_MR_OP_*
 * @buffer: MAP: which of the worker's input buffers
 * @offset: MAP: of the chunk in it
 * @bytes: MAP: of the chunk
 * @stream_offset: MAP: of the chunk in the whole input
 * @arena: FLUSH: which result arena
 */
struct crew_task {
	uint64_t id;
	uint16_t op;
	unsigned int buffer;
	size_t offset;
	size_t bytes;
	uint64_t stream_offset;
	unsigned int arena;
};

/**
 * struct crew_done - a completion, checked against its task
 * @done: what the worker said
 * @result: FLUSH: private copy of the result, valid until the next call of take
 */
struct crew_done {
	struct hgshm_mr_done done;
	const void *result;
};

struct crew;

/**
 * struct crew_ops - a transport
 * @buffer: one of a worker's %HGSHM_MR_INPUT_BUFFERS input buffers, page aligned and of
 *	input_buffer_bytes(); it is the worker's from post until take returns the task's
 *	completion
 * @post: gives a worker a task; at most %HGSHM_MR_RING_ENTRIES may be outstanding
 * @take: 1 and the next completion of a worker, in the order of its tasks, or 0 if there is
 *	none yet. -EPROTO for a completion that does not fit its task, the task's own status
 *	if it failed, -EPIPE or the like if the worker is lost.
 * @wait: returns when @take may have something, when a signal came, or after timeout_ns
 * @name: of a worker, for people
 */
struct crew_ops {
	unsigned char *(*buffer)(struct crew *crew, unsigned int worker, unsigned int buffer);
	int (*post)(struct crew *crew, unsigned int worker, const struct crew_task *task,
		    struct problem *problem);
	int (*take)(struct crew *crew, unsigned int worker, struct crew_done *done,
		    struct problem *problem);
	int (*wait)(struct crew *crew, int64_t timeout_ns, struct problem *problem);
	void (*name)(struct crew *crew, unsigned int worker, char name[CREW_NAME_BYTES]);
};

/* Transports embed it. */
struct crew {
	const struct crew_ops *ops;
	unsigned int workers;
};

/*
 * Room for one record of a whole chunk and its head, so that no record is too long for a
 * portion; a multiple of the page size.
 */
static inline size_t crew_arena_bytes(size_t chunk_bytes)
{
	return 2 * chunk_bytes + 4096;
}

#endif /* COMMON_CREW_H */
