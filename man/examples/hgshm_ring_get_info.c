/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

int main(void)
{
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };
	struct hgshm_ring *producer;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL) ||
	    hgshm_ring_get_info(producer, &info))
		return 1;
	printf("%llu bytes, messages of up to %llu\n",
	       (unsigned long long)info.capacity_bytes,
	       (unsigned long long)info.message_bytes_max);
	hgshm_ring_close(producer);
	return 0;
}
/* prints
 * 64896 bytes, messages of up to 32440
 */
