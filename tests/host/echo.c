// SPDX-License-Identifier: MIT
/*
 * echo URI: a member that rings back whoever rings it, until it is killed. It says "in"
 * when it has its place.
 */
#include <stdio.h>

#include <hgshm/hgshm.h>

int main(int argc, char **argv)
{
	struct hgshm_events events;
	struct hgshm *h;
	int ret;

	if (argc != 2) {
		fputs("usage: echo URI\n", stderr);
		return 2;
	}
	ret = hgshm_open(&h, argv[1], NULL);
	if (!ret) {
		puts("in");
		fflush(stdout);
	}
	while (!ret) {
		ret = hgshm_wait(h, -1, &events);
		for (uint32_t i = 0; !ret && i < HGSHM_PEERS_MAX; i++)
			if (events.rung >> i & 1)
				/* one that is gone by now has no use for it */
				hgshm_poke(h, i);
	}
	fprintf(stderr, "echo: %s\n", hgshm_strerror(ret));
	return 1;
}
