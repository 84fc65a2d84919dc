/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	struct hgshm *h;
	int ret = hgshm_open(&h, "/dev/null", NULL);

	printf("%s\n", hgshm_strerror(ret));
	return 0;
}
/* prints
 * /dev/null is not an hgshm device
 */
