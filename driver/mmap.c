// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the memory, filled in by page fault: write-back, huge where all
 * lines up. Those of the doorbells are in doorbells.c.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "compat.h"
#include "hgshm.h"

#define HGSHM_REGION_PAGES	(HGSHM_MMAP_REGION_BYTES >> PAGE_SHIFT)

/* Bytes into its region at which @addr of @vma lies. */
static u64 hgshm_vma_offset(struct vm_area_struct *vma, unsigned long addr)
{
	u64 page = vma->vm_pgoff % HGSHM_REGION_PAGES;

	return (page << PAGE_SHIFT) + ((addr & PAGE_MASK) - vma->vm_start);
}

static pfn_t hgshm_region_pfn(const struct hgshm_region *region, u64 offset)
{
	return phys_to_pfn_t(region->start + offset, PFN_DEV | PFN_MAP);
}

static vm_fault_t hgshm_fault_page(struct vm_fault *vmf,
				   const struct hgshm_region *region)
{
	u64 offset = hgshm_vma_offset(vmf->vma, vmf->address);

	if (offset >= region->bytes)
		return VM_FAULT_SIGBUS;
	return vmf_insert_mixed(vmf->vma, vmf->address,
				hgshm_region_pfn(region, offset));
}

static vm_fault_t hgshm_fault_huge(struct vm_fault *vmf,
				   const struct hgshm_region *region)
{
	unsigned long addr = vmf->address & PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;
	u64 offset;

	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return VM_FAULT_FALLBACK;
	if (addr < vma->vm_start || vma->vm_end - addr < PMD_SIZE)
		return VM_FAULT_FALLBACK;

	offset = hgshm_vma_offset(vma, addr);
	if (!IS_ALIGNED(region->start + offset, PMD_SIZE) ||
	    offset + PMD_SIZE > region->bytes)
		return VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(vmf, hgshm_region_pfn(region, offset),
				  vmf->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t hgshm_vm_huge_fault(struct vm_fault *vmf,
				      hgshm_fault_size size)
{
	const struct hgshm_region *region = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	int cookie;

	if (!hgshm_device_enter(region->hd, &cookie))
		return VM_FAULT_SIGBUS;
	if (size == HGSHM_FAULT_PAGE)
		ret = hgshm_fault_page(vmf, region);
	else if (size == HGSHM_FAULT_HUGE)
		ret = hgshm_fault_huge(vmf, region);
	hgshm_device_leave(cookie);
	return ret;
}

static vm_fault_t hgshm_vm_fault(struct vm_fault *vmf)
{
	return hgshm_vm_huge_fault(vmf, HGSHM_FAULT_PAGE);
}

static const struct vm_operations_struct hgshm_vm_operations = {
	.fault = hgshm_vm_fault,
	.huge_fault = hgshm_vm_huge_fault,
};

/*
 * @vma becomes one of @region, at its vm_pgoff in it. Its file keeps the device's
 * memory alive and is of the device's address space.
 */
int hgshm_mmap_region(struct vm_area_struct *vma, struct hgshm_region *region)
{
	if (region->read_only) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vma->vm_private_data = region;
	vma->vm_ops = &hgshm_vm_operations;
	vm_flags_clear(vma, VM_MAYEXEC);
	vm_flags_set(vma, VM_HUGEPAGE | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

/* What every mapping must be, of @bytes there are. */
static int hgshm_mmap_check(struct vm_area_struct *vma, u64 bytes)
{
	u64 offset = hgshm_vma_offset(vma, vma->vm_start);
	u64 length = vma->vm_end - vma->vm_start;

	if (offset > bytes || length > bytes - offset)
		return -EINVAL;
	/* VM_SHARED is off in a read-only shared mapping, this is not. */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	return 0;
}

static int hgshm_mmap_any(struct hgshm_device *hd, struct vm_area_struct *vma)
{
	u64 number = vma->vm_pgoff / HGSHM_REGION_PAGES;
	bool doorbells = number == HGSHM_MMAP_DOORBELLS / HGSHM_MMAP_REGION_BYTES;
	u64 bytes = 0;
	int ret;

	if (doorbells)
		bytes = hgshm_doorbells_bytes();
	else if (!(hd->identity.features & HGSHM_FEATURE_GUEST_MMAP))
		return -EPERM;
	else if (number < HGSHM_REGIONS)
		bytes = hd->regions[number].bytes;
	if (!bytes)
		return -ENXIO;

	ret = hgshm_mmap_check(vma, bytes);
	if (ret)
		return ret;
	if (doorbells)
		return hgshm_doorbells_mmap(vma);
	return hgshm_mmap_region(vma, &hd->regions[number]);
}

int hgshm_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct hgshm_opener *opener = filp->private_data;
	int cookie;
	int ret;

	if (!hgshm_device_enter(opener->hd, &cookie))
		return -ENODEV;
	ret = hgshm_mmap_any(opener->hd, vma);
	hgshm_device_leave(cookie);
	return ret;
}
