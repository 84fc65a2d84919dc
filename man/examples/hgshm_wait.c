/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm_events events = { 0 };
	struct hgshm *mapper, *other;

	if (hgshm_open(&mapper, "found:group.sock?size=1m", NULL) ||
	    hgshm_open(&other, "join:group.sock", NULL))
		return 1;
	hgshm_poke(other, 0);
	/* the first event may be that member 1 came */
	while (!(events.rung >> 1 & 1))
		if (hgshm_wait(mapper, -1, &events))
			return 1;
	printf("member 1 rang\n");
	hgshm_close(other);
	hgshm_close(mapper);
	return 0;
}
/* prints
 * member 1 rang
 */
