// SPDX-License-Identifier: GPL-2.0-only
/* Struct pages for the shared memory, so that any DMA engine may reach it. */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "hgshm.h"

#ifndef CONFIG_ZONE_DEVICE
#error hgshm needs a kernel with CONFIG_ZONE_DEVICE=y, which needs CONFIG_MEMORY_HOTPLUG=y
#endif

#define HGSHM_PIN_POLL_MS	10
#define HGSHM_PIN_WARN_MS	10000

static int hgshm_region_check(struct hgshm_device *hd, int bar, u64 bytes)
{
	u64 bar_bytes = pci_resource_len(hd->pdev, bar);
	struct device *dev = &hd->pdev->dev;

	if (!(pci_resource_flags(hd->pdev, bar) & IORESOURCE_MEM)) {
		dev_err(dev, "BAR %d is missing, though register FEATURES promises it\n",
			bar);
		return -ENODEV;
	}
	if (bar_bytes < bytes || bar_bytes < HGSHM_BAR_MEMORY_MIN_BYTES) {
		dev_err(dev, "BAR %d has %llu bytes, too few for its %llu bytes of memory\n",
			bar, bar_bytes, bytes);
		return -ENODEV;
	}
	return 0;
}

static u64 hgshm_struct_pages_bytes(const struct range *range)
{
	return (range_len(range) >> PAGE_SHIFT) * sizeof(struct page);
}

/*
 * Where memory runs out while struct pages are made, the kernel does not take back
 * those that it has made by then, and is left with next to nothing. So look before,
 * and leave an eighth for what else it takes.
 */
static bool hgshm_has_room(const struct range *range)
{
	u64 available_bytes = (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;

	return hgshm_struct_pages_bytes(range) <=
	       available_bytes - available_bytes / 8;
}

static void hgshm_region_explain(struct hgshm_device *hd, int bar,
				 const struct range *range, int error)
{
	struct range reach = mhp_get_pluggable_range(true);
	struct device *dev = &hd->pdev->dev;

	if (error == -ENOMEM)
		dev_err(dev, "BAR %d: no room for its page table of %llu KiB, %lu KiB are available: give the VM more RAM\n",
			bar, hgshm_struct_pages_bytes(range) / SZ_1K,
			max(si_mem_available(), 0L) << (PAGE_SHIFT - 10));
	else if (range->start < reach.start || range->end > reach.end)
		dev_err(dev, "BAR %d lies at %#llx-%#llx, but this kernel reaches physical addresses %#llx-%#llx only: the CPU has too few address bits, or booting with nokaslr gives more\n",
			bar, range->start, range->end, reach.start, reach.end);
	else
		dev_err(dev, "BAR %d: no struct pages for %#llx-%#llx: error %d\n",
			bar, range->start, range->end, error);
}

/* Works all the same, only with more page faults. */
static void hgshm_region_explain_small_pages(struct hgshm_device *hd)
{
	const char *missing;

	/* Without the second the flag S_DAX of our inode is nothing. */
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		missing = "CONFIG_TRANSPARENT_HUGEPAGE";
	else if (!IS_ENABLED(CONFIG_FS_DAX))
		missing = "CONFIG_FS_DAX";
	else
		return;
	dev_info(&hd->pdev->dev, "memory is mapped in pages of %lu bytes only: the kernel is built without %s\n",
		 PAGE_SIZE, missing);
}

static int hgshm_region_map(struct hgshm_device *hd, enum hgshm_region_id id,
			    int bar, u64 bytes)
{
	struct hgshm_region *region = &hd->regions[id];
	struct dev_pagemap *pgmap = &region->pgmap;
	void *addr;
	int ret;

	ret = hgshm_region_check(hd, bar, bytes);
	if (ret)
		return ret;
	ret = pci_request_region(hd->pdev, bar, HGSHM_NAME);
	if (ret)
		return ret;

	region->hd = hd;
	region->start = pci_resource_start(hd->pdev, bar);
	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->nr_range = 1;
	pgmap->range.start = region->start;
	pgmap->range.end = region->start +
			   ALIGN(bytes, HGSHM_BAR_MEMORY_MIN_BYTES) - 1;
	addr = ERR_PTR(-ENOMEM);
	if (hgshm_has_room(&pgmap->range))
		addr = memremap_pages(pgmap, dev_to_node(&hd->pdev->dev));
	if (IS_ERR(addr)) {
		hgshm_region_explain(hd, bar, &pgmap->range, PTR_ERR(addr));
		pci_release_region(hd->pdev, bar);
		return PTR_ERR(addr);
	}
	region->cached = hgshm_bar_is_cached(hd->pdev, bar, addr);
	region->read_only = id == HGSHM_REGION_PEER &&
			    hd->identity.features & HGSHM_FEATURE_PEER_READONLY;
	region->bytes = bytes;
	return 0;
}

static unsigned long hgshm_region_pinned_pages(const struct hgshm_region *region)
{
	unsigned long pfn = PHYS_PFN(region->start);
	unsigned long end = pfn + (region->bytes >> PAGE_SHIFT);
	unsigned long pinned = 0;

	for (; pfn < end; pfn++) {
		pinned += page_ref_count(pfn_to_page(pfn)) > 1;
		if (!(pfn % SZ_64K))
			cond_resched();
	}
	return pinned;
}

/*
 * I/O that was started through a mapping may still be under way after the
 * mapping is gone. The kernel tells no one when the last pin of such a page
 * goes, so look again and again. TASK_IDLE: however long that takes, it is no
 * hung task.
 */
static void hgshm_region_wait_unpinned(struct hgshm_device *hd,
				       const struct hgshm_region *region)
{
	const unsigned long patience = msecs_to_jiffies(HGSHM_PIN_WARN_MS);
	unsigned long warn_at = jiffies + patience;
	unsigned long pinned;

	while ((pinned = hgshm_region_pinned_pages(region))) {
		if (time_after_eq(jiffies, warn_at)) {
			dev_warn(&hd->pdev->dev, "cannot let go of the memory yet: %lu pages are in use for I/O\n",
				 pinned);
			warn_at = jiffies + patience;
		}
		schedule_timeout_idle(msecs_to_jiffies(HGSHM_PIN_POLL_MS));
	}
}

static void hgshm_region_unmap(struct hgshm_device *hd,
			       enum hgshm_region_id id, int bar)
{
	struct hgshm_region *region = &hd->regions[id];

	if (!region->bytes)
		return;
	hgshm_region_wait_unpinned(hd, region);
	memunmap_pages(&region->pgmap);
	pci_release_region(hd->pdev, bar);
}

/* The regions that the device offers; none with guestmmap=0. */
int hgshm_memory_map(struct hgshm_device *hd)
{
	const struct hgshm_identity *id = &hd->identity;
	int ret;

	if (!(id->features & HGSHM_FEATURE_GUEST_MMAP))
		return 0;

	ret = hgshm_region_map(hd, HGSHM_REGION_MEMORY, HGSHM_BAR_MEMORY,
			       id->index ? id->slice_bytes : id->size_bytes);
	if (ret)
		return ret;
	hgshm_region_explain_small_pages(hd);
	if (!(id->features & HGSHM_FEATURE_PEER_SLICE))
		return 0;

	ret = hgshm_region_map(hd, HGSHM_REGION_PEER, HGSHM_BAR_PEER,
			       id->slice_bytes);
	if (ret)
		hgshm_region_unmap(hd, HGSHM_REGION_MEMORY, HGSHM_BAR_MEMORY);
	return ret;
}

/* Nobody may be able to fault in a page any more. */
void hgshm_memory_unmap(struct hgshm_device *hd)
{
	hgshm_region_unmap(hd, HGSHM_REGION_PEER, HGSHM_BAR_PEER);
	hgshm_region_unmap(hd, HGSHM_REGION_MEMORY, HGSHM_BAR_MEMORY);
}
