/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "member.h"

int hgshm_member_init(struct hgshm_member *member, const struct hgshm_uri *uri,
		      void (*alarm)(void *of), void (*end)(struct hgshm_member *member))
{
	int ret;

	strcpy(member->socket, uri->socket);
	member->end = end;
	hgshm_memory_init(&member->memory);
	ret = hgshm_doorbells_init(&member->doorbells);
	if (ret)
		return ret;
	ret = hgshm_service_init(&member->service, alarm, member);
	if (ret) {
		hgshm_doorbells_close(&member->doorbells);
		return ret;
	}
	pthread_mutex_init(&member->lock, NULL);
	return 0;
}

void hgshm_member_close(void *state)
{
	struct hgshm_member *member = state;

	hgshm_service_stop(&member->service);
	member->end(member);
	hgshm_memory_close(&member->memory);
	hgshm_doorbells_close(&member->doorbells);
	pthread_mutex_destroy(&member->lock);
	free(member);
}

void hgshm_member_settle(struct hgshm_member *member)
{
	eventfd_t count;

	eventfd_read(member->doorbells.news_fd, &count);
	member->told_peers = member->peers;
	member->told_epoch = member->epoch;
}

uint64_t hgshm_member_peers(struct hgshm_member *member)
{
	uint64_t peers;

	pthread_mutex_lock(&member->lock);
	peers = member->peers;
	pthread_mutex_unlock(&member->lock);
	return peers;
}

static void change(struct hgshm_member *member, uint64_t peers, uint32_t status)
{
	bool changed;

	pthread_mutex_lock(&member->lock);
	changed = peers != member->peers || status != member->status;
	if (changed) {
		member->peers = peers;
		member->status = status;
		member->epoch++;
	}
	pthread_mutex_unlock(&member->lock);
	if (changed)
		hgshm_doorbells_tell_news(&member->doorbells);
}

/* Only the service thread changes them, so it may look without the lock. */
void hgshm_member_set_peers(struct hgshm_member *member, uint64_t peers)
{
	change(member, peers, member->status);
}

void hgshm_member_set_stale(struct hgshm_member *member)
{
	change(member, member->peers, member->status | HGSHM_STATUS_MEMORY_STALE);
}

/*
 * In this order: who is told that a peer came can ring it, and whose ring is seen has
 * been told of.
 */
int hgshm_member_connect(struct hgshm_member *member, uint32_t index, int out_fd, int in_fd)
{
	int out_ret, in_ret;

	out_ret = hgshm_doorbells_connect_out(&member->doorbells, index, out_fd);
	hgshm_member_set_peers(member, member->peers | hgshm_bit(index));
	in_ret = hgshm_doorbells_connect_in(&member->doorbells, index, in_fd);
	return out_ret ? out_ret : in_ret;
}

void hgshm_member_disconnect(struct hgshm_member *member, uint32_t index)
{
	hgshm_doorbells_disconnect(&member->doorbells, index);
	hgshm_member_set_peers(member, member->peers & ~hgshm_bit(index));
}

static int member_get_info(void *state, struct hgshm_info *info)
{
	struct hgshm_member *member = state;
	const struct hgshm_memory *memory = &member->memory;

	*info = (struct hgshm_info){
		.struct_bytes = sizeof(*info),
		.version = HGSHM_VERSION,
		.features = HGSHM_FEATURE_GUEST_MMAP | HGSHM_FEATURE_SHMID,
		.index = member->index,
		.clients = memory->clients,
		.mapidx = memory->mapidx,
		.vectors = HGSHM_VECTORS(memory->clients),
		.size_bytes = memory->size_bytes,
		.slice_bytes = memory->slice_bytes,
		.memory_bytes = member->index ? memory->slice_bytes : memory->size_bytes,
		.irq_enabled = 1,
		.cache = HGSHM_CACHE_WRITE_BACK,
	};
	if (memory->mapidx != HGSHM_INDEX_NONE) {
		info->features |= HGSHM_FEATURE_PEER_SLICE;
		info->peer_bytes = memory->slice_bytes;
		if (memory->mapidx_ro)
			info->features |= HGSHM_FEATURE_PEER_READONLY;
	}
	memcpy(info->shmid, memory->shmid, sizeof(info->shmid));
	pthread_mutex_lock(&member->lock);
	info->peers = member->peers;
	info->epoch = member->epoch;
	info->status = member->status;
	pthread_mutex_unlock(&member->lock);
	return 0;
}

static int member_map(void *state, enum hgshm_region region, size_t bytes, bool writable,
		      void **ptr)
{
	struct hgshm_member *member = state;

	return hgshm_memory_map(&member->memory, region, bytes, writable, ptr);
}

static void member_unmap(void *state, void *ptr, size_t bytes)
{
	munmap(ptr, bytes);
}

static int member_poke(void *state, uint32_t index)
{
	struct hgshm_member *member = state;
	int ret;

	if (index == HGSHM_POKE_ALL) {
		for (uint32_t i = 0; i < member->memory.clients; i++)
			if (i != member->index)
				hgshm_doorbells_ring(&member->doorbells, i);
		return 0;
	}
	ret = hgshm_doorbells_ring(&member->doorbells, index);
	if (ret == -ENOTCONN)
		return hgshm_fail(ret, "member %u is not there", index);
	if (ret)
		return hgshm_fail(ret, "ringing member %u: %s", index, strerror(-ret));
	return 0;
}

struct event_list {
	struct hgshm_event *events;
	size_t max;
	size_t used;
	uint32_t epoch;
};

static void add_event(struct event_list *list, uint16_t type, uint16_t index, uint64_t count)
{
	if (list->used < list->max)
		list->events[list->used++] = (struct hgshm_event){
			.type = type,
			.index = index,
			.epoch = list->epoch,
			.count = count,
		};
}

static void add_changes(struct hgshm_member *member, struct event_list *list)
{
	uint64_t peers, changed;

	pthread_mutex_lock(&member->lock);
	peers = member->peers;
	list->epoch = member->epoch;
	pthread_mutex_unlock(&member->lock);
	if (list->epoch == member->told_epoch)
		return;
	add_event(list, HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX,
		  list->epoch - member->told_epoch);
	changed = peers ^ member->told_peers;
	for (uint32_t i = 0; i < member->memory.clients; i++)
		if (changed & hgshm_bit(i))
			add_event(list, peers & hgshm_bit(i) ? HGSHM_EVENT_PEER_UP :
							       HGSHM_EVENT_PEER_DOWN, i, 1);
	member->told_peers = peers;
	member->told_epoch = list->epoch;
}

static int member_read_events(void *state, struct hgshm_event *events, size_t max)
{
	struct hgshm_member *member = state;
	struct event_list list = { .events = events, .max = max, .epoch = member->told_epoch };
	struct hgshm_rings rings;

	if (!hgshm_doorbells_take(&member->doorbells, &rings))
		return -EAGAIN;
	if (rings.news)
		add_changes(member, &list);
	for (uint32_t i = 0; i < member->memory.clients; i++)
		if (rings.counts[i])
			add_event(&list, HGSHM_EVENT_DOORBELL, i, rings.counts[i]);
	return list.used ? (int)list.used : -EAGAIN;
}

static int member_sleep(void *state, int64_t left_ns)
{
	struct hgshm_member *member = state;

	return hgshm_doorbells_sleep(&member->doorbells, left_ns);
}

static int member_fd(void *state)
{
	struct hgshm_member *member = state;

	return member->doorbells.epoll_fd;
}

const struct hgshm_transport hgshm_member_transport = {
	.get_info = member_get_info,
	.map = member_map,
	.unmap = member_unmap,
	.poke = member_poke,
	.read_events = member_read_events,
	.sleep = member_sleep,
	.fd = member_fd,
	.close = hgshm_member_close,
};
