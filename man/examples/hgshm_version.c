/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <hgshm/hgshm.h>

int main(void)
{
	printf("libhgshm %s\n", hgshm_version());
	return 0;
}
/* prints
 * libhgshm @VERSION@
 */
