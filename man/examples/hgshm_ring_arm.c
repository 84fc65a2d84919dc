/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

/* The producer is told to ring only when the consumer sleeps. */
int main(void)
{
	struct hgshm_ring *producer, *consumer;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_attach(&consumer, memory, sizeof(memory),
			      HGSHM_RING_CONSUMER, NULL))
		return 1;
	if (hgshm_ring_arm(consumer, 0) == 0)
		printf("nothing there, so sleep\n");
	printf("ring it: %d\n", hgshm_ring_send(producer, "x", 1, 0));
	hgshm_ring_disarm(consumer);
	printf("it is awake: %d\n", hgshm_ring_send(producer, "y", 1, 0));
	hgshm_ring_close(consumer);
	hgshm_ring_close(producer);
	return 0;
}
/* prints
 * nothing there, so sleep
 * ring it: 1
 * it is awake: 0
 */
