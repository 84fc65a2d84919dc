// SPDX-License-Identifier: GPL-2.0-only
/* /dev/hgshmN: files, and what each call does. */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "hgshm.h"

static int hgshm_open(struct inode *inode, struct file *filp)
{
	struct hgshm_device *hd =
		container_of(inode->i_cdev, struct hgshm_device, cdev);
	struct hgshm_opener *opener;
	int cookie;

	opener = kzalloc(sizeof(*opener), GFP_KERNEL_ACCOUNT);
	if (!opener)
		return -ENOMEM;
	mutex_init(&opener->read_lock);
	opener->hd = hd;

	if (!hgshm_device_enter(hd, &cookie)) {
		kfree(opener);
		return -ENODEV;
	}
	get_device(&hd->dev);
	spin_lock_irq(&hd->openers_lock);
	list_add_tail(&opener->link, &hd->openers);
	spin_unlock_irq(&hd->openers_lock);
	hgshm_events_start(opener);

	filp->private_data = opener;
	filp->f_mapping = hd->inode->i_mapping;
	hgshm_device_leave(cookie);
	return stream_open(inode, filp);
}

static int hgshm_release(struct inode *inode, struct file *filp)
{
	struct hgshm_opener *opener = filp->private_data;
	struct hgshm_device *hd = opener->hd;

	hgshm_signal_set(opener, 0);
	spin_lock_irq(&hd->openers_lock);
	list_del(&opener->link);
	spin_unlock_irq(&hd->openers_lock);

	hgshm_eventfd_drop_all(opener);
	kfree(opener);
	put_device(&hd->dev);
	return 0;
}

static ssize_t hgshm_read(struct file *filp, char __user *buf, size_t bytes,
			  loff_t *pos)
{
	return hgshm_events_read(filp->private_data, buf, bytes,
				 !(filp->f_flags & O_NONBLOCK));
}

static __poll_t hgshm_poll(struct file *filp, poll_table *table)
{
	struct hgshm_opener *opener = filp->private_data;

	poll_wait(filp, &opener->hd->wait, table);
	if (READ_ONCE(opener->hd->gone))
		return EPOLLHUP | EPOLLERR;
	return hgshm_events_pending(opener) ? EPOLLIN | EPOLLRDNORM : 0;
}

const struct file_operations hgshm_file_operations = {
	.owner = THIS_MODULE,
	.open = hgshm_open,
	.release = hgshm_release,
	.read = hgshm_read,
	.poll = hgshm_poll,
	.unlocked_ioctl = hgshm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = hgshm_mmap,
	/* Places a mapping so that huge pages line up. */
	.get_unmapped_area = thp_get_unmapped_area,
};
