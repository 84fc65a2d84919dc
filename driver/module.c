// SPDX-License-Identifier: GPL-2.0-only
/* The module: its device numbers, its class, and the gate that remove closes. */
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/srcu.h>

#include "hgshm.h"

static DEFINE_IDA(hgshm_minors);
DEFINE_STATIC_SRCU(hgshm_srcu);

dev_t hgshm_first_devt;

struct class hgshm_class = {
	.name = HGSHM_NAME,
	.dev_groups = hgshm_groups,
};

int hgshm_minor_get(void)
{
	return ida_alloc_max(&hgshm_minors, HGSHM_MINORS - 1, GFP_KERNEL);
}

void hgshm_minor_put(int minor)
{
	ida_free(&hgshm_minors, minor);
}

/**
 * hgshm_device_enter() - start to use the hardware
 * @hd: device
 * @cookie: out: for hgshm_device_leave()
 *
 * May sleep inside, but not for anything that a process decides: remove waits, and
 * user memory is not touched. SRCU has no order with the mmap lock, which a page
 * fault holds when it comes here.
 *
 * Return: false if the device is gone; then there is nothing to leave.
 */
bool hgshm_device_enter(struct hgshm_device *hd, int *cookie)
{
	*cookie = srcu_read_lock(&hgshm_srcu);
	if (!READ_ONCE(hd->gone)) {
		__release(&hgshm_srcu); /* for sparse: the caller holds it */
		return true;
	}
	srcu_read_unlock(&hgshm_srcu, *cookie);
	return false;
}

void hgshm_device_leave(int cookie)
{
	__acquire(&hgshm_srcu); /* for sparse, as above */
	srcu_read_unlock(&hgshm_srcu, cookie);
}

/*
 * Wakes who sleeps outside of enter and leave. After this nobody is between the
 * two, nor ever will be.
 */
void hgshm_device_drain(struct hgshm_device *hd)
{
	WRITE_ONCE(hd->gone, true);
	wake_up_all(&hd->wait);
	synchronize_srcu(&hgshm_srcu);
}

static int __init hgshm_module_init(void)
{
	int ret;

	ret = hgshm_fs_mount();
	if (ret)
		return ret;

	ret = alloc_chrdev_region(&hgshm_first_devt, 0, HGSHM_MINORS, HGSHM_NAME);
	if (ret)
		goto unmount;

	ret = class_register(&hgshm_class);
	if (ret)
		goto unregister_region;

	ret = pci_register_driver(&hgshm_pci_driver);
	if (ret)
		goto unregister_class;

	return 0;

unregister_class:
	class_unregister(&hgshm_class);
unregister_region:
	unregister_chrdev_region(hgshm_first_devt, HGSHM_MINORS);
unmount:
	hgshm_fs_unmount();
	return ret;
}

static void __exit hgshm_module_exit(void)
{
	pci_unregister_driver(&hgshm_pci_driver);
	class_unregister(&hgshm_class);
	unregister_chrdev_region(hgshm_first_devt, HGSHM_MINORS);
	hgshm_fs_unmount();
	ida_destroy(&hgshm_minors);
}

module_init(hgshm_module_init);
module_exit(hgshm_module_exit);

MODULE_DESCRIPTION("Host-guest shared memory");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
