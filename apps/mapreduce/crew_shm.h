/* SPDX-License-Identifier: MIT */
/* A crew of VMs, reached through their slices. */
#ifndef MAPREDUCE_CREW_SHM_H
#define MAPREDUCE_CREW_SHM_H

#include <stdatomic.h>

#include <hgshm/hgshm.h>

#include "crew.h"
#include "report.h"
#include "rings.h"
#include "task.h"

struct shm_worker {
	uint32_t index;			/* of the VM */
	struct rings rings;
	__u64 nonce;			/* as acknowledged */
	__u32 task_tail;
	__u32 done_head;
	bool ended;			/* has completed its last task */
	unsigned char *result;		/* private copy of a portion */
	struct task_queue queue;
};

struct shm_crew {
	struct crew crew;
	struct hgshm *h;
	struct hgshm_mr_job *shared_job;
	struct hgshm_mr_job job;
	struct hgshm_stats at_start;
	size_t chunk_bytes;
	__u32 heartbeat;
	struct shm_worker worker[CREW_WORKERS_MAX];
};

extern const struct crew_ops shm_crew_ops;

/*
 * Publishes the job and waits until enough workers have taken it up: as many as workers
 * says, or all VMs of the group but this one if it is 0.
 *
 *   - -EINVAL: this VM is not the mapper, the group has too few VMs, or a slice is too small
 *   - -ETIMEDOUT: some did not come; the text says which
 *   - -EINTR: interrupted
 *   - a worker's own error, if it refuses the job
 */
int shm_crew_open(struct shm_crew *crew, struct hgshm *h, const struct job_request *request,
		  unsigned int workers, int64_t wait_ns, const atomic_int *interrupted,
		  struct problem *problem);

/* Rings since shm_crew_open, by worker. */
int shm_crew_doorbells(struct shm_crew *crew, struct doorbells *doorbells);

/* Tells the workers that the job is over, well or not, and frees all. */
void shm_crew_close(struct shm_crew *crew, bool completed);

#endif /* MAPREDUCE_CREW_SHM_H */
