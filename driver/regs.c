// SPDX-License-Identifier: GPL-2.0-only
/* BAR 0: registers and doorbells. */
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/math64.h>
#include <linux/string.h>

#include "hgshm.h"

#define HGSHM_PEERS_TRIES	16

static int hgshm_identity_check(struct device *dev,
				const struct hgshm_identity *id)
{
	if (id->clients < HGSHM_CLIENTS_MIN || id->clients > HGSHM_CLIENTS_MAX) {
		dev_err(dev, "register CLIENTS says %u, not %u to %u\n",
			id->clients, HGSHM_CLIENTS_MIN, HGSHM_CLIENTS_MAX);
		return -ENODEV;
	}
	if (id->index >= id->clients) {
		dev_err(dev, "register INDEX says %u, but CLIENTS only %u\n",
			id->index, id->clients);
		return -ENODEV;
	}
	if (id->mapidx >= id->clients && id->mapidx != HGSHM_INDEX_NONE) {
		dev_err(dev, "register MAPIDX says %u, but CLIENTS only %u\n",
			id->mapidx, id->clients);
		return -ENODEV;
	}
	if (!id->slice_bytes || id->slice_bytes % PAGE_SIZE ||
	    id->size_bytes % PAGE_SIZE) {
		dev_err(dev, "a slice of %llu bytes in %llu is not a number of this kernel's pages of %lu bytes\n",
			id->slice_bytes, id->size_bytes, PAGE_SIZE);
		return -ENODEV;
	}
	if (id->size_bytes > HGSHM_MMAP_REGION_BYTES) {
		dev_err(dev, "register SIZE says %llu bytes, this driver maps at most %llu\n",
			id->size_bytes, HGSHM_MMAP_REGION_BYTES);
		return -ENODEV;
	}
	if (id->slice_bytes > div_u64(id->size_bytes, id->clients)) {
		dev_err(dev, "%u slices of %llu bytes do not fit the %llu bytes of register SIZE\n",
			id->clients, id->slice_bytes, id->size_bytes);
		return -ENODEV;
	}
	return 0;
}

/* What the device says is text: up to its first NUL, and of that what prints. */
static void hgshm_shmid_read(struct hgshm_device *hd, char *shmid)
{
	__le32 words[HGSHM_SHMID_BYTES / sizeof(__le32)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = cpu_to_le32(readl(hd->regs + HGSHM_REG_SHMID +
					     i * sizeof(__le32)));
	strscpy_pad(shmid, (const char *)words, HGSHM_SHMID_BYTES);
	for (i = 0; shmid[i]; i++) {
		if (!isascii(shmid[i]) || !isgraph(shmid[i]))
			shmid[i] = '?';
	}
}

static void hgshm_identity_read(struct hgshm_device *hd,
				struct hgshm_identity *id)
{
	id->features = readl(hd->regs + HGSHM_REG_FEATURES);
	id->index = readl(hd->regs + HGSHM_REG_INDEX);
	id->clients = readl(hd->regs + HGSHM_REG_CLIENTS);
	id->mapidx = readl(hd->regs + HGSHM_REG_MAPIDX);
	id->size_bytes = readq(hd->regs + HGSHM_REG_SIZE);
	id->slice_bytes = readq(hd->regs + HGSHM_REG_SLICE_SIZE);
	id->vectors = HGSHM_VECTORS(id->clients);
	if (id->features & HGSHM_FEATURE_SHMID)
		hgshm_shmid_read(hd, id->shmid);
}

/* Fill hd->identity; refuse a device that this driver does not understand. */
int hgshm_regs_identify(struct hgshm_device *hd)
{
	struct hgshm_identity *id = &hd->identity;
	struct device *dev = &hd->pdev->dev;
	u32 magic = readl(hd->regs + HGSHM_REG_MAGIC);
	u32 version = readl(hd->regs + HGSHM_REG_VERSION);

	if (magic != HGSHM_MAGIC) {
		dev_err(dev, "register MAGIC says %#x, not %#x: not a working hgshm device\n",
			magic, HGSHM_MAGIC);
		return -ENODEV;
	}
	if (version != HGSHM_VERSION || hd->pdev->revision != HGSHM_PCI_REVISION) {
		dev_err(dev, "interface version %u (revision %u), but this driver speaks only %u (revision %u)\n",
			version, hd->pdev->revision, HGSHM_VERSION, HGSHM_PCI_REVISION);
		return -ENODEV;
	}

	hgshm_identity_read(hd, id);
	return hgshm_identity_check(dev, id);
}

/* The device is there: nobody answers for one that was pulled out. */
bool hgshm_regs_answer(struct hgshm_device *hd)
{
	return readl(hd->regs + HGSHM_REG_MAGIC) == HGSHM_MAGIC;
}

/* It is still the device that was identified. */
int hgshm_regs_verify(struct hgshm_device *hd)
{
	struct hgshm_identity now;

	if (!hgshm_regs_answer(hd))
		return -ENODEV;
	memset(&now, 0, sizeof(now)); /* its hole as well */
	hgshm_identity_read(hd, &now);
	return memcmp(&now, &hd->identity, sizeof(now)) ? -ESTALE : 0;
}

void hgshm_regs_enable_irqs(struct hgshm_device *hd, bool enable)
{
	mutex_lock(&hd->irq_enable_lock);
	/*
	 * While interrupts are off nobody keeps hd->peers fresh, so the flag
	 * that says it is goes first when they stop and last when they start.
	 */
	if (!enable)
		WRITE_ONCE(hd->irq_enabled, false);
	writel(enable ? HGSHM_IRQ_ENABLE_ON : 0, hd->regs + HGSHM_REG_IRQ_ENABLE);
	if (enable) {
		hgshm_peers_refresh(hd, NULL);
		WRITE_ONCE(hd->irq_enabled, true);
	}
	mutex_unlock(&hd->irq_enable_lock);
}

/* For a while in which nobody could take them; does not change @irq_enabled. */
void hgshm_regs_hold_irqs(struct hgshm_device *hd)
{
	mutex_lock(&hd->irq_enable_lock);
	writel(0, hd->regs + HGSHM_REG_IRQ_ENABLE);
	readl(hd->regs + HGSHM_REG_IRQ_ENABLE); /* the write has arrived */
	mutex_unlock(&hd->irq_enable_lock);
}

/* What was held is raised now, if interrupts are to be enabled at all. */
void hgshm_regs_release_irqs(struct hgshm_device *hd)
{
	mutex_lock(&hd->irq_enable_lock);
	writel(hd->irq_enabled ? HGSHM_IRQ_ENABLE_ON : 0,
	       hd->regs + HGSHM_REG_IRQ_ENABLE);
	mutex_unlock(&hd->irq_enable_lock);
}

/* writel() orders it after all that the caller stored before. */
void hgshm_regs_ring(struct hgshm_device *hd, u32 index)
{
	writel(1, hd->regs + HGSHM_DOORBELL(index));
}

/**
 * hgshm_peers_refresh() - ask the device who is alive
 * @hd: device
 * @epoch: out: epoch of the answer; may be NULL
 *
 * The lock spans reading and storing, so that an older answer can't overwrite
 * a newer one. A device that was pulled out reads as all ones, and changes
 * nothing. Any context.
 *
 * Return: bit i: VM i is alive
 */
u64 hgshm_peers_refresh(struct hgshm_device *hd, u32 *epoch)
{
	unsigned int tries = HGSHM_PEERS_TRIES;
	u32 before, after;
	unsigned long flags;
	u64 peers;

	spin_lock_irqsave(&hd->peers_lock, flags);
	/* PEERS belongs to EPOCH only if that did not change meanwhile. */
	after = readl(hd->regs + HGSHM_REG_EPOCH);
	do {
		before = after;
		peers = readq(hd->regs + HGSHM_REG_PEERS);
		after = readl(hd->regs + HGSHM_REG_EPOCH);
	} while (before != after && --tries);
	if (after != U32_MAX || hgshm_regs_answer(hd)) {
		hd->peers = peers & GENMASK_ULL(hd->identity.clients - 1, 0);
		WRITE_ONCE(hd->epoch, after);
	}
	peers = hd->peers;
	after = hd->epoch;
	spin_unlock_irqrestore(&hd->peers_lock, flags);

	if (epoch)
		*epoch = after;
	return peers;
}

/**
 * hgshm_peers_known() - who was alive at the last change that the driver was told of
 * @hd: device
 * @epoch: out: epoch of the answer
 *
 * Any context.
 *
 * Return: bit i: VM i was alive
 */
u64 hgshm_peers_known(struct hgshm_device *hd, u32 *epoch)
{
	unsigned long flags;
	u64 peers;

	spin_lock_irqsave(&hd->peers_lock, flags);
	peers = hd->peers;
	*epoch = hd->epoch;
	spin_unlock_irqrestore(&hd->peers_lock, flags);
	return peers;
}

/*
 * Asking the device leaves the guest, so a ring asks only if what the last
 * interrupt said would refuse it, or if interrupts are off.
 */
bool hgshm_peer_alive(struct hgshm_device *hd, u32 index)
{
	unsigned long flags;
	bool alive;

	if (READ_ONCE(hd->irq_enabled)) {
		spin_lock_irqsave(&hd->peers_lock, flags);
		alive = hd->peers & BIT_ULL(index);
		spin_unlock_irqrestore(&hd->peers_lock, flags);
		if (alive)
			return true;
	}
	return hgshm_peers_refresh(hd, NULL) & BIT_ULL(index);
}

/* The epoch at the last change that the driver was told of. */
u32 hgshm_epoch(struct hgshm_device *hd)
{
	return READ_ONCE(hd->epoch);
}

/* HGSHM_STATUS_*, as the device says now. */
u32 hgshm_status(struct hgshm_device *hd)
{
	return readl(hd->regs + HGSHM_REG_STATUS);
}
