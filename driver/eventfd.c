// SPDX-License-Identifier: GPL-2.0-only
/* The eventfds that an opener asked to have signalled. */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/lockdep.h>

#include "compat.h"
#include "hgshm.h"

/* Where @opener keeps its eventfd for @index; NULL if there can be none. */
static struct eventfd_ctx **hgshm_eventfd_slot(struct hgshm_opener *opener,
					       u32 index)
{
	const struct hgshm_identity *id = &opener->hd->identity;

	if (index == HGSHM_EVENTFD_ALL)
		return &opener->eventfd_all;
	if (index == HGSHM_EVENTFD_PEERS)
		return &opener->eventfds[HGSHM_VECTOR_PEERS];
	if (index >= id->clients || index == id->index)
		return NULL;
	return &opener->eventfds[HGSHM_VECTOR_DOORBELL(index)];
}

/* Replace what @opener asked for at @index; @fd -1 asks for nothing. */
int hgshm_eventfd_set(struct hgshm_opener *opener, u32 index, int fd)
{
	struct eventfd_ctx **slot = hgshm_eventfd_slot(opener, index);
	struct hgshm_device *hd = opener->hd;
	struct eventfd_ctx *eventfd = NULL;

	if (!slot)
		return -EINVAL;
	if (fd != -1) {
		eventfd = eventfd_ctx_fdget(fd);
		if (IS_ERR(eventfd))
			return PTR_ERR(eventfd);
	}

	spin_lock_irq(&hd->openers_lock);
	swap(*slot, eventfd);
	spin_unlock_irq(&hd->openers_lock);

	if (eventfd)
		eventfd_ctx_put(eventfd);
	return 0;
}

/* From interrupt handlers. */
void hgshm_eventfd_signal(const struct hgshm_opener *opener, u32 vector)
{
	lockdep_assert_held(&opener->hd->openers_lock);

	if (opener->eventfds[vector])
		eventfd_signal(opener->eventfds[vector]);
	if (opener->eventfd_all)
		eventfd_signal(opener->eventfd_all);
}

/* Nobody else knows @opener any more. */
void hgshm_eventfd_drop_all(struct hgshm_opener *opener)
{
	u32 vector;

	for (vector = 0; vector < HGSHM_VECTORS_MAX; vector++) {
		if (opener->eventfds[vector])
			eventfd_ctx_put(opener->eventfds[vector]);
	}
	if (opener->eventfd_all)
		eventfd_ctx_put(opener->eventfd_all);
}
