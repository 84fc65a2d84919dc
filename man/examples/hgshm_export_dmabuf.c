/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>
#include <hgshm/hgshm.h>

/* In a guest, where there is a device to export from. */
int main(void)
{
	struct hgshm *h;
	int fd, ret;

	if (hgshm_open(&h, NULL, NULL)) {
		printf("not in a guest\n");
		return 0;
	}
	ret = hgshm_export_dmabuf(h, 1, 0, 1 << 20, 0, &fd);
	if (ret) {
		printf("%s\n", hgshm_strerror(ret));
	} else {
		/* hand fd to a driver that imports dma-bufs */
		close(fd);
	}
	hgshm_close(h);
	return 0;
}
/* prints
 * not in a guest
 */
