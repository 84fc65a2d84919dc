/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs among the kernels that the driver is built for, 6.1 and 6.12. It
 * is written for the newer one; here an older kernel is given the same words.
 */
#ifndef HGSHM_DRIVER_COMPAT_H
#define HGSHM_DRIVER_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error hgshm needs Linux 6.1 or newer
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#error hgshm does not know how Linux 6.17 and newer map pages of devices; take 6.1 to 6.16
#endif

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/pfn_t.h>

/* 6.3 took the right to write vm_flags away. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma,
				unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.6 tells huge_fault() how much to map as an order. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define hgshm_fault_size	enum page_entry_size
#define HGSHM_FAULT_PAGE	PE_SIZE_PTE
#define HGSHM_FAULT_HUGE	PE_SIZE_PMD
#else
#define hgshm_fault_size	unsigned int
#define HGSHM_FAULT_PAGE	0
#define HGSHM_FAULT_HUGE	PMD_ORDER
#endif

/* 6.8 always adds 1. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

/* 6.13 wants a string. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define HGSHM_NAMESPACE_DMA_BUF	DMA_BUF
#else
#define HGSHM_NAMESPACE_DMA_BUF	"DMA_BUF"
#endif

#endif /* HGSHM_DRIVER_COMPAT_H */
