/* SPDX-License-Identifier: MIT */
/* Gathering a crew: publishing a job, and who has taken it up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crew_shm.h"
#include "layout.h"

#define WAIT_NS (250 * NS_PER_MS)

/* All VMs but this one, before it is known which of them will work. */
struct gathering {
	struct shm_crew *crew;
	struct hgshm_info info;
	unsigned int wanted;
	int64_t wait_ns;
	const atomic_int *interrupted;
	struct rings rings[HGSHM_PEERS_MAX];
	bool attached[HGSHM_PEERS_MAX];
};

static int check_group(struct gathering *g, struct problem *problem)
{
	uint32_t others = g->info.clients - 1;
	size_t chunk_bytes = g->crew->chunk_bytes;

	if (g->info.index)
		return problem_set(problem, -EINVAL, "this is VM %u; only VM 0 can hand out work",
				   g->info.index);
	if (!others)
		return problem_set(problem, -EINVAL, "the group has clients=1: there is no VM to "
				   "work for this one");
	if (g->wanted > others)
		return problem_set(problem, -EINVAL, "--workers %u: the group has clients=%u, that "
				   "is %u workers", g->wanted, g->info.clients, others);
	if (!g->wanted)
		g->wanted = others;
	if (g->info.slice_bytes < layout_slice_bytes(chunk_bytes))
		return problem_set(problem, -EINVAL, "--chunk-bytes %zu: needs slices of %zu bytes, "
				   "they have %llu; %zu is the most that fits", chunk_bytes,
				   layout_slice_bytes(chunk_bytes),
				   (unsigned long long)g->info.slice_bytes,
				   layout_chunk_bytes_max(g->info.slice_bytes));
	return 0;
}

/* Nothing that an earlier run left in a slice may be taken for this job's. */
static int prepare_slices(struct gathering *g, struct problem *problem)
{
	size_t bytes;
	void *slice;
	int ret;

	for (uint32_t i = 1; i < g->info.clients; i++) {
		ret = hgshm_slice(g->crew->h, i, &slice, &bytes);
		if (ret)
			return problem_set(problem, ret, "%s", hgshm_strerror(ret));
		rings_at(&g->rings[i], slice);
		shared_store(&g->rings[i].mapper->attached, 0);
		shared_store(&g->rings[i].mapper->task_tail, 0);
		shared_store(&g->rings[i].mapper->done_head, 0);
		shared_store(&g->rings[i].mapper->need_wakeup, 0);
		shared_store(&g->rings[i].mapper->heartbeat, 0);
		shared_store(&g->rings[i].mapper->job_id, g->crew->job.job_id);
	}
	return 0;
}

/* The epoch goes on from the job before, if there was one. */
static int prepare_job(struct shm_crew *crew, const struct job_request *request,
		       struct problem *problem)
{
	__u64 epoch = 1;
	size_t bytes;
	void *slice;
	int ret;

	ret = hgshm_slice(crew->h, 0, &slice, &bytes);
	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	crew->shared_job = (void *)((char *)slice + HGSHM_MR_JOB_OFFSET);
	if (shared_load(&crew->shared_job->magic) == HGSHM_MR_MAGIC)
		epoch += shared_load(&crew->shared_job->epoch);
	if (job_block_fill(&crew->job, request, epoch))
		return problem_set(problem, -EIO, "no random numbers from the kernel");
	return 0;
}

static int add_worker(struct gathering *g, uint32_t index, struct problem *problem)
{
	struct shm_worker *worker = g->crew->worker + g->crew->crew.workers;

	*worker = (struct shm_worker){
		.index = index,
		.rings = g->rings[index],
		.nonce = shared_load(&g->rings[index].worker->nonce),
	};
	worker->result = malloc(crew_arena_bytes(g->crew->chunk_bytes));
	if (!worker->result)
		return problem_set(problem, -ENOMEM, "no memory for results of VM %u", index);
	g->crew->crew.workers++;
	g->attached[index] = true;
	shared_store(&worker->rings.mapper->attached, worker->nonce);
	hgshm_poke(g->crew->h, index);
	return 0;
}

static int look_around(struct gathering *g, struct problem *problem)
{
	int status, ret;

	for (uint32_t i = 1; i < g->info.clients && g->crew->crew.workers < g->wanted; i++) {
		if (g->attached[i] ||
		    shared_load(&g->rings[i].worker->job_id) != g->crew->job.job_id)
			continue;
		status = shared_load(&g->rings[i].worker->status);
		if (status)
			return problem_set(problem, status > 0 || status < -4095 ? -EPROTO : status,
					   "VM %u can't do the job; its own message says why", i);
		ret = add_worker(g, i, problem);
		if (ret)
			return ret;
	}
	return 0;
}

static int say_who_is_missing(struct gathering *g, struct problem *problem)
{
	char who[256] = "";
	size_t used = 0;

	if (hgshm_get_info(g->crew->h, &g->info))
		return problem_set(problem, -ENODEV, "the hgshm device is gone");
	for (uint32_t i = 1; i < g->info.clients && used < sizeof(who); i++)
		if (!g->attached[i])
			used += snprintf(who + used, sizeof(who) - used, "%s VM %u %s",
					 used ? "," : "", i, g->info.peers >> i & 1 ?
					 "is up but runs no worker" : "is not running");
	return problem_set(problem, -ETIMEDOUT, "%u of %u workers came within %.0f s (--wait):%s",
			   g->crew->crew.workers, g->wanted, (double)g->wait_ns / NS_PER_SECOND,
			   who);
}

static int by_index(const void *one, const void *other)
{
	const struct shm_worker *a = one, *b = other;

	return (a->index > b->index) - (a->index < b->index);
}

/* Those who came wait for the others, and want to see that the mapper lives. */
static void beat(struct gathering *g)
{
	g->crew->heartbeat++;
	for (uint32_t i = 1; i < g->info.clients; i++)
		shared_store(&g->rings[i].mapper->heartbeat, g->crew->heartbeat);
}

static int gather(struct gathering *g, struct problem *problem)
{
	int64_t end_ns = clock_ns() + g->wait_ns;
	int ret;

	hgshm_poke_all(g->crew->h);
	for (;;) {
		int64_t left_ns = end_ns - clock_ns();

		beat(g);
		ret = look_around(g, problem);
		if (ret)
			return ret;
		if (g->crew->crew.workers == g->wanted)
			break;
		if (g->interrupted && *g->interrupted)
			return problem_set(problem, -EINTR, "interrupted");
		if (left_ns <= 0)
			return say_who_is_missing(g, problem);
		ret = hgshm_wait(g->crew->h, left_ns < WAIT_NS ? left_ns : WAIT_NS, NULL);
		if (ret && ret != -ETIMEDOUT && ret != -EINTR)
			return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	}
	qsort(g->crew->worker, g->wanted, sizeof(g->crew->worker[0]), by_index);
	return 0;
}

int shm_crew_open(struct shm_crew *crew, struct hgshm *h, const struct job_request *request,
		  unsigned int workers, int64_t wait_ns, const atomic_int *interrupted,
		  struct problem *problem)
{
	struct gathering g = {
		.crew = crew,
		.wanted = workers,
		.wait_ns = wait_ns,
		.interrupted = interrupted,
	};
	int ret;

	memset(crew, 0, sizeof(*crew));
	crew->crew.ops = &shm_crew_ops;
	crew->h = h;
	crew->chunk_bytes = request->chunk_bytes;
	ret = hgshm_get_info(h, &g.info);
	if (ret)
		return problem_set(problem, ret, "%s", hgshm_strerror(ret));
	ret = check_group(&g, problem);
	if (ret)
		return ret;
	ret = prepare_job(crew, request, problem);
	if (!ret)
		ret = prepare_slices(&g, problem);
	if (ret)
		return ret;
	job_block_publish(crew->shared_job, &crew->job);
	ret = gather(&g, problem);
	if (ret) {
		shm_crew_close(crew, false);
		return ret;
	}
	hgshm_get_stats(h, &crew->at_start);
	return 0;
}

void shm_crew_close(struct shm_crew *crew, bool completed)
{
	if (!completed)
		for (unsigned int w = 0; w < crew->crew.workers; w++)
			shared_store(&crew->worker[w].rings.mapper->attached, 0);
	job_block_set_state(crew->shared_job,
			    completed ? HGSHM_MR_JOB_CLOSED : HGSHM_MR_JOB_ABORTED);
	hgshm_poke_all(crew->h);
	for (unsigned int w = 0; w < crew->crew.workers; w++)
		free(crew->worker[w].result);
	crew->crew.workers = 0;
}
