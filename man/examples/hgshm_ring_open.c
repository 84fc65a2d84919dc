/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <hgshm/ring.h>

/* Member 1 sends, and member 0 prints. Each opens its own side. */
static int sender(void)
{
	struct hgshm_ring *ring;
	struct hgshm *h;

	if (hgshm_open(&h, "join:group.sock?index=1", NULL) ||
	    hgshm_ring_open(&ring, h, 0, HGSHM_RING_PRODUCER, -1, NULL) ||
	    hgshm_ring_send(ring, "hello", 5, -1))
		return 1;
	hgshm_ring_close(ring);
	hgshm_close(h);
	return 0;
}

int main(int argc, char **argv)
{
	struct hgshm_ring *ring;
	struct hgshm *h;
	char text[256];
	size_t bytes;
	pid_t child;

	if (argc > 1)
		return sender();
	if (hgshm_open(&h, "found:group.sock?size=1m", NULL))
		return 1;
	child = fork();
	if (!child)
		execl("/proc/self/exe", argv[0], "send", NULL);
	if (hgshm_ring_open(&ring, h, 1, HGSHM_RING_CONSUMER, -1, NULL))
		return 1;
	while (!hgshm_ring_recv(ring, text, sizeof(text), &bytes, -1))
		printf("%.*s\n", (int)bytes, text);
	hgshm_ring_close(ring);
	hgshm_close(h);
	return waitpid(child, NULL, 0) != child;
}
/* prints
 * hello
 */
