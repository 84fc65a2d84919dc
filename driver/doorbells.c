// SPDX-License-Identifier: GPL-2.0-only
/* Doorbells in user space: their page of BAR 0, uncached, filled in by page fault. */
#include <linux/mm.h>

#include "compat.h"
#include "hgshm.h"

/* 0 where a page of this kernel would show the registers as well. */
u64 hgshm_doorbells_bytes(void)
{
	if (PAGE_SIZE > HGSHM_DOORBELL_PAGE)
		return 0;
	return PAGE_SIZE;
}

static vm_fault_t hgshm_doorbells_fault(struct vm_fault *vmf)
{
	struct hgshm_opener *opener = vmf->vma->vm_file->private_data;
	struct hgshm_device *hd = opener->hd;
	vm_fault_t ret;
	int cookie;

	if (!hgshm_device_enter(hd, &cookie))
		return VM_FAULT_SIGBUS;
	ret = vmf_insert_pfn(vmf->vma, vmf->address,
			     PHYS_PFN(pci_resource_start(hd->pdev, HGSHM_BAR_REGS) +
				      HGSHM_DOORBELL_PAGE));
	hgshm_device_leave(cookie);
	return ret;
}

static const struct vm_operations_struct hgshm_doorbells_vm_operations = {
	.fault = hgshm_doorbells_fault,
};

/* Offset and length were checked: @vma is that one page. */
int hgshm_doorbells_mmap(struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vm_flags_clear(vma, VM_MAYEXEC);
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &hgshm_doorbells_vm_operations;
	return 0;
}
