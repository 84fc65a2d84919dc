/* SPDX-License-Identifier: MIT */
/* Connections at the meeting socket, from their arrival to their HELLO. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "founder.h"

/* Beyond this many the oldest makes room: a proper client is through its meeting long
 * before it is the oldest. */
#define VISITORS_MAX	128

#define MS_NS		INT64_C(1000000)
#define AGAIN_NS	(50 * MS_NS)

static void update_alarm(struct hgshm_mapper *mapper)
{
	const struct hgshm_visitor *oldest = TAILQ_FIRST(&mapper->visitors);
	int64_t at_ns = mapper->again_ns;

	if (oldest && (!at_ns || oldest->deadline_ns < at_ns))
		at_ns = oldest->deadline_ns;
	hgshm_service_set_alarm(&mapper->member.service, at_ns);
}

void hgshm_mapper_try_again(struct hgshm_mapper *mapper)
{
	if (!mapper->again_ns)
		mapper->again_ns = hgshm_wire_now_ns() + AGAIN_NS;
	update_alarm(mapper);
}

static void leave(struct hgshm_visitor *visitor)
{
	struct hgshm_mapper *mapper = visitor->mapper;
	int sock = visitor->source.fd;

	TAILQ_REMOVE(&mapper->visitors, visitor, next);
	mapper->visitor_count--;
	hgshm_service_forget(&mapper->member.service, &visitor->source);
	close(sock);
	hgshm_wire_reset(&visitor->message);
	free(visitor);
}

static void visitor_ready(void *of)
{
	struct hgshm_visitor *visitor = of;
	struct hgshm_mapper *mapper = visitor->mapper;
	int error = hgshm_wire_receive(visitor->source.fd, &visitor->message);

	if (error == -EAGAIN)
		return;
	if (error == -EPROTONOSUPPORT)
		hgshm_refuse_version(visitor);
	else if (!error)
		visitor->unanswered = !hgshm_answer_hello(visitor);
	if (!error && visitor->unanswered) {
		hgshm_mapper_try_again(mapper);
		return;
	}
	leave(visitor);
	update_alarm(mapper);
}

static void enter(struct hgshm_mapper *mapper, int sock)
{
	struct hgshm_visitor *visitor = calloc(1, sizeof(*visitor));

	if (!visitor || hgshm_service_watch(&mapper->member.service, &visitor->source, sock,
					    visitor_ready, visitor)) {
		free(visitor);
		close(sock);
		return;
	}
	if (mapper->visitor_count == VISITORS_MAX)
		leave(TAILQ_FIRST(&mapper->visitors));
	visitor->mapper = mapper;
	visitor->deadline_ns = hgshm_wire_now_ns() + HGSHM_STAY_MAX_NS;
	hgshm_wire_init(&visitor->message);
	TAILQ_INSERT_TAIL(&mapper->visitors, visitor, next);
	mapper->visitor_count++;
	update_alarm(mapper);
}

static void pause_accepting(struct hgshm_mapper *mapper)
{
	hgshm_service_forget(&mapper->member.service, &mapper->arrivals);
	hgshm_mapper_try_again(mapper);
}

static void arrival(void *of)
{
	struct hgshm_mapper *mapper = of;
	int sock = accept4(mapper->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (sock >= 0)
		enter(mapper, sock);
	else if (hgshm_error_passes(-errno))
		pause_accepting(mapper);
}

int hgshm_visitors_begin(struct hgshm_mapper *mapper)
{
	return hgshm_service_watch(&mapper->member.service, &mapper->arrivals,
				   mapper->listener.fd, arrival, mapper);
}

static void answer_again(struct hgshm_mapper *mapper)
{
	struct hgshm_visitor *visitor = TAILQ_FIRST(&mapper->visitors);

	while (visitor) {
		struct hgshm_visitor *next = TAILQ_NEXT(visitor, next);

		if (visitor->unanswered) {
			if (hgshm_answer_hello(visitor))
				leave(visitor);
			else
				hgshm_mapper_try_again(mapper);
		}
		visitor = next;
	}
}

void hgshm_visitors_alarm(void *of)
{
	struct hgshm_mapper *mapper = of;
	int64_t now_ns = hgshm_wire_now_ns();
	struct hgshm_visitor *oldest;

	while ((oldest = TAILQ_FIRST(&mapper->visitors)) && oldest->deadline_ns <= now_ns)
		leave(oldest);
	if (mapper->again_ns && mapper->again_ns <= now_ns) {
		mapper->again_ns = 0;
		/* Those that are in come before those that want to. */
		hgshm_mapper_introduce_newcomers(mapper);
		answer_again(mapper);
		if (mapper->arrivals.fd < 0 && hgshm_visitors_begin(mapper))
			pause_accepting(mapper);
	}
	update_alarm(mapper);
}

void hgshm_visitors_end(struct hgshm_mapper *mapper)
{
	while (!TAILQ_EMPTY(&mapper->visitors))
		leave(TAILQ_FIRST(&mapper->visitors));
}
