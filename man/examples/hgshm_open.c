/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

/* Founds a group on this host. In a guest: hgshm_open(&h, NULL, NULL) */
int main(void)
{
	struct hgshm *h;
	int ret;

	ret = hgshm_open(&h, "found:group.sock?size=1m&clients=4", NULL);
	if (ret) {
		fprintf(stderr, "%s\n", hgshm_strerror(ret));
		return 1;
	}
	printf("founded\n");
	hgshm_close(h);
	return 0;
}
/* prints
 * founded
 */
