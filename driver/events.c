// SPDX-License-Identifier: GPL-2.0-only
/* What each opener has still to be told: counts by vector, who came and went. */
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/uaccess.h>

#include "hgshm.h"

/* A new opener, in hd->openers already, is told of what changes from now on. */
void hgshm_events_start(struct hgshm_opener *opener)
{
	struct hgshm_device *hd = opener->hd;
	u32 epoch;
	u64 peers = hgshm_peers_refresh(hd, &epoch);

	spin_lock_irq(&hd->openers_lock);
	opener->told = peers;
	opener->known = peers;
	opener->known_epoch = epoch;
	spin_unlock_irq(&hd->openers_lock);
}

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
		hgshm_eventfd_signal(opener, vector);
	}
	spin_unlock_irqrestore(&hd->openers_lock, flags);

	wake_up_interruptible_poll(&hd->wait, EPOLLIN | EPOLLRDNORM);
	if (vector == HGSHM_VECTOR_PEERS)
		hgshm_sysfs_notify(hd);
}

bool hgshm_events_pending(struct hgshm_opener *opener)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&opener->hd->openers_lock, flags);
	pending = opener->pending || opener->told != opener->known;
	spin_unlock_irqrestore(&opener->hd->openers_lock, flags);
	return pending;
}

static void hgshm_batch_add(struct hgshm_batch *batch, u16 type, u16 index,
			    u32 epoch, u64 count)
{
	batch->events[batch->count++] = (struct hgshm_event){
		.type = type,
		.index = index,
		.epoch = epoch,
		.count = count,
	};
}

/* Who came and who went between two sets of VMs. */
static void hgshm_batch_add_changes(struct hgshm_batch *batch, u32 max,
				    u64 before, u64 now, u32 epoch)
{
	u64 changed;
	u32 i;

	for (changed = before ^ now; changed && batch->count < max;
	     changed &= changed - 1) {
		i = __ffs64(changed);
		hgshm_batch_add(batch, now & BIT_ULL(i) ? HGSHM_EVENT_PEER_UP :
							  HGSHM_EVENT_PEER_DOWN,
				i, epoch, 1);
	}
}

/* A change among the peers, then what changed. */
static void hgshm_batch_add_peers(struct hgshm_opener *opener, u32 max, u64 count)
{
	struct hgshm_batch *batch = &opener->batch;

	batch->peers = hgshm_peers_known(opener->hd, &batch->epoch);
	hgshm_batch_add(batch, HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX,
			batch->epoch, count);
	hgshm_batch_add_changes(batch, max, opener->known, batch->peers,
				batch->epoch);
}

/* Fill opener->batch with at most @max events; they stay counted. */
static void hgshm_events_peek(struct hgshm_opener *opener, u32 max)
{
	struct hgshm_batch *batch = &opener->batch;
	struct hgshm_device *hd = opener->hd;
	u32 vectors = hd->identity.vectors;
	u32 epoch = hgshm_epoch(hd);
	u32 i, vector;
	u64 count;

	lockdep_assert_held(&opener->read_lock);

	batch->count = 0;
	spin_lock_irq(&hd->openers_lock);
	/* What did not fit behind the last PEERS comes before all that is new. */
	hgshm_batch_add_changes(batch, max, opener->told, opener->known,
				opener->known_epoch);
	for (i = 0; i < vectors && batch->count < max; i++) {
		vector = (opener->next + i) % vectors;
		count = opener->counts[vector];
		if (!count)
			continue;
		if (vector == HGSHM_VECTOR_PEERS)
			hgshm_batch_add_peers(opener, max, count);
		else
			hgshm_batch_add(batch, HGSHM_EVENT_DOORBELL,
					vector - HGSHM_VECTOR_DOORBELL(0), epoch,
					count);
	}
	spin_unlock_irq(&hd->openers_lock);
}

static void hgshm_vector_consume(struct hgshm_opener *opener, u32 vector, u64 count)
{
	opener->counts[vector] -= count;
	if (!opener->counts[vector])
		opener->pending--;
	opener->next = vector + 1;
}

/* Uncount what peek() put into the batch; more may have come meanwhile. */
static void hgshm_events_consume(struct hgshm_opener *opener)
{
	const struct hgshm_batch *batch = &opener->batch;
	struct hgshm_device *hd = opener->hd;
	const struct hgshm_event *event;
	u32 i;

	lockdep_assert_held(&opener->read_lock);

	spin_lock_irq(&hd->openers_lock);
	for (i = 0; i < batch->count; i++) {
		event = &batch->events[i];
		switch (event->type) {
		case HGSHM_EVENT_PEERS:
			hgshm_vector_consume(opener, HGSHM_VECTOR_PEERS,
					     event->count);
			opener->known = batch->peers;
			opener->known_epoch = batch->epoch;
			break;
		case HGSHM_EVENT_PEER_UP:
			opener->told |= BIT_ULL(event->index);
			break;
		case HGSHM_EVENT_PEER_DOWN:
			opener->told &= ~BIT_ULL(event->index);
			break;
		default:
			hgshm_vector_consume(opener,
					     HGSHM_VECTOR_DOORBELL(event->index),
					     event->count);
		}
	}
	spin_unlock_irq(&hd->openers_lock);
}

/* Copy first, consume then: a bad buffer loses no event. */
static ssize_t hgshm_events_copy(struct hgshm_opener *opener, char __user *buf,
				 u32 max)
{
	const struct hgshm_batch *batch = &opener->batch;
	ssize_t ret;

	if (mutex_lock_interruptible(&opener->read_lock))
		return -ERESTARTSYS;

	hgshm_events_peek(opener, max);
	ret = batch->count * sizeof(struct hgshm_event);
	if (copy_to_user(buf, batch->events, ret))
		ret = -EFAULT;
	else
		hgshm_events_consume(opener);

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
	max = min_t(size_t, max, HGSHM_BATCH_EVENTS);

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
