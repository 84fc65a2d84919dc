/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <hgshm/ring.h>

static _Alignas(HGSHM_RING_ALIGN_BYTES) char memory[1 << 16];

/* Ten messages, shown to the consumer at once. */
int main(void)
{
	struct hgshm_ring_info info = { .struct_bytes = sizeof(info) };
	struct hgshm_ring *producer;
	void *room;

	if (hgshm_ring_create(&producer, memory, sizeof(memory),
			      HGSHM_RING_PRODUCER, NULL))
		return 1;
	for (int i = 0; i < 10; i++) {
		if (hgshm_ring_reserve(producer, 100, &room))
			return 1;
		strcpy(room, "written where it will be read");
		hgshm_ring_commit(producer, strlen(room) + 1);
	}
	if (hgshm_ring_publish(producer) < 0)
		return 1;
	hgshm_ring_get_info(producer, &info);
	printf("%llu messages, %llu publication\n",
	       (unsigned long long)info.messages,
	       (unsigned long long)info.publications);
	hgshm_ring_close(producer);
	return 0;
}
/* prints
 * 10 messages, 1 publication
 */
