/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <hgshm/hgshm.h>

/* Two members in one program; each is usually a VM or a process of its own. */
int main(void)
{
	struct hgshm *mapper, *other;
	void *theirs, *own;
	size_t bytes;

	if (hgshm_open(&mapper, "found:group.sock?size=1m", NULL) ||
	    hgshm_open(&other, "join:group.sock?index=1", NULL))
		return 1;
	if (hgshm_slice(mapper, 1, &theirs, &bytes) ||
	    hgshm_slice(other, 1, &own, &bytes))
		return 1;
	strcpy(theirs, "from the mapper");
	printf("member 1 reads: %s\n", (char *)own);
	hgshm_close(other);
	hgshm_close(mapper);
	return 0;
}
/* prints
 * member 1 reads: from the mapper
 */
