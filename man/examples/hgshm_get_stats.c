/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm *mapper, *other;
	struct hgshm_stats stats;

	if (hgshm_open(&mapper, "found:group.sock?size=1m", NULL) ||
	    hgshm_open(&other, "join:group.sock", NULL))
		return 1;
	hgshm_poke(other, 0);
	hgshm_poke(other, 0);
	if (hgshm_get_stats(other, &stats))
		return 1;
	printf("member 1 rang the mapper %llu times\n",
	       (unsigned long long)stats.sent[0]);
	hgshm_close(other);
	hgshm_close(mapper);
	return 0;
}
/* prints
 * member 1 rang the mapper 2 times
 */
