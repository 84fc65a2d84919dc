// SPDX-License-Identifier: GPL-2.0-only
/* Binding to the PCI device and letting go of it. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "hgshm.h"

static void hgshm_device_release(struct device *dev)
{
	struct hgshm_device *hd = container_of(dev, struct hgshm_device, dev);

	if (hd->inode)
		iput(hd->inode);
	kfree(hd);
}

static struct hgshm_device *hgshm_device_new(struct pci_dev *pdev)
{
	struct hgshm_device *hd;
	struct inode *inode;

	hd = kzalloc(sizeof(*hd), GFP_KERNEL);
	if (!hd)
		return ERR_PTR(-ENOMEM);

	hd->pdev = pdev;
	mutex_init(&hd->irq_enable_lock);
	spin_lock_init(&hd->peers_lock);
	spin_lock_init(&hd->openers_lock);
	INIT_LIST_HEAD(&hd->openers);
	init_waitqueue_head(&hd->wait);
	init_waitqueue_head(&hd->dmabuf_wait);

	device_initialize(&hd->dev);
	hd->dev.class = &hgshm_class;
	hd->dev.parent = &pdev->dev;
	hd->dev.release = hgshm_device_release;

	inode = hgshm_inode_new();
	if (IS_ERR(inode)) {
		put_device(&hd->dev);
		return ERR_CAST(inode);
	}
	hd->inode = inode;
	return hd;
}

static int hgshm_hardware_open(struct hgshm_device *hd)
{
	struct pci_dev *pdev = hd->pdev;
	int ret;

	hgshm_bars_raise(pdev);
	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	ret = pci_request_region(pdev, HGSHM_BAR_REGS, HGSHM_NAME);
	if (ret)
		goto disable;

	ret = -ENODEV;
	if (pci_resource_len(pdev, HGSHM_BAR_REGS) < HGSHM_BAR_REGS_BYTES) {
		dev_err(&pdev->dev, "BAR %d has %llu bytes, the registers need %u\n",
			HGSHM_BAR_REGS,
			(u64)pci_resource_len(pdev, HGSHM_BAR_REGS),
			HGSHM_BAR_REGS_BYTES);
		goto release_region;
	}
	hd->regs = pci_iomap(pdev, HGSHM_BAR_REGS, HGSHM_BAR_REGS_BYTES);
	if (!hd->regs)
		goto release_region;

	ret = hgshm_regs_identify(hd);
	if (ret)
		goto unmap;
	/* MSI-X messages are bus master writes. */
	pci_set_master(pdev);
	return 0;

unmap:
	pci_iounmap(pdev, hd->regs);
release_region:
	pci_release_region(pdev, HGSHM_BAR_REGS);
disable:
	pci_disable_device(pdev);
	return ret;
}

static void hgshm_hardware_close(struct hgshm_device *hd)
{
	pci_clear_master(hd->pdev);
	pci_iounmap(hd->pdev, hd->regs);
	pci_release_region(hd->pdev, HGSHM_BAR_REGS);
	pci_disable_device(hd->pdev);
}

static int hgshm_node_add(struct hgshm_device *hd)
{
	int ret;

	hd->dev.devt = MKDEV(MAJOR(hgshm_first_devt),
			     MINOR(hgshm_first_devt) + hd->minor);
	ret = dev_set_name(&hd->dev, HGSHM_NAME "%d", hd->minor);
	if (ret)
		return ret;
	cdev_init(&hd->cdev, &hgshm_file_operations);
	hd->cdev.owner = THIS_MODULE;
	return cdev_device_add(&hd->cdev, &hd->dev);
}

static int hgshm_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct hgshm_device *hd;
	int ret;

	hd = hgshm_device_new(pdev);
	if (IS_ERR(hd))
		return PTR_ERR(hd);

	ret = hgshm_minor_get();
	if (ret < 0)
		goto put;
	hd->minor = ret;

	ret = hgshm_hardware_open(hd);
	if (ret)
		goto put_minor;
	ret = hgshm_memory_map(hd);
	if (ret)
		goto close_hardware;
	ret = hgshm_irqs_request(hd);
	if (ret)
		goto unmap_memory;

	hgshm_regs_enable_irqs(hd, true);
	pci_set_drvdata(pdev, hd);
	/* The last step: from here on anyone may open it. */
	ret = hgshm_node_add(hd);
	if (ret)
		goto disable_irqs;
	hgshm_sysfs_watch(hd);

	dev_info(&pdev->dev, HGSHM_NAME "%d: VM %u of %u, slices of %llu KiB\n",
		 hd->minor, hd->identity.index, hd->identity.clients,
		 hd->identity.slice_bytes >> 10);
	return 0;

disable_irqs:
	hgshm_regs_enable_irqs(hd, false);
	hgshm_irqs_free(hd);
unmap_memory:
	hgshm_memory_unmap(hd);
close_hardware:
	hgshm_hardware_close(hd);
put_minor:
	hgshm_minor_put(hd->minor);
put:
	put_device(&hd->dev);
	return ret;
}

static void hgshm_remove(struct pci_dev *pdev)
{
	struct hgshm_device *hd = pci_get_drvdata(pdev);

	cdev_device_del(&hd->cdev, &hd->dev);

	/* Order: no user, no mapping, no interrupt, no memory. */
	hgshm_device_drain(hd);
	unmap_mapping_range(hd->inode->i_mapping, 0, 0, 1);
	hgshm_regs_enable_irqs(hd, false);
	hgshm_irqs_free(hd);
	hgshm_sysfs_unwatch(hd);
	hgshm_dmabufs_wait_unused(hd);
	hgshm_memory_unmap(hd);
	hgshm_hardware_close(hd);

	hgshm_minor_put(hd->minor);
	put_device(&hd->dev);
}

/* So that the next kernel, after a kexec, is not interrupted. */
static void hgshm_shutdown(struct pci_dev *pdev)
{
	hgshm_regs_enable_irqs(pci_get_drvdata(pdev), false);
}

static const struct pci_device_id hgshm_pci_ids[] = {
	{ PCI_DEVICE(HGSHM_PCI_VENDOR_ID, HGSHM_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, hgshm_pci_ids);

struct pci_driver hgshm_pci_driver = {
	.name = HGSHM_NAME,
	.id_table = hgshm_pci_ids,
	.probe = hgshm_probe,
	.remove = hgshm_remove,
	.shutdown = hgshm_shutdown,
	.err_handler = &hgshm_reset_operations,
	.driver.pm = pm_sleep_ptr(&hgshm_power_operations),
};
