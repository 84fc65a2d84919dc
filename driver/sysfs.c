// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/hgshm/hgshmN/, as docs/abi/sysfs-class-hgshm says. The device core
 * adds these files before it tells user space of the device, and takes them away,
 * waiting for who reads one, before remove lets go of the hardware.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/sysfs.h>

#include "hgshm.h"

static struct hgshm_device *hgshm_of_dev(struct device *dev)
{
	return container_of(dev, struct hgshm_device, dev);
}

static ssize_t index_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", hgshm_of_dev(dev)->identity.index);
}
static DEVICE_ATTR_RO(index);

static ssize_t clients_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", hgshm_of_dev(dev)->identity.clients);
}
static DEVICE_ATTR_RO(clients);

static ssize_t size_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%llu\n", hgshm_of_dev(dev)->identity.size_bytes);
}
static DEVICE_ATTR_RO(size);

static ssize_t slice_size_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", hgshm_of_dev(dev)->identity.slice_bytes);
}
static DEVICE_ATTR_RO(slice_size);

static ssize_t mapidx_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	u32 mapidx = hgshm_of_dev(dev)->identity.mapidx;

	if (mapidx == HGSHM_INDEX_NONE)
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%u\n", mapidx);
}
static DEVICE_ATTR_RO(mapidx);

static ssize_t features_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%#x\n", hgshm_of_dev(dev)->identity.features);
}
static DEVICE_ATTR_RO(features);

static ssize_t shmid_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", hgshm_of_dev(dev)->identity.shmid);
}
static DEVICE_ATTR_RO(shmid);

/* What the next three read of a device that was pulled out meanwhile is not told. */
static ssize_t status_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct hgshm_device *hd = hgshm_of_dev(dev);
	u32 status = hgshm_status(hd);

	if (!hgshm_regs_answer(hd))
		return -ENODEV;
	return sysfs_emit(buf, "%#x\n", status);
}
static DEVICE_ATTR_RO(status);

static ssize_t peers_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct hgshm_device *hd = hgshm_of_dev(dev);
	DECLARE_BITMAP(alive, HGSHM_CLIENTS_MAX);

	bitmap_from_u64(alive, hgshm_peers_refresh(hd, NULL));
	if (!hgshm_regs_answer(hd))
		return -ENODEV;
	return sysfs_emit(buf, "%*pbl\n", HGSHM_CLIENTS_MAX, alive);
}
static DEVICE_ATTR_RO(peers);

static ssize_t epoch_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct hgshm_device *hd = hgshm_of_dev(dev);
	u32 epoch;

	hgshm_peers_refresh(hd, &epoch);
	if (!hgshm_regs_answer(hd))
		return -ENODEV;
	return sysfs_emit(buf, "%u\n", epoch);
}
static DEVICE_ATTR_RO(epoch);

static ssize_t interrupts_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct hgshm_device *hd = hgshm_of_dev(dev);
	ssize_t bytes = 0;
	u32 i;

	for (i = 0; i < hd->identity.vectors; i++)
		bytes += sysfs_emit_at(buf, bytes, i ? " %llu" : "%llu",
				       READ_ONCE(hd->vectors[i].interrupts));
	return bytes + sysfs_emit_at(buf, bytes, "\n");
}
static DEVICE_ATTR_RO(interrupts);

static struct attribute *hgshm_attrs[] = {
	&dev_attr_index.attr,
	&dev_attr_clients.attr,
	&dev_attr_size.attr,
	&dev_attr_slice_size.attr,
	&dev_attr_mapidx.attr,
	&dev_attr_features.attr,
	&dev_attr_shmid.attr,
	&dev_attr_status.attr,
	&dev_attr_peers.attr,
	&dev_attr_epoch.attr,
	&dev_attr_interrupts.attr,
	NULL,
};

static const struct attribute_group hgshm_group = {
	.attrs = hgshm_attrs,
};

const struct attribute_group *hgshm_groups[] = { &hgshm_group, NULL };

/* What changes with an interrupt of vector 0; poll() on these files tells. */
static const char * const hgshm_sysfs_changing[HGSHM_SYSFS_CHANGING] = {
	"peers",
	"epoch",
	"status",
};

/* The files are there now. */
void hgshm_sysfs_watch(struct hgshm_device *hd)
{
	struct kernfs_node *file;
	unsigned int i;

	for (i = 0; i < HGSHM_SYSFS_CHANGING; i++) {
		file = sysfs_get_dirent(hd->dev.kobj.sd, hgshm_sysfs_changing[i]);
		/* pairs with the handler's load: what it sees is whole */
		smp_store_release(&hd->changing[i], file);
	}
}

/* No interrupt may come any more. */
void hgshm_sysfs_unwatch(struct hgshm_device *hd)
{
	unsigned int i;

	for (i = 0; i < HGSHM_SYSFS_CHANGING; i++)
		sysfs_put(hd->changing[i]);
}

/* From the interrupt handler, which may run before hgshm_sysfs_watch(). */
void hgshm_sysfs_notify(struct hgshm_device *hd)
{
	struct kernfs_node *file;
	unsigned int i;

	for (i = 0; i < HGSHM_SYSFS_CHANGING; i++) {
		/* pairs with the store in hgshm_sysfs_watch() */
		file = smp_load_acquire(&hd->changing[i]);
		if (file)
			sysfs_notify_dirent(file);
	}
}
