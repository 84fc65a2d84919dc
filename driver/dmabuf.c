// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of the memory as a dma-buf, for other drivers to reach by DMA. The
 * dma-buf holds a reference to the device, and its file is of the device's address
 * space, so that remove finds its mappings among all others.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "hgshm.h"

#define HGSHM_DMABUF_WARN_MS	10000

/**
 * struct hgshm_dmabuf - one exported part
 * @hd: its device, counted
 * @region: where it lies
 * @offset_bytes: its first byte, as an offset of mmap()
 * @bytes: how many
 * @read_only: nobody may write to it by way of this dma-buf
 * @maps_lock: protects @maps
 * @maps: who has it mapped for DMA
 */
struct hgshm_dmabuf {
	struct hgshm_device *hd;
	struct hgshm_region *region;
	u64 offset_bytes;
	u64 bytes;
	bool read_only;

	struct mutex maps_lock; /* maps */
	struct list_head maps;
};

/**
 * struct hgshm_dmabuf_map - one mapping for DMA
 * @link: in its hgshm_dmabuf's maps
 * @device: who does the DMA
 * @direction: which way
 * @table: what the importer got
 */
struct hgshm_dmabuf_map {
	struct list_head link;
	struct device *device;
	enum dma_data_direction direction;
	struct sg_table table;
};

/* Between enter and leave. */
static void hgshm_dmabuf_use(struct hgshm_device *hd)
{
	atomic_inc(&hd->dmabuf_users);
}

static void hgshm_dmabuf_unuse(struct hgshm_device *hd)
{
	if (atomic_dec_and_test(&hd->dmabuf_users))
		wake_up(&hd->dmabuf_wait);
}

/**
 * hgshm_dmabufs_wait_unused() - wait until no importer can reach the memory
 * @hd: device, drained: nobody can come to use it any more
 *
 * TASK_IDLE, since an importer may take any time: that is not a hung task.
 */
void hgshm_dmabufs_wait_unused(struct hgshm_device *hd)
{
	while (!wait_event_idle_timeout(hd->dmabuf_wait,
					!atomic_read(&hd->dmabuf_users),
					msecs_to_jiffies(HGSHM_DMABUF_WARN_MS)))
		dev_warn(&hd->pdev->dev, "cannot let go of the memory yet: other drivers have dma-bufs of it in use: %d mappings\n",
			 atomic_read(&hd->dmabuf_users));
}

static struct page *hgshm_dmabuf_first_page(const struct hgshm_dmabuf *buf)
{
	u64 offset = buf->offset_bytes % HGSHM_MMAP_REGION_BYTES;

	return pfn_to_page(PHYS_PFN(buf->region->start + offset));
}

/* The memory lies in one piece: as few entries as the importer can take. */
static int hgshm_dmabuf_fill_table(const struct hgshm_dmabuf *buf,
				   struct sg_table *table, u64 entry_bytes_max)
{
	struct page *page = hgshm_dmabuf_first_page(buf);
	u64 left_bytes = buf->bytes;
	struct scatterlist *sg;
	u64 entries;
	int ret, i;

	entry_bytes_max = max_t(u64, entry_bytes_max & PAGE_MASK, PAGE_SIZE);
	entries = DIV_ROUND_UP_ULL(buf->bytes, entry_bytes_max);
	if (entries > INT_MAX)
		return -ENOMEM;
	ret = sg_alloc_table(table, entries, GFP_KERNEL);
	if (ret)
		return ret;

	for_each_sgtable_sg(table, sg, i) {
		u64 bytes = min(left_bytes, entry_bytes_max);

		sg_set_page(sg, page, bytes, 0);
		page += bytes >> PAGE_SHIFT;
		left_bytes -= bytes;
	}
	return 0;
}

static int hgshm_dmabuf_map_table(struct hgshm_dmabuf *buf,
				  struct hgshm_dmabuf_map *map)
{
	int cookie;
	int ret;

	if (!hgshm_device_enter(buf->hd, &cookie))
		return -ENODEV;
	ret = hgshm_dmabuf_fill_table(buf, &map->table,
				      dma_get_max_seg_size(map->device));
	if (!ret) {
		ret = dma_map_sgtable(map->device, &map->table, map->direction, 0);
		if (ret)
			sg_free_table(&map->table);
		else
			hgshm_dmabuf_use(buf->hd);
	}
	hgshm_device_leave(cookie);
	return ret;
}

static struct sg_table *hgshm_dmabuf_map(struct dma_buf_attachment *attachment,
					 enum dma_data_direction direction)
{
	struct hgshm_dmabuf *buf = attachment->dmabuf->priv;
	struct hgshm_dmabuf_map *map;
	int ret;

	if (buf->read_only && direction != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->device = attachment->dev;
	map->direction = direction;

	ret = hgshm_dmabuf_map_table(buf, map);
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	mutex_lock(&buf->maps_lock);
	list_add_tail(&map->link, &buf->maps);
	mutex_unlock(&buf->maps_lock);
	return &map->table;
}

static void hgshm_dmabuf_unmap(struct dma_buf_attachment *attachment,
			       struct sg_table *table,
			       enum dma_data_direction direction)
{
	struct hgshm_dmabuf *buf = attachment->dmabuf->priv;
	struct hgshm_dmabuf_map *map =
		container_of(table, struct hgshm_dmabuf_map, table);

	mutex_lock(&buf->maps_lock);
	list_del(&map->link);
	mutex_unlock(&buf->maps_lock);

	dma_unmap_sgtable(map->device, table, direction, 0);
	sg_free_table(table);
	kfree(map);
	hgshm_dmabuf_unuse(buf->hd);
}

static int hgshm_dmabuf_attach(struct dma_buf *dmabuf,
			       struct dma_buf_attachment *attachment)
{
	struct hgshm_dmabuf *buf = dmabuf->priv;

	return READ_ONCE(buf->hd->gone) ? -ENODEV : 0;
}

/*
 * The memory is write-back and its bus coherent, so there is nothing to do but
 * for an importer behind a bounce buffer or a bus that is not coherent.
 */
static int hgshm_dmabuf_begin_cpu(struct dma_buf *dmabuf,
				  enum dma_data_direction direction)
{
	struct hgshm_dmabuf *buf = dmabuf->priv;
	struct hgshm_dmabuf_map *map;

	mutex_lock(&buf->maps_lock);
	list_for_each_entry(map, &buf->maps, link)
		dma_sync_sgtable_for_cpu(map->device, &map->table, map->direction);
	mutex_unlock(&buf->maps_lock);
	return 0;
}

static int hgshm_dmabuf_end_cpu(struct dma_buf *dmabuf,
				enum dma_data_direction direction)
{
	struct hgshm_dmabuf *buf = dmabuf->priv;
	struct hgshm_dmabuf_map *map;

	mutex_lock(&buf->maps_lock);
	list_for_each_entry(map, &buf->maps, link)
		dma_sync_sgtable_for_device(map->device, &map->table, map->direction);
	mutex_unlock(&buf->maps_lock);
	return 0;
}

/* The core has checked the size; a read-only file took VM_MAYWRITE away. */
static int hgshm_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct hgshm_dmabuf *buf = dmabuf->priv;
	int cookie;
	int ret;

	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (!hgshm_device_enter(buf->hd, &cookie))
		return -ENODEV;
	/* From here on as if it were a mapping of the device itself. */
	vma->vm_pgoff += buf->offset_bytes >> PAGE_SHIFT;
	ret = hgshm_mmap_region(vma, buf->region);
	hgshm_device_leave(cookie);
	return ret;
}

static void hgshm_dmabuf_free(struct hgshm_dmabuf *buf)
{
	put_device(&buf->hd->dev);
	mutex_destroy(&buf->maps_lock);
	kfree(buf);
}

static void hgshm_dmabuf_release(struct dma_buf *dmabuf)
{
	hgshm_dmabuf_free(dmabuf->priv);
}

/* No vmap: the core takes its failure, as by a device that is gone, for a bug. */
static const struct dma_buf_ops hgshm_dmabuf_operations = {
	.attach = hgshm_dmabuf_attach,
	.map_dma_buf = hgshm_dmabuf_map,
	.unmap_dma_buf = hgshm_dmabuf_unmap,
	.begin_cpu_access = hgshm_dmabuf_begin_cpu,
	.end_cpu_access = hgshm_dmabuf_end_cpu,
	.mmap = hgshm_dmabuf_mmap,
	.release = hgshm_dmabuf_release,
};

static int hgshm_dmabuf_check(struct file *filp, struct hgshm_device *hd,
			      const struct hgshm_export_dmabuf *request)
{
	u64 number = request->offset_bytes / HGSHM_MMAP_REGION_BYTES;
	u64 offset = request->offset_bytes % HGSHM_MMAP_REGION_BYTES;
	const struct hgshm_region *region;

	if (request->flags & ~HGSHM_DMABUF_READ_ONLY)
		return -EINVAL;
	if (!(hd->identity.features & HGSHM_FEATURE_GUEST_MMAP))
		return -EPERM;
	if (number >= HGSHM_REGIONS || !hd->regions[number].bytes)
		return -ENXIO;
	region = &hd->regions[number];
	if (!request->length_bytes || !PAGE_ALIGNED(request->length_bytes) ||
	    !PAGE_ALIGNED(offset) || offset > region->bytes ||
	    request->length_bytes > region->bytes - offset)
		return -EINVAL;

	if (!(filp->f_mode & FMODE_READ))
		return -EACCES;
	if (request->flags & HGSHM_DMABUF_READ_ONLY)
		return 0;
	if (!(filp->f_mode & FMODE_WRITE) || region->read_only)
		return -EACCES;
	return 0;
}

static struct dma_buf *hgshm_dmabuf_new(struct hgshm_device *hd,
					const struct hgshm_export_dmabuf *request)
{
	u64 number = request->offset_bytes / HGSHM_MMAP_REGION_BYTES;
	DEFINE_DMA_BUF_EXPORT_INFO(export);
	struct hgshm_dmabuf *buf;
	struct dma_buf *dmabuf;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	get_device(&hd->dev);
	buf->hd = hd;
	buf->region = &hd->regions[number];
	buf->offset_bytes = request->offset_bytes;
	buf->bytes = request->length_bytes;
	buf->read_only = request->flags & HGSHM_DMABUF_READ_ONLY;
	mutex_init(&buf->maps_lock);
	INIT_LIST_HEAD(&buf->maps);

	export.ops = &hgshm_dmabuf_operations;
	export.size = buf->bytes;
	export.flags = buf->read_only ? O_RDONLY : O_RDWR;
	export.priv = buf;
	dmabuf = dma_buf_export(&export);
	if (IS_ERR(dmabuf)) {
		hgshm_dmabuf_free(buf);
		return dmabuf;
	}
	/* The inode lives as long as the device, which release lets go of last. */
	dmabuf->file->f_mapping = hd->inode->i_mapping;
	return dmabuf;
}

/* The descriptor is the last thing that can't be taken back. */
static long hgshm_dmabuf_give(struct dma_buf *dmabuf,
			      struct hgshm_export_dmabuf __user *arg)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	/* One store: all of it or nothing. */
	if (put_user(fd, &arg->fd)) {
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, dmabuf->file);
	return 0;
}

/*
 * HGSHM_IOC_EXPORT_DMABUF. It touches no hardware, and a dma-buf of a device that
 * goes right afterwards is what one from before is, so there is nothing to enter.
 */
long hgshm_dmabuf_export(struct file *filp,
			 struct hgshm_export_dmabuf __user *arg)
{
	struct hgshm_opener *opener = filp->private_data;
	struct hgshm_export_dmabuf request;
	struct dma_buf *dmabuf;
	long ret;

	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	if (READ_ONCE(opener->hd->gone))
		return -ENODEV;
	ret = hgshm_dmabuf_check(filp, opener->hd, &request);
	if (ret)
		return ret;
	dmabuf = hgshm_dmabuf_new(opener->hd, &request);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = hgshm_dmabuf_give(dmabuf, arg);
	if (ret)
		dma_buf_put(dmabuf);
	return ret;
}

MODULE_IMPORT_NS(HGSHM_NAMESPACE_DMA_BUF);
