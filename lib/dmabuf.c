/* SPDX-License-Identifier: MIT */
/* Parts of a slice for other drivers. */
#include <errno.h>
#include <unistd.h>

#include "internal.h"

int hgshm_export_dmabuf(struct hgshm *h, uint32_t index, size_t offset_bytes,
			size_t length_bytes, uint32_t flags, int *fd)
{
	size_t page_bytes = sysconf(_SC_PAGESIZE);
	enum hgshm_region region;
	size_t slice_offset;
	int ret;

	if (!h || !fd)
		return hgshm_fail(-EINVAL, "hgshm_export_dmabuf: an argument is NULL");
	if (flags & ~HGSHM_DMABUF_READ_ONLY)
		return hgshm_fail(-EINVAL, "hgshm_export_dmabuf: unknown flags 0x%x", flags);
	if (!h->transport->export_dmabuf)
		return hgshm_fail(-EOPNOTSUPP, "a member on the host has no dma-buf; its memory is "
				  "a file's: use hgshm_slice()");
	ret = hgshm_locate_slice(h, index, &region, &slice_offset);
	if (ret)
		return ret;
	if (!length_bytes || (offset_bytes | length_bytes) % page_bytes ||
	    length_bytes > h->slice_bytes || offset_bytes > h->slice_bytes - length_bytes)
		return hgshm_fail(-EINVAL, "a dma-buf of %zu bytes at %zu of slice %u: give whole "
				  "pages of %zu bytes within its %zu", length_bytes, offset_bytes,
				  index, page_bytes, h->slice_bytes);
	if (region == HGSHM_REGION_PEER && h->peer_readonly && !(flags & HGSHM_DMABUF_READ_ONLY))
		return hgshm_fail(-EACCES, "slice %u is read-only for this member; give "
				  "HGSHM_DMABUF_READ_ONLY", index);
	return h->transport->export_dmabuf(h->state, region, slice_offset + offset_bytes,
					   length_bytes, flags, fd);
}
