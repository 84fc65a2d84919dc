// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend, resume and reset. Meanwhile the device is told to hold its interrupts
 * back: it keeps what it holds, also over its own reset, whereas a message to a
 * processor that sleeps would be lost. The PCI core brings back BARs and MSI-X.
 */
#include <linux/pci.h>
#include <linux/pm.h>

#include "hgshm.h"

static int hgshm_wake(struct hgshm_device *hd)
{
	u32 epoch_before, epoch;
	u64 peers_before = hgshm_peers_known(hd, &epoch_before);
	u64 peers;
	int ret;

	ret = hgshm_regs_verify(hd);
	if (ret) {
		dev_err(&hd->pdev->dev, "it is not the device that it was: error %d; unbind it and bind it again\n",
			ret);
		return ret;
	}
	hgshm_regs_release_irqs(hd);
	peers = hgshm_peers_refresh(hd, &epoch);
	/* The device of a QEMU that was started anew may have come to the same epoch. */
	if (epoch != epoch_before || peers != peers_before)
		hgshm_events_record(hd, HGSHM_VECTOR_PEERS);
	return 0;
}

static int hgshm_suspend(struct device *dev)
{
	hgshm_regs_hold_irqs(dev_get_drvdata(dev));
	return 0;
}

static int hgshm_resume(struct device *dev)
{
	return hgshm_wake(dev_get_drvdata(dev));
}

/* The same for hibernation: the memory is not the guest's, nor in its image. */
DEFINE_SIMPLE_DEV_PM_OPS(hgshm_power_operations, hgshm_suspend, hgshm_resume);

static void hgshm_reset_prepare(struct pci_dev *pdev)
{
	hgshm_regs_hold_irqs(pci_get_drvdata(pdev));
}

static void hgshm_reset_done(struct pci_dev *pdev)
{
	hgshm_wake(pci_get_drvdata(pdev));
}

const struct pci_error_handlers hgshm_reset_operations = {
	.reset_prepare = hgshm_reset_prepare,
	.reset_done = hgshm_reset_done,
};
