/* SPDX-License-Identifier: MIT */
/* A group that this process founds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "founder.h"

static void mapper_end(struct hgshm_member *member)
{
	struct hgshm_mapper *mapper = (struct hgshm_mapper *)member;

	hgshm_socket_close(&mapper->listener, member->socket);
	hgshm_visitors_end(mapper);
	hgshm_mapper_end_clients(mapper);
}

static int begin(struct hgshm_mapper *mapper, const struct hgshm_uri *uri)
{
	struct hgshm_member *member = &mapper->member;
	int ret;

	/* The socket last: who gets in finds the memory. */
	ret = hgshm_memory_create(&member->memory, uri);
	if (ret)
		return ret;
	ret = hgshm_socket_listen(&mapper->listener, member->socket);
	if (ret)
		return ret;
	ret = hgshm_visitors_begin(mapper);
	if (ret)
		return hgshm_fail(ret, "%s: %s", member->socket, strerror(-ret));
	member->peers = hgshm_bit(0);
	hgshm_member_settle(member);
	ret = hgshm_service_start(&member->service, 0);
	if (ret)
		return ret;
	member->memory.unlink = uri->unlink && !uri->memfd;
	return 0;
}

int hgshm_found_open(const struct hgshm_uri *uri, struct hgshm_member **member)
{
	struct hgshm_mapper *mapper = calloc(1, sizeof(*mapper));
	int ret;

	if (!mapper)
		return hgshm_fail(-ENOMEM, "no memory for a handle");
	mapper->mesh = uri->mesh;
	mapper->mapidx_any = uri->mapidx_any;
	mapper->listener.fd = -1;
	mapper->arrivals.fd = -1;
	TAILQ_INIT(&mapper->visitors);
	for (int i = 0; i < HGSHM_CLIENTS_MAX; i++) {
		mapper->line[i].mapper = mapper;
		mapper->line[i].source.fd = -1;
	}
	ret = hgshm_member_init(&mapper->member, uri, hgshm_visitors_alarm, mapper_end);
	if (ret) {
		free(mapper);
		return ret;
	}
	ret = begin(mapper, uri);
	if (ret) {
		hgshm_member_close(mapper);
		return ret;
	}
	*member = &mapper->member;
	return 0;
}
