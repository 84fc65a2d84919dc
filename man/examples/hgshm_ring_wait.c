/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

int main(void)
{
	struct hgshm_ring *producer, *consumer;
	int ret;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_attach(&consumer, memory, sizeof(memory),
			      HGSHM_RING_CONSUMER, NULL))
		return 1;
	ret = hgshm_ring_wait(consumer, 0, 0);
	printf("%s\n", ret ? "nothing yet" : "a message");
	hgshm_ring_send(producer, "x", 1, 0);
	ret = hgshm_ring_wait(consumer, 0, 0);
	printf("%s\n", ret ? "nothing yet" : "a message");
	hgshm_ring_close(consumer);
	hgshm_ring_close(producer);
	return 0;
}
/* prints
 * nothing yet
 * a message
 */
