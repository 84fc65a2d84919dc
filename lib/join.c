/* SPDX-License-Identifier: MIT */
/* A place in a group that has a mapper. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meeting.h"
#include "socket.h"

#define MS_NS		INT64_C(1000000)
#define AGAIN_MS	20

static void mapper_lost(struct hgshm_client *client)
{
	int line = client->line.fd;

	hgshm_service_forget(&client->member.service, &client->line);
	close(line);
	hgshm_member_disconnect(&client->member, 0);
	hgshm_rejoin_begin(client);
}

static void line_ready(void *of)
{
	struct hgshm_client *client = of;
	struct hgshm_wire_message message;
	int error;

	hgshm_wire_init(&message);
	error = hgshm_wire_receive(client->line.fd, &message);
	if (!error)
		error = hgshm_client_take_news(client, &message);
	hgshm_wire_reset(&message);
	if (error && error != -EAGAIN)
		mapper_lost(client);
}

int hgshm_client_take_line(struct hgshm_client *client)
{
	int ret = hgshm_service_watch(&client->member.service, &client->line, client->meeting.line,
				      line_ready, client);

	if (ret)
		client->line.fd = -1;
	else
		client->meeting.line = -1;
	return ret;
}

static void client_end(struct hgshm_member *member)
{
	struct hgshm_client *client = (struct hgshm_client *)member;

	hgshm_meeting_end(client);
	if (client->line.fd >= 0)
		close(client->line.fd);
}

static int step_until(struct hgshm_client *client, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd pollfd = { .events = POLLIN };
		int64_t left_ns;
		int ret = hgshm_meeting_step(client);

		if (ret != -EAGAIN)
			return ret;
		left_ns = deadline_ns - hgshm_wire_now_ns();
		if (left_ns <= 0)
			return hgshm_meeting_explain(client, -ETIMEDOUT);
		pollfd.fd = hgshm_meeting_fd(client);
		poll(&pollfd, 1, (left_ns + MS_NS - 1) / MS_NS);
	}
}

static int say_hello(struct hgshm_client *client, int64_t deadline_ns)
{
	int sock = hgshm_socket_connect(client->member.socket, deadline_ns);

	return sock < 0 ? sock : hgshm_meeting_begin(client, sock);
}

static int meet(struct hgshm_client *client)
{
	int64_t deadline_ns = hgshm_wire_now_ns() + HGSHM_MEET_CLIENT_TIMEOUT_MS * MS_NS;
	int ret = say_hello(client, deadline_ns);

	/* Too many descriptors are under way between this user's processes, where many join. */
	while (ret == -ETOOMANYREFS && hgshm_wire_now_ns() < deadline_ns) {
		poll(NULL, 0, AGAIN_MS);
		ret = say_hello(client, deadline_ns);
	}
	if (!ret)
		ret = step_until(client, deadline_ns);
	if (!ret) {
		ret = hgshm_client_take_line(client);
		if (ret)
			hgshm_fail(ret, "no private line to the mapper at %s: %s",
				   client->member.socket, strerror(-ret));
	}
	hgshm_meeting_end(client);
	return ret;
}

int hgshm_join_open(const struct hgshm_uri *uri, struct hgshm_member **member)
{
	struct hgshm_client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return hgshm_fail(-ENOMEM, "no memory for a handle");
	client->wanted_index = uri->index;
	client->line.fd = -1;
	client->meeting_source.fd = -1;
	client->meeting.sock = -1;
	ret = hgshm_member_init(&client->member, uri, hgshm_rejoin_alarm, client_end);
	if (ret) {
		free(client);
		return ret;
	}
	memcpy(client->wanted_shmid, uri->shmid, sizeof(uri->shmid));
	client->member.memory.mapidx = uri->mapidx;
	client->member.memory.mapidx_ro = uri->mapidx_ro;
	if (uri->mapidx == uri->index)
		client->member.memory.mapidx = HGSHM_INDEX_NONE;
	ret = meet(client);
	if (!ret) {
		hgshm_member_settle(&client->member);
		ret = hgshm_service_start(&client->member.service, client->member.index);
	}
	if (ret) {
		hgshm_member_close(client);
		return ret;
	}
	*member = &client->member;
	return 0;
}
