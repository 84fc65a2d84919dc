/* SPDX-License-Identifier: MIT */
/* Slices of the shared memory. */
#include <errno.h>

#include "internal.h"

static int map_once(struct hgshm *h, enum hgshm_region region, void **ptr)
{
	int ret = 0;

	pthread_mutex_lock(&h->map_lock);
	if (!h->region[region])
		ret = h->transport->map(h->state, region, h->region_bytes[region],
					region == HGSHM_REGION_MEMORY || !h->peer_readonly,
					&h->region[region]);
	if (!ret)
		*ptr = h->region[region];
	pthread_mutex_unlock(&h->map_lock);
	return ret;
}

int hgshm_locate_slice(const struct hgshm *h, uint32_t index, enum hgshm_region *region,
		       size_t *offset_bytes)
{
	*region = HGSHM_REGION_MEMORY;
	*offset_bytes = 0;
	if (index >= h->clients)
		return hgshm_fail(-ENXIO, "slice %u: the group has clients=%u", index, h->clients);
	if (!h->mappable)
		return hgshm_fail(-EPERM, "slice %u: the device of VM %u has guestmmap=0", index,
				  h->index);
	if (h->index == 0) {
		*offset_bytes = index * h->slice_bytes;
	} else if (index == h->mapidx) {
		*region = HGSHM_REGION_PEER;
	} else if (index != h->index) {
		if (h->mapidx == HGSHM_INDEX_NONE)
			return hgshm_fail(-EACCES, "slice %u: VM %u was given no slice but its own "
					  "(start it with mapidx=%u)", index, h->index, index);
		return hgshm_fail(-EACCES, "slice %u: VM %u was given its own and slice %u only",
				  index, h->index, h->mapidx);
	}
	return 0;
}

int hgshm_slice(struct hgshm *h, uint32_t index, void **ptr, size_t *bytes)
{
	enum hgshm_region region;
	size_t offset_bytes;
	void *start;
	int ret;

	if (!h || !ptr || !bytes)
		return hgshm_fail(-EINVAL, "hgshm_slice: an argument is NULL");
	ret = hgshm_locate_slice(h, index, &region, &offset_bytes);
	if (!ret)
		ret = map_once(h, region, &start);
	if (ret)
		return ret;
	*ptr = (char *)start + offset_bytes;
	*bytes = h->slice_bytes;
	return 0;
}
