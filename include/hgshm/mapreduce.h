/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: MapReduce over shared memory, layout contract
 *
 * One *mapper* (index 0) hands out work, each other VM is a *worker*.
 *
 * **Slice 0** starts with one &struct hgshm_mr_job, the broadcast job block.
 * Workers only read it and may have been given it read-only.
 *
 * **A worker's own slice**, seen by the mapper and that worker alone:
 *
 * ==============================  ==========================================
 * offset                          content
 * ==============================  ==========================================
 * %HGSHM_MR_MAPPER_LINE_OFFSET    &struct hgshm_mr_mapper_line, the mapper writes
 * %HGSHM_MR_WORKER_LINE_OFFSET    &struct hgshm_mr_worker_line, the worker writes
 * %HGSHM_MR_TASK_RING_OFFSET      %HGSHM_MR_RING_ENTRIES of &struct hgshm_mr_task,
 *                                 the mapper writes
 * %HGSHM_MR_DONE_RING_OFFSET      %HGSHM_MR_RING_ENTRIES of &struct hgshm_mr_done,
 *                                 the worker writes
 * %HGSHM_MR_DATA_OFFSET           %HGSHM_MR_INPUT_BUFFERS input buffers, which the
 *                                 mapper writes, then %HGSHM_MR_RESULT_ARENAS
 *                                 result arenas, which the worker writes; each
 *                                 starts on a page. Where each lies is said by
 *                                 the task that uses it.
 * ==============================  ==========================================
 *
 * A task names its bytes by offset from the start of the worker's slice, never by
 * address. Whoever reads an entry or a line of the other side copies it to memory
 * of its own once, and checks the copy; it never reads back what it wrote itself.
 *
 * **Rings** are single-producer, single-consumer. Indices run freely over 32
 * bits; entry i lives at i modulo %HGSHM_MR_RING_ENTRIES; tail minus head is the
 * number of entries in use, and more than %HGSHM_MR_RING_ENTRIES of them is an
 * error of the other side. The mapper owns ``task_tail`` and ``done_head``, the
 * worker ``task_head`` and ``done_tail``.
 *
 * **Memory ordering**: the producer stores the entry and the data it points to,
 * then the tail (release). The consumer loads the tail (acquire), then reads the
 * entry. To sleep, a consumer stores ``need_wakeup`` = 1, loads the tail again,
 * and sleeps, for a bounded time, only if it is unchanged. The producer stores the
 * tail, loads the consumer's ``need_wakeup``, and rings if it is 1. These four
 * accesses are sequentially consistent, so that not both can miss the other. The
 * doorbell itself orders as regs.h says.
 *
 * **Attaching**: memory may hold what an earlier run left, and either side may
 * start first or restart. The mapper writes its line in each slice (indices 0,
 * ``attached`` 0, a random ``job_id``), then the job block with the same
 * ``job_id``. A worker that sees a job it has not served yet sets its own line
 * (indices 0, ``status``, a random ``nonce``), stores ``job_id`` last (release)
 * and rings the mapper. The mapper acknowledges by copying ``nonce`` into
 * ``attached`` (release). A worker takes tasks only while ``attached`` is its
 * nonce, and the mapper trusts completions only while ``nonce`` is the one that
 * it acknowledged.
 *
 * The mapper ends a job by an %HGSHM_MR_OP_END task to each worker and then by
 * setting the job block's state; it gives one up by storing ``attached`` = 0 and
 * the state %HGSHM_MR_JOB_ABORTED.
 *
 * Both sides run on one host: integers are in its byte order. The client-server
 * comparison sends the same job, task and done structs over TCP, where the bytes
 * that an offset would point to follow the struct and offsets are 0.
 *
 * All crc32c values are CRC-32C (Castagnoli; reflected polynomial 0x82F63B78,
 * initial value and final xor 0xFFFFFFFF).
 */
#ifndef HGSHM_MAPREDUCE_H
#define HGSHM_MAPREDUCE_H

#include <linux/types.h>

#include "layout.h"

#define HGSHM_MR_MAGIC			0x524D4748u /* "HGMR" in memory */
#define HGSHM_MR_VERSION		1

#define HGSHM_MR_RING_ENTRIES		32	/* a power of two */
#define HGSHM_MR_INPUT_BUFFERS		3
#define HGSHM_MR_RESULT_ARENAS		2

/* offsets in a worker's slice, bytes */
#define HGSHM_MR_MAPPER_LINE_OFFSET	0x0000
#define HGSHM_MR_WORKER_LINE_OFFSET	0x0080	/* not the neighbour line, which prefetchers pair */
#define HGSHM_MR_TASK_RING_OFFSET	0x1000
#define HGSHM_MR_DONE_RING_OFFSET	0x2000
#define HGSHM_MR_DATA_OFFSET		0x4000

/* offset in slice 0, bytes */
#define HGSHM_MR_JOB_OFFSET		0x0000

#define HGSHM_MR_JOB_NAME_BYTES		32	/* with its terminating NUL */
#define HGSHM_MR_JOB_PARAMS_BYTES	128	/* with its terminating NUL */

/* struct hgshm_mr_job.state */
#define HGSHM_MR_JOB_OPEN		1	/* workers may attach */
#define HGSHM_MR_JOB_CLOSED		2	/* done */
#define HGSHM_MR_JOB_ABORTED		3	/* given up */

/**
 * struct hgshm_mr_job - the broadcast job block
 * @magic: %HGSHM_MR_MAGIC
 * @version: %HGSHM_MR_VERSION; this struct keeps its place and @magic in all versions
 * @sequence: odd while the mapper writes the block; a reader takes it before and
 *	after copying and starts again where they differ or are odd
 * @state: HGSHM_MR_JOB_*
 * @epoch: what the tasks of this job carry
 * @job_id: random, different for each run, never 0
 * @chunk_bytes: most new input in one task; a task's input is at most twice that,
 *	the tail of the chunk before included
 * @table_bytes: a worker whose partial results take more memory than this asks
 *	for a flush
 * @hash_seed: seed of the job's hash, so that all parties order partial results alike
 * @name: the job, NUL-terminated and NUL-padded
 * @params: the job's own parameters as text, NUL-terminated and NUL-padded
 * @reserved: 0
 * @crc32c: of all bytes from @epoch up to here
 */
struct hgshm_mr_job {
	__u32 magic;
	__u32 version;
	__u32 sequence;
	__u32 state;
	__u64 epoch;
	__u64 job_id;
	__u64 chunk_bytes;
	__u64 table_bytes;
	__u64 hash_seed;
	__u8 name[HGSHM_MR_JOB_NAME_BYTES];
	__u8 params[HGSHM_MR_JOB_PARAMS_BYTES];
	__u32 reserved;
	__u32 crc32c;
};

/**
 * struct hgshm_mr_mapper_line - what the mapper writes in a worker's slice
 * @job_id: the job that the rings are set for
 * @attached: the worker's nonce once the mapper has acknowledged it, otherwise 0
 * @task_tail: producer index of the task ring
 * @done_head: consumer index of the done ring
 * @need_wakeup: 1: the mapper sleeps, ring it after a completion
 * @heartbeat: changes at least once a second while the mapper works on the job
 * @reserved: 0
 */
struct hgshm_mr_mapper_line {
	__u64 job_id;
	__u64 attached;
	__u32 task_tail;
	__u32 done_head;
	__u32 need_wakeup;
	__u32 heartbeat;
	__u64 reserved[4];
};

/**
 * struct hgshm_mr_worker_line - what the worker writes in its slice
 * @job_id: the job that it is attached to, or wants to be
 * @nonce: random, different for each attempt to attach, never 0
 * @task_head: consumer index of the task ring
 * @done_tail: producer index of the done ring
 * @need_wakeup: 1: the worker sleeps, ring it after a task
 * @heartbeat: changes with each task that the worker begins
 * @status: 0, or why it refuses the job, as a negative errno
 * @reserved: 0
 */
struct hgshm_mr_worker_line {
	__u64 job_id;
	__u64 nonce;
	__u32 task_head;
	__u32 done_tail;
	__u32 need_wakeup;
	__u32 heartbeat;
	__s32 status;
	__u32 reserved[7];
};

/* struct hgshm_mr_task.op */
#define HGSHM_MR_OP_MAP			1	/* map the input, combine in private memory */
#define HGSHM_MR_OP_FLUSH		2	/* write the next portion of partial results */
#define HGSHM_MR_OP_END			3	/* the job is over: forget it */

/**
 * struct hgshm_mr_task - descriptor: what a worker is to do
 * @task_id: grows by one a task, from 1, over the whole job
 * @input_offset: MAP: first byte of the input, in the worker's slice
 * @input_bytes: MAP: bytes of input
 * @stream_offset: MAP: where these bytes start in the whole input
 * @arena_offset: FLUSH: where the result goes, in the worker's slice
 * @arena_bytes: FLUSH: room for it
 * @epoch: low half of &struct hgshm_mr_job.epoch
 * @op: HGSHM_MR_OP_*
 * @flags: 0
 * @reserved: 0
 * @crc32c: of the bytes before it
 *
 * Fields that an op does not list are 0.
 */
struct hgshm_mr_task {
	__u64 task_id;
	__u64 input_offset;
	__u64 input_bytes;
	__u64 stream_offset;
	__u64 arena_offset;
	__u64 arena_bytes;
	__u32 epoch;
	__u16 op;
	__u16 flags;
	__u32 reserved;
	__u32 crc32c;
};

/* struct hgshm_mr_done.flags */
#define HGSHM_MR_DONE_MORE		0x1	/* FLUSH: another portion is left */
#define HGSHM_MR_DONE_PRESSURE		0x2	/* MAP: over table_bytes, please flush */
#define HGSHM_MR_DONE_FLAGS		0x3

/**
 * struct hgshm_mr_done - completion: what a worker has done
 * @task_id: the task's
 * @result_offset: FLUSH: the task's arena_offset, otherwise 0
 * @result_bytes: FLUSH: bytes of result there, at most the task's arena_bytes
 * @records: MAP: records counted in the input; FLUSH: records in the result
 * @ns: time that the worker took, nanoseconds
 * @epoch: the task's
 * @op: the task's
 * @flags: HGSHM_MR_DONE_*
 * @status: 0, or a negative errno: -EPROTO for a task that breaks this contract,
 *	-ENOMEM for no memory
 * @result_crc32c: FLUSH: of the result, otherwise 0
 * @reserved: 0
 * @crc32c: of the bytes before it
 *
 * A FLUSH whose completion has no %HGSHM_MR_DONE_MORE commits every MAP task that
 * the worker took before it. Between the first portion and that one the mapper
 * sends no MAP.
 */
struct hgshm_mr_done {
	__u64 task_id;
	__u64 result_offset;
	__u64 result_bytes;
	__u64 records;
	__u64 ns;
	__u32 epoch;
	__u16 op;
	__u16 flags;
	__s32 status;
	__u32 result_crc32c;
	__u32 reserved;
	__u32 crc32c;
};

HGSHM_ASSERT_SIZE(struct hgshm_mr_job, 224);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_job, epoch, 16);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_job, name, 56);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_job, crc32c, 220);
HGSHM_ASSERT_SIZE(struct hgshm_mr_mapper_line, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_mapper_line, heartbeat, 28);
HGSHM_ASSERT_SIZE(struct hgshm_mr_worker_line, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_worker_line, status, 32);
HGSHM_ASSERT_SIZE(struct hgshm_mr_task, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_task, epoch, 48);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_task, crc32c, 60);
HGSHM_ASSERT_SIZE(struct hgshm_mr_done, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_done, epoch, 40);
HGSHM_ASSERT_OFFSET(struct hgshm_mr_done, crc32c, 60);
HGSHM_STATIC_ASSERT((HGSHM_MR_RING_ENTRIES & (HGSHM_MR_RING_ENTRIES - 1)) == 0,
		    "ring entries are not a power of two");
HGSHM_STATIC_ASSERT(HGSHM_MR_TASK_RING_OFFSET + HGSHM_MR_RING_ENTRIES * 64 <=
		    HGSHM_MR_DONE_RING_OFFSET, "the task ring is too long");
HGSHM_STATIC_ASSERT(HGSHM_MR_DONE_RING_OFFSET + HGSHM_MR_RING_ENTRIES * 64 <=
		    HGSHM_MR_DATA_OFFSET, "the done ring is too long");

#endif /* HGSHM_MAPREDUCE_H */
