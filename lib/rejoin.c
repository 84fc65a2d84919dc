/* SPDX-License-Identifier: MIT */
/*
 * The way back to a mapper that died and came again, as the device's: its socket is
 * looked for a few times a second. All of it is done by the service thread.
 */
#include <errno.h>

#include "meeting.h"
#include "socket.h"

#define MS_NS			INT64_C(1000000)
#define LOOK_INTERVAL_NS	(200 * MS_NS)
#define LOOK_INTERVAL_MAX_NS	(10000 * MS_NS)
/* A mapper that stays for less is not back, it comes and goes. */
#define STAY_MIN_NS		(2000 * MS_NS)

static void alarm_in(struct hgshm_client *client, int64_t ns)
{
	hgshm_service_set_alarm(&client->member.service, hgshm_wire_now_ns() + ns);
}

static void end_meeting(struct hgshm_client *client)
{
	hgshm_service_forget(&client->member.service, &client->meeting_source);
	hgshm_meeting_end(client);
}

/* Looks again, unless the memory is another: the mappings show the old one. */
static void failed(struct hgshm_client *client, int error)
{
	bool welcomed = client->meeting.greeted;

	end_meeting(client);
	if (welcomed)
		hgshm_member_disconnect(&client->member, 0);
	if (error == -ESTALE && client->member.status & HGSHM_STATUS_MEMORY_STALE)
		hgshm_service_set_alarm(&client->member.service, 0);
	else
		alarm_in(client, client->look_interval_ns);
}

static void meeting_ready(void *of);

static int watch_meeting(struct hgshm_client *client)
{
	return hgshm_service_watch(&client->member.service, &client->meeting_source,
				   hgshm_meeting_fd(client), meeting_ready, client);
}

static void meeting_ready(void *of)
{
	struct hgshm_client *client = of;
	int error = hgshm_meeting_step(client);

	if (error == -EAGAIN && client->meeting_source.fd != hgshm_meeting_fd(client)) {
		hgshm_service_forget(&client->member.service, &client->meeting_source);
		error = watch_meeting(client) ? -EPROTO : -EAGAIN;
	}
	if (error == -EAGAIN)
		return;
	if (!error) {
		hgshm_service_forget(&client->member.service, &client->meeting_source);
		error = hgshm_client_take_line(client);
	}
	if (error) {
		failed(client, error);
		return;
	}
	hgshm_meeting_end(client);
	hgshm_service_set_alarm(&client->member.service, 0);
	client->back_ns = hgshm_wire_now_ns();
}

void hgshm_rejoin_alarm(void *of)
{
	struct hgshm_client *client = of;
	int sock;

	if (client->meeting.sock >= 0) {
		failed(client, -ETIMEDOUT);
		return;
	}
	sock = hgshm_socket_connect(client->member.socket, 0);
	if (sock < 0 || hgshm_meeting_begin(client, sock)) {
		alarm_in(client, client->look_interval_ns);
		return;
	}
	if (watch_meeting(client))
		failed(client, -EMFILE);
	else
		alarm_in(client, HGSHM_MEET_CLIENT_TIMEOUT_MS * MS_NS);
}

void hgshm_rejoin_begin(struct hgshm_client *client)
{
	int64_t stayed_ns = hgshm_wire_now_ns() - client->back_ns;

	if (client->back_ns && stayed_ns < STAY_MIN_NS) {
		client->look_interval_ns *= 2;
		if (client->look_interval_ns > LOOK_INTERVAL_MAX_NS)
			client->look_interval_ns = LOOK_INTERVAL_MAX_NS;
	} else {
		client->look_interval_ns = LOOK_INTERVAL_NS;
	}
	alarm_in(client, client->look_interval_ns);
}
