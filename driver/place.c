// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory lies decides how fast it is. PC firmware puts a BAR below
 * 4 GiB when it fits there, and sets up the CPU's MTRRs so that nothing there is
 * cached, which overrides the page tables. Above 4 GiB memory is write-back.
 */
#include <linux/limits.h>

#include "hgshm.h"

#ifdef CONFIG_X86

#include <linux/pgtable.h>

static void hgshm_bar_raise(struct pci_dev *pdev, int bar)
{
	unsigned long flags = pci_resource_flags(pdev, bar);

	if (!(flags & IORESOURCE_MEM_64) || pci_resource_end(pdev, bar) > U32_MAX)
		return;
	/*
	 * The PCI core prefers an address above 4 GiB, and falls back to the
	 * old one, so that a BAR that can't move stays where it was.
	 */
	pci_release_resource(pdev, bar);
	if (pci_assign_resource(pdev, bar))
		dev_err(&pdev->dev, "BAR %d lost its place below 4 GiB and got no other\n",
			bar);
}

void hgshm_bars_raise(struct pci_dev *pdev)
{
	hgshm_bar_raise(pdev, HGSHM_BAR_MEMORY);
	hgshm_bar_raise(pdev, HGSHM_BAR_PEER);
}

/* @addr: where the kernel maps the BAR; user mappings get the same type. */
bool hgshm_bar_is_cached(struct pci_dev *pdev, int bar, void *addr)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)addr, &level);

	/* The two bits lie alike in entries of all levels; 0 is write-back. */
	if (pte && !(pte_flags(*pte) & (_PAGE_PCD | _PAGE_PWT)))
		return true;
	dev_warn(&pdev->dev, "BAR %d is not mapped write-back, access may be slow: the firmware made its addresses uncached, and none above 4 GiB were free\n",
		 bar);
	return false;
}

#else

void hgshm_bars_raise(struct pci_dev *pdev)
{
}

bool hgshm_bar_is_cached(struct pci_dev *pdev, int bar, void *addr)
{
	return true;
}

#endif
