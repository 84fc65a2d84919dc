// SPDX-License-Identifier: GPL-2.0-only
/* What each opener has still to be told: counts by vector. */
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/uaccess.h>

#include "hgshm.h"

/* From interrupt handlers: add one interrupt of @vector to every opener. */
void hgshm_events_record(struct hgshm_device *hd, u32 vector)
{
	struct hgshm_opener *opener;
	unsigned long flags;

	spin_lock_irqsave(&hd->openers_lock, flags);
	list_for_each_entry(opener, &hd->openers, link) {
		if (!opener->counts[vector]++)
			opener->pending++;
		hgshm_signal_send(&opener->signal);
	}
	spin_unlock_irqrestore(&hd->openers_lock, flags);

	wake_up_interruptible_poll(&hd->wait, EPOLLIN | EPOLLRDNORM);
}

bool hgshm_events_pending(struct hgshm_opener *opener)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&opener->hd->openers_lock, flags);
	pending = opener->pending;
	spin_unlock_irqrestore(&opener->hd->openers_lock, flags);
	return pending;
}

static void hgshm_event_fill(struct hgshm_event *event, u32 vector, u32 epoch,
			     u64 count)
{
	event->epoch = epoch;
	event->count = count;
	if (vector == HGSHM_VECTOR_PEERS) {
		event->type = HGSHM_EVENT_PEERS;
		event->index = HGSHM_EVENT_NO_INDEX;
	} else {
		event->type = HGSHM_EVENT_DOORBELL;
		event->index = vector - HGSHM_VECTOR_DOORBELL(0);
	}
}

static u32 hgshm_event_vector(const struct hgshm_event *event)
{
	if (event->type == HGSHM_EVENT_PEERS)
		return HGSHM_VECTOR_PEERS;
	return HGSHM_VECTOR_DOORBELL(event->index);
}

/* Fill opener->batch with at most @max events; they stay counted. */
static u32 hgshm_events_peek(struct hgshm_opener *opener, u32 max)
{
	struct hgshm_device *hd = opener->hd;
	u32 vectors = hd->identity.vectors;
	u32 epoch = hgshm_epoch(hd);
	u32 filled = 0;
	u32 i, vector;

	lockdep_assert_held(&opener->read_lock);

	spin_lock_irq(&hd->openers_lock);
	for (i = 0; i < vectors && filled < max; i++) {
		vector = (opener->next + i) % vectors;
		if (opener->counts[vector])
			hgshm_event_fill(&opener->batch[filled++], vector, epoch,
					 opener->counts[vector]);
	}
	spin_unlock_irq(&hd->openers_lock);
	return filled;
}

/* Uncount what peek() put into the batch; more may have come meanwhile. */
static void hgshm_events_consume(struct hgshm_opener *opener, u32 filled)
{
	struct hgshm_device *hd = opener->hd;
	u32 i, vector = 0;

	lockdep_assert_held(&opener->read_lock);

	spin_lock_irq(&hd->openers_lock);
	for (i = 0; i < filled; i++) {
		vector = hgshm_event_vector(&opener->batch[i]);
		opener->counts[vector] -= opener->batch[i].count;
		if (!opener->counts[vector])
			opener->pending--;
	}
	spin_unlock_irq(&hd->openers_lock);

	opener->next = vector + 1;
}

/* Copy first, consume then: a bad buffer loses no event. */
static ssize_t hgshm_events_copy(struct hgshm_opener *opener, char __user *buf,
				 u32 max)
{
	ssize_t ret;
	u32 filled;

	if (mutex_lock_interruptible(&opener->read_lock))
		return -ERESTARTSYS;

	filled = hgshm_events_peek(opener, max);
	ret = filled * sizeof(struct hgshm_event);
	if (copy_to_user(buf, opener->batch, ret))
		ret = -EFAULT;
	else if (filled)
		hgshm_events_consume(opener, filled);

	mutex_unlock(&opener->read_lock);
	return ret;
}

ssize_t hgshm_events_read(struct hgshm_opener *opener, char __user *buf,
			  size_t bytes, bool may_block)
{
	struct hgshm_device *hd = opener->hd;
	size_t max = bytes / sizeof(struct hgshm_event);
	ssize_t ret;

	if (!max)
		return -EINVAL;
	max = min_t(size_t, max, HGSHM_VECTORS_MAX);

	for (;;) {
		if (READ_ONCE(hd->gone))
			return -ENODEV;
		ret = hgshm_events_copy(opener, buf, max);
		if (ret)
			return ret;
		if (!may_block)
			return -EAGAIN;
		ret = wait_event_interruptible(hd->wait,
					       READ_ONCE(hd->gone) ||
					       hgshm_events_pending(opener));
		if (ret)
			return ret;
	}
}
