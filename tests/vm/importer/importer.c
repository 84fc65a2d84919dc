// SPDX-License-Identifier: GPL-2.0-only
/* A driver that imports dma-bufs, for tests: see importer.h. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "importer.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define IMPORTER_NAMESPACE	DMA_BUF
#else
#define IMPORTER_NAMESPACE	"DMA_BUF"
#endif

/**
 * struct import - one open file
 * @lock: one call at a time
 * @attachment: NULL before IMPORTER_ATTACH
 * @table: NULL while not mapped
 * @direction: of @table
 * @page: bounces what is copied
 */
struct import {
	struct mutex lock; /* all that follows */
	struct dma_buf_attachment *attachment;
	struct sg_table *table;
	enum dma_data_direction direction;
	u8 page[PAGE_SIZE];
};

static struct miscdevice importer;

static long import_attach(struct import *import, const void __user *arg)
{
	struct dma_buf_attachment *attachment;
	struct dma_buf *dmabuf;
	s32 fd;

	if (copy_from_user(&fd, arg, sizeof(fd)))
		return -EFAULT;
	if (import->attachment)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attachment = dma_buf_attach(dmabuf, importer.this_device);
	if (IS_ERR(attachment)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attachment);
	}
	import->attachment = attachment;
	return 0;
}

static void import_describe(const struct sg_table *table, struct importer_map *map)
{
	dma_addr_t follows = 0;
	struct scatterlist *sg;
	int i;

	map->entries = table->orig_nents;
	map->largest_bytes = 0;
	map->bytes = 0;
	map->dma_bytes = 0;
	map->pieces = 0;
	for_each_sgtable_sg(table, sg, i) {
		map->bytes += sg->length;
		map->largest_bytes = max_t(u64, map->largest_bytes, sg->length);
	}
	for_each_sgtable_dma_sg(table, sg, i) {
		map->dma_bytes += sg_dma_len(sg);
		if (sg_dma_address(sg) != follows)
			map->pieces++;
		follows = sg_dma_address(sg) + sg_dma_len(sg);
	}
}

static long import_map(struct import *import, void __user *arg)
{
	struct importer_map map;
	struct sg_table *table;

	if (copy_from_user(&map, arg, sizeof(map)))
		return -EFAULT;
	if (!import->attachment || import->table)
		return -EBUSY;
	import->direction = map.direction == IMPORTER_TO_DEVICE ? DMA_TO_DEVICE :
								  DMA_FROM_DEVICE;
	table = dma_buf_map_attachment_unlocked(import->attachment, import->direction);
	if (IS_ERR(table))
		return PTR_ERR(table);
	import->table = table;
	import_describe(table, &map);
	return copy_to_user(arg, &map, sizeof(map)) ? -EFAULT : 0;
}

static long import_unmap(struct import *import)
{
	if (!import->table)
		return -EBUSY;
	dma_buf_unmap_attachment_unlocked(import->attachment, import->table,
					  import->direction);
	import->table = NULL;
	return 0;
}

static long import_copy(struct import *import, const void __user *arg)
{
	struct importer_copy copy;
	void __user *user;

	if (copy_from_user(&copy, arg, sizeof(copy)))
		return -EFAULT;
	if (!import->table)
		return -EBUSY;
	if (copy.bytes > sizeof(import->page) ||
	    copy.offset > import->attachment->dmabuf->size - copy.bytes)
		return -EINVAL;

	user = u64_to_user_ptr(copy.user);
	if (copy.to_buffer) {
		if (copy_from_user(import->page, user, copy.bytes))
			return -EFAULT;
		sg_pcopy_from_buffer(import->table->sgl, import->table->orig_nents,
				     import->page, copy.bytes, copy.offset);
		return 0;
	}
	sg_pcopy_to_buffer(import->table->sgl, import->table->orig_nents,
			   import->page, copy.bytes, copy.offset);
	return copy_to_user(user, import->page, copy.bytes) ? -EFAULT : 0;
}

static long import_dispatch(struct import *import, unsigned int cmd,
			    void __user *arg)
{
	switch (cmd) {
	case IMPORTER_ATTACH:
		return import_attach(import, arg);
	case IMPORTER_MAP:
		return import_map(import, arg);
	case IMPORTER_COPY:
		return import_copy(import, arg);
	case IMPORTER_UNMAP:
		return import_unmap(import);
	default:
		return -ENOTTY;
	}
}

static long import_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct import *import = filp->private_data;
	long ret;

	mutex_lock(&import->lock);
	ret = import_dispatch(import, cmd, (void __user *)arg);
	mutex_unlock(&import->lock);
	return ret;
}

static int import_open(struct inode *inode, struct file *filp)
{
	struct import *import = kzalloc(sizeof(*import), GFP_KERNEL);

	if (!import)
		return -ENOMEM;
	mutex_init(&import->lock);
	filp->private_data = import;
	return 0;
}

static int import_release(struct inode *inode, struct file *filp)
{
	struct import *import = filp->private_data;
	struct dma_buf *dmabuf;

	import_unmap(import);
	if (import->attachment) {
		dmabuf = import->attachment->dmabuf;
		dma_buf_detach(dmabuf, import->attachment);
		dma_buf_put(dmabuf);
	}
	kfree(import);
	return 0;
}

static const struct file_operations importer_file_operations = {
	.owner = THIS_MODULE,
	.open = import_open,
	.release = import_release,
	.unlocked_ioctl = import_ioctl,
};

static struct miscdevice importer = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "importer",
	.fops = &importer_file_operations,
};

static struct device_dma_parameters importer_dma;

static int __init importer_init(void)
{
	int ret = misc_register(&importer);

	if (ret)
		return ret;
	importer.this_device->dma_parms = &importer_dma;
	dma_set_max_seg_size(importer.this_device, IMPORTER_SEGMENT_BYTES);
	ret = dma_coerce_mask_and_coherent(importer.this_device, DMA_BIT_MASK(64));
	if (ret)
		misc_deregister(&importer);
	return ret;
}

static void __exit importer_exit(void)
{
	misc_deregister(&importer);
}

module_init(importer_init);
module_exit(importer_exit);

MODULE_DESCRIPTION("Imports dma-bufs, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(IMPORTER_NAMESPACE);
