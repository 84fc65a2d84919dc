/* SPDX-License-Identifier: MIT */
/* Rings a member once a second, whatever this program is busy with. */
#ifndef HGSHM_HEARTBEAT_H
#define HGSHM_HEARTBEAT_H

#include <pthread.h>
#include <stdbool.h>

#include <hgshm/hgshm.h>

struct heartbeat {
	struct hgshm *h;
	uint32_t peer;
	pthread_t thread;
	pthread_mutex_t lock; /* protects ends */
	pthread_cond_t changed;
	bool ends;
};

/* From here on until heartbeat_stop(); a negative errno if there can be no thread. */
int heartbeat_start(struct heartbeat *beat, struct hgshm *h, uint32_t peer);
void heartbeat_stop(struct heartbeat *beat);

#endif /* HGSHM_HEARTBEAT_H */
