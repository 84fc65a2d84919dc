/* SPDX-License-Identifier: MIT */
/* The mapper's clients: their private lines, and what they are told of each other. */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "founder.h"

static bool is_there(const struct hgshm_mapper *mapper, uint32_t index)
{
	return mapper->line[index].source.fd >= 0;
}

static void drop_half_met(struct hgshm_line *line)
{
	if (!line->half_met)
		return;
	close(line->to_half_met);
	close(line->from_half_met);
	line->half_met = 0;
}

static void lose(struct hgshm_mapper *mapper, uint32_t index)
{
	struct hgshm_msg_peer down = { .index = htole32(index) };
	struct hgshm_line *line = &mapper->line[index];
	int fd = line->source.fd;

	hgshm_service_forget(&mapper->member.service, &line->source);
	close(fd);
	drop_half_met(line);
	line->newcomer = false;
	line->unmet = 0;
	for (uint32_t i = 1; i < mapper->member.memory.clients; i++) {
		mapper->line[i].unmet &= ~hgshm_bit(index);
		if (mapper->line[i].half_met == index)
			drop_half_met(&mapper->line[i]);
	}
	hgshm_member_disconnect(&mapper->member, index);
	for (uint32_t i = 1; mapper->mesh && i < mapper->member.memory.clients; i++)
		if (is_there(mapper, i) &&
		    hgshm_wire_send(mapper->line[i].source.fd, HGSHM_MSG_PEER_DOWN, &down, NULL))
			lose(mapper, i);
}

/* A client has nothing to say on its line, so this is its end. */
static void line_ready(void *of)
{
	struct hgshm_line *line = of;
	char byte;

	if (recv(line->source.fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EINTR))
		return;
	lose(line->mapper, line - line->mapper->line);
}

/* A holder that died this moment no longer counts. */
bool hgshm_mapper_index_free(struct hgshm_mapper *mapper, uint32_t index)
{
	struct pollfd pollfd = { .fd = mapper->line[index].source.fd, .events = POLLIN };

	if (is_there(mapper, index) && poll(&pollfd, 1, 0) > 0)
		line_ready(&mapper->line[index]);
	return !is_there(mapper, index);
}

static int tell_of(struct hgshm_mapper *mapper, uint32_t whom, uint32_t of, int rings_of,
		   int rings_whom)
{
	struct hgshm_msg_peer up = { .index = htole32(of) };
	int fds[] = { rings_of, rings_whom };

	return hgshm_wire_send(mapper->line[whom].source.fd, HGSHM_MSG_PEER_UP, &up, fds);
}

static int make_doorbells(struct hgshm_line *line)
{
	int to = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int from = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = to < 0 || from < 0 ? -errno : 0;

	line->to_half_met = to;
	line->from_half_met = from;
	if (error && to >= 0)
		close(to);
	if (error && from >= 0)
		close(from);
	return error;
}

/*
 * Tells two clients of each other, with a fresh doorbell each way. Returns an error that
 * passes; then the rest is for the next call, with the same doorbells where the newcomer
 * has them: it may have rung.
 */
static int introduce(struct hgshm_mapper *mapper, uint32_t newcomer, uint32_t other)
{
	struct hgshm_line *line = &mapper->line[newcomer];
	uint32_t told = newcomer;
	int ret = 0;

	if (!line->half_met) {
		ret = make_doorbells(line);
		if (ret)
			return ret;
		line->half_met = other;
		ret = tell_of(mapper, newcomer, other, line->to_half_met, line->from_half_met);
		if (ret)
			drop_half_met(line);
	}
	if (!ret) {
		told = other;
		ret = tell_of(mapper, other, newcomer, line->from_half_met, line->to_half_met);
	}
	if (hgshm_error_passes(ret))
		return ret;
	drop_half_met(line);
	if (ret)
		lose(mapper, told);
	return 0;
}

/* Whom others have still to be introduced to it, a newcomer does not see yet. */
static uint64_t peers_of(struct hgshm_mapper *mapper, uint32_t index)
{
	uint64_t peers = mapper->member.peers;

	if (!mapper->mesh)
		return hgshm_bit(0) | hgshm_bit(index);
	for (uint32_t i = 1; i < mapper->member.memory.clients; i++)
		if (mapper->line[i].unmet & hgshm_bit(index))
			peers &= ~hgshm_bit(i);
	return peers;
}

static void send_peers(struct hgshm_mapper *mapper, uint32_t index)
{
	struct hgshm_msg_peers now = { .peers = htole64(peers_of(mapper, index)) };

	if (hgshm_wire_send(mapper->line[index].source.fd, HGSHM_MSG_PEERS, &now, NULL))
		lose(mapper, index);
}

static void introduce_newcomer(struct hgshm_mapper *mapper, uint32_t index)
{
	struct hgshm_line *line = &mapper->line[index];

	/* Who is lost meanwhile is not among them any more. */
	while (line->unmet) {
		uint32_t other = __builtin_ctzll(line->unmet);

		if (introduce(mapper, index, other)) {
			hgshm_mapper_try_again(mapper);
			return;
		}
		line->unmet &= ~hgshm_bit(other);
	}
	line->newcomer = false;
	if (is_there(mapper, index))
		send_peers(mapper, index);
}

void hgshm_mapper_introduce_newcomers(struct hgshm_mapper *mapper)
{
	int64_t now_ns = hgshm_wire_now_ns();

	for (uint32_t i = 1; i < mapper->member.memory.clients; i++) {
		struct hgshm_line *line = &mapper->line[i];

		if (line->newcomer)
			introduce_newcomer(mapper, i);
		if (line->newcomer && line->deadline_ns <= now_ns)
			lose(mapper, i);
	}
}

void hgshm_mapper_add_client(struct hgshm_mapper *mapper, uint32_t index, int out_fd, int in_fd,
			     int line_fd)
{
	struct hgshm_member *member = &mapper->member;
	struct hgshm_line *line = &mapper->line[index];
	int watch_error, error;

	line->newcomer = true;
	line->deadline_ns = hgshm_wire_now_ns() + HGSHM_STAY_MAX_NS;
	line->unmet = mapper->mesh ? member->peers & ~(hgshm_bit(0) | hgshm_bit(index)) : 0;
	watch_error = hgshm_service_watch(&member->service, &line->source, line_fd, line_ready,
					  line);
	error = hgshm_member_connect(member, index, out_fd, in_fd);
	if (watch_error || error)
		lose(mapper, index);
	else
		introduce_newcomer(mapper, index);
}

void hgshm_mapper_end_clients(struct hgshm_mapper *mapper)
{
	for (uint32_t i = 0; i < HGSHM_CLIENTS_MAX; i++) {
		drop_half_met(&mapper->line[i]);
		if (is_there(mapper, i))
			close(mapper->line[i].source.fd);
	}
}
