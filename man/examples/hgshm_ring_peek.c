/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

/* Reads messages where they lie, and gives their room back at once. */
int main(void)
{
	struct hgshm_ring *producer, *consumer;
	const void *message;
	size_t bytes;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_attach(&consumer, memory, sizeof(memory),
			      HGSHM_RING_CONSUMER, NULL))
		return 1;
	for (int i = 0; i < 3; i++)
		hgshm_ring_send(producer, &i, sizeof(i), 0);
	while (!hgshm_ring_peek(consumer, &message, &bytes)) {
		int number;

		/* the other side could still change it: copy, then use */
		memcpy(&number, message, sizeof(number));
		printf("%d\n", number);
	}
	hgshm_ring_release(consumer);
	hgshm_ring_close(consumer);
	hgshm_ring_close(producer);
	return 0;
}
/* prints
 * 0
 * 1
 * 2
 */
