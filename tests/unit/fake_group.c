/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_group.h"
#include "internal.h"

struct fake_vm {
	struct fake_group *group;
	uint32_t index;
};

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static int fake_get_info(void *state, struct hgshm_info *info)
{
	struct fake_vm *vm = state;
	struct fake_group *group = vm->group;

	*info = (struct hgshm_info){
		.struct_bytes = sizeof(*info),
		.version = HGSHM_VERSION,
		.features = HGSHM_FEATURE_GUEST_MMAP,
		.index = vm->index,
		.clients = group->clients,
		.mapidx = vm->index ? 0 : HGSHM_INDEX_NONE,
		.vectors = HGSHM_VECTORS(group->clients),
		.size_bytes = group->slice_bytes * group->clients,
		.slice_bytes = group->slice_bytes,
		.memory_bytes = vm->index ? group->slice_bytes :
					    group->slice_bytes * group->clients,
		.peer_bytes = vm->index ? group->slice_bytes : 0,
		.peers = group->peers,
		.epoch = group->epoch,
		.irq_enabled = 1,
	};
	return 0;
}

static int fake_map(void *state, enum hgshm_region region, size_t bytes, bool writable,
		    void **ptr)
{
	struct fake_vm *vm = state;

	*ptr = fake_group_slice(vm->group, region == HGSHM_REGION_PEER ? 0 : vm->index);
	return 0;
}

static void fake_unmap(void *state, void *ptr, size_t bytes)
{
}

static void ring_fd(int fd)
{
	uint64_t one = 1;

	check(write(fd, &one, sizeof(one)) == sizeof(one), "eventfd");
}

static int fake_poke(void *state, uint32_t index)
{
	struct fake_vm *vm = state;
	struct fake_group *group = vm->group;

	for (uint32_t i = 0; i < group->clients; i++) {
		if (i == vm->index || (index != i && index != HGSHM_POKE_ALL))
			continue;
		if (group->peers >> i & 1)
			ring_fd(group->doorbell[vm->index][i]);
		else if (index == i)
			return hgshm_fail(-ENOTCONN, "VM %u is not there", i);
	}
	return 0;
}

static int fake_read_events(void *state, struct hgshm_event *events, size_t max)
{
	struct fake_vm *vm = state;
	struct fake_group *group = vm->group;
	uint64_t count;
	size_t used = 0;

	if (read(group->peers_changed[vm->index], &count, sizeof(count)) > 0)
		events[used++] = (struct hgshm_event){ HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX,
						       group->epoch, count };
	for (uint32_t i = 0; i < group->clients; i++)
		if (read(group->doorbell[i][vm->index], &count, sizeof(count)) > 0)
			events[used++] = (struct hgshm_event){ HGSHM_EVENT_DOORBELL, i,
							       group->epoch, count };
	return used ? (int)used : -EAGAIN;
}

static int fake_fd(void *state)
{
	struct fake_vm *vm = state;

	return vm->group->epoll[vm->index];
}

static void fake_close(void *state)
{
	free(state);
}

static const struct hgshm_transport fake_transport = {
	.get_info = fake_get_info,
	.map = fake_map,
	.unmap = fake_unmap,
	.poke = fake_poke,
	.read_events = fake_read_events,
	.fd = fake_fd,
	.close = fake_close,
};

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

void fake_group_make(struct fake_group *group, uint32_t clients, size_t slice_bytes)
{
	int memfd = memfd_create("fake-group", MFD_CLOEXEC);

	memset(group, 0, sizeof(*group));
	group->clients = clients;
	group->slice_bytes = slice_bytes;
	check(memfd >= 0 && ftruncate(memfd, clients * slice_bytes) == 0, "memfd");
	group->memory = mmap(NULL, clients * slice_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     memfd, 0);
	check(group->memory != MAP_FAILED, "mmap");
	close(memfd);
	for (uint32_t to = 0; to < clients; to++) {
		group->epoll[to] = epoll_create1(EPOLL_CLOEXEC);
		group->peers_changed[to] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		check(group->epoll[to] >= 0 && group->peers_changed[to] >= 0, "eventfd");
		watch(group->epoll[to], group->peers_changed[to]);
		for (uint32_t from = 0; from < clients; from++) {
			group->doorbell[from][to] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
			check(group->doorbell[from][to] >= 0, "eventfd");
			watch(group->epoll[to], group->doorbell[from][to]);
		}
	}
}

void fake_group_free(struct fake_group *group)
{
	munmap(group->memory, group->clients * group->slice_bytes);
	for (uint32_t to = 0; to < group->clients; to++) {
		close(group->epoll[to]);
		close(group->peers_changed[to]);
		for (uint32_t from = 0; from < group->clients; from++)
			close(group->doorbell[from][to]);
	}
}

static void tell_all(struct fake_group *group)
{
	group->epoch++;
	for (uint32_t i = 0; i < group->clients; i++)
		ring_fd(group->peers_changed[i]);
}

struct hgshm *fake_group_join_with(struct fake_group *group, uint32_t index,
				   const struct hgshm_options *options)
{
	struct fake_vm *vm = malloc(sizeof(*vm));
	struct hgshm *h;

	check(vm != NULL, "malloc");
	*vm = (struct fake_vm){ group, index };
	atomic_fetch_or(&group->peers, UINT64_C(1) << index);
	check(hgshm_open_transport(&h, &fake_transport, vm, options) == 0, "hgshm_open_transport");
	tell_all(group);
	return h;
}

struct hgshm *fake_group_join(struct fake_group *group, uint32_t index)
{
	return fake_group_join_with(group, index, NULL);
}

void fake_group_kill(struct fake_group *group, uint32_t index)
{
	atomic_fetch_and(&group->peers, ~(UINT64_C(1) << index));
	tell_all(group);
}

unsigned char *fake_group_slice(struct fake_group *group, uint32_t index)
{
	return group->memory + index * group->slice_bytes;
}
