/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm_info info;
	struct hgshm *h;

	if (hgshm_open(&h, "found:group.sock?size=1m&clients=4", NULL))
		return 1;
	if (hgshm_get_info(h, &info))
		return 1;
	printf("member %u of %u, %llu bytes each\n", info.index, info.clients,
	       (unsigned long long)info.slice_bytes);
	hgshm_close(h);
	return 0;
}
/* prints
 * member 0 of 4, 262144 bytes each
 */
