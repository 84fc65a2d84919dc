/* SPDX-License-Identifier: MIT */
/* What a mapper tells a member of the others. */
#include <endian.h>
#include <errno.h>

#include "meeting.h"

static bool is_other_client(const struct hgshm_member *member, uint32_t index)
{
	return index > 0 && index < member->memory.clients && index != member->index;
}

static void peers(struct hgshm_member *member, uint64_t mask)
{
	uint64_t all = UINT64_MAX >> (HGSHM_CLIENTS_MAX - member->memory.clients);

	hgshm_member_set_peers(member, (mask & all) | hgshm_bit(member->index));
}

/* Without descriptors left the peer is seen, but can't be rung or heard. */
static int peer_up(struct hgshm_member *member, struct hgshm_wire_message *message)
{
	uint32_t index = le32toh(message->peer.index);

	if (!is_other_client(member, index) || !hgshm_wire_is_eventfd(message->fds[0]) ||
	    !hgshm_wire_is_eventfd(message->fds[1]))
		return -EPROTO;
	hgshm_member_connect(member, index, hgshm_wire_take_fd(message, 0),
			     hgshm_wire_take_fd(message, 1));
	return 0;
}

static int peer_down(struct hgshm_member *member, uint32_t index)
{
	if (!is_other_client(member, index))
		return -EPROTO;
	hgshm_member_disconnect(member, index);
	return 0;
}

int hgshm_client_take_news(struct hgshm_client *client, struct hgshm_wire_message *message)
{
	struct hgshm_member *member = &client->member;

	switch (le16toh(message->header.type)) {
	case HGSHM_MSG_PEERS:
		peers(member, le64toh(message->peers.peers));
		return 0;
	case HGSHM_MSG_PEER_UP:
		return peer_up(member, message);
	case HGSHM_MSG_PEER_DOWN:
		return peer_down(member, le32toh(message->peer.index));
	default:
		return -EPROTO;
	}
}
