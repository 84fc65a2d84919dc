/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* for MAP_ANONYMOUS */
#include <stdio.h>
#include <sys/mman.h>
#include <hgshm/ring.h>

/* Any shared memory will do; here both sides are in one program. */
int main(void)
{
	struct hgshm_ring *producer, *consumer;
	size_t size = 1 << 16, bytes;
	char text[64];
	void *memory;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	if (hgshm_ring_create(&producer, memory, size, HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_attach(&consumer, memory, size, HGSHM_RING_CONSUMER, NULL))
		return 1;
	hgshm_ring_send(producer, "a message", 10, 0);
	if (hgshm_ring_recv(consumer, text, sizeof(text), &bytes, 0) < 0)
		return 1;
	printf("%s, %zu bytes\n", text, bytes);
	hgshm_ring_close(producer);
	hgshm_ring_close(consumer);
	return 0;
}
/* prints
 * a message, 10 bytes
 */
