/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

int main(void)
{
	struct hgshm_ring *producer, *consumer;
	char text[64];
	size_t bytes;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_attach(&consumer, memory, sizeof(memory),
			      HGSHM_RING_CONSUMER, NULL))
		return 1;
	hgshm_ring_send(producer, "one", 4, 0);
	hgshm_ring_send(producer, "two", 4, 0);
	hgshm_ring_close(producer);
	while (hgshm_ring_recv(consumer, text, sizeof(text), &bytes, 0) >= 0)
		printf("%s\n", text);
	printf("that was all\n");
	hgshm_ring_close(consumer);
	return 0;
}
/* prints
 * one
 * two
 * that was all
 */
