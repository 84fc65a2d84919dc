/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm *mapper, *other;
	int ret;

	if (hgshm_open(&mapper, "found:group.sock?size=1m&clients=4", NULL) ||
	    hgshm_open(&other, "join:group.sock?index=2", NULL))
		return 1;
	ret = hgshm_poke(other, 0);
	printf("the mapper: %s\n", ret ? hgshm_strerror(ret) : "rung");
	ret = hgshm_poke(other, 3);
	printf("nobody at 3: %s\n", ret ? "not rung" : "rung");
	hgshm_close(other);
	hgshm_close(mapper);
	return 0;
}
/* prints
 * the mapper: rung
 * nobody at 3: not rung
 */
