/* SPDX-License-Identifier: MIT */
/* Ringing other VMs. */
#include <errno.h>

#include "internal.h"

static void count_sent(struct hgshm *h, uint32_t index)
{
	atomic_fetch_add_explicit(&h->sent[index], 1, memory_order_relaxed);
}

int hgshm_poke(struct hgshm *h, uint32_t index)
{
	int ret;

	if (!h)
		return hgshm_fail(-EINVAL, "hgshm_poke: the handle is NULL");
	if (index >= h->clients)
		return hgshm_fail(-EINVAL, "ring VM %u: the group has clients=%u", index,
				  h->clients);
	if (index == h->index)
		return hgshm_fail(-EINVAL, "ring VM %u: that is this VM itself", index);
	ret = h->transport->poke(h->state, index);
	if (!ret)
		count_sent(h, index);
	return ret;
}

int hgshm_poke_all(struct hgshm *h)
{
	struct hgshm_info info;
	int ret;

	ret = hgshm_get_info(h, &info);
	if (ret)
		return ret;
	ret = h->transport->poke(h->state, HGSHM_POKE_ALL);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < h->clients; i++)
		if (i != h->index && info.peers >> i & 1)
			count_sent(h, i);
	return 0;
}

int hgshm_get_stats(struct hgshm *h, struct hgshm_stats *stats)
{
	if (!h || !stats)
		return hgshm_fail(-EINVAL, "hgshm_get_stats: an argument is NULL");
	for (int i = 0; i < HGSHM_PEERS_MAX; i++) {
		stats->sent[i] = atomic_load_explicit(&h->sent[i], memory_order_relaxed);
		stats->received[i] = atomic_load_explicit(&h->received[i], memory_order_relaxed);
	}
	stats->waits = atomic_load_explicit(&h->waits, memory_order_relaxed);
	stats->sleeps = atomic_load_explicit(&h->sleeps, memory_order_relaxed);
	return 0;
}
