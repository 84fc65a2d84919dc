/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm *h;
	void *mine;
	size_t bytes;

	if (hgshm_open(&h, "found:group.sock?size=64m", NULL) ||
	    hgshm_slice(h, 0, &mine, &bytes))
		return 1;
	strcpy(mine, "every member sees this by hgshm_slice(h, 0, ...)");
	hgshm_poke_all(h); /* whoever waits in hgshm_wait() wakes */
	printf("%zu bytes: %s\n", bytes, (char *)mine);
	hgshm_close(h);
	return 0;
}
/* prints
 * 33554432 bytes: every member sees this by hgshm_slice(h, 0, ...)
 */
