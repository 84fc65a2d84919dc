// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of include/hgshm/ioctl.h. */
#include <linux/bits.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "hgshm.h"

/*
 * All of @reply or nothing: a struct whose end lies in a page that can't be
 * written is found before its start is written. Only a thread that takes the
 * page away between the two sees a part, in memory that it gave up.
 */
static int hgshm_ioctl_reply(void __user *arg, const void *reply, size_t bytes)
{
	if (fault_in_safe_writeable(arg, bytes) || copy_to_user(arg, reply, bytes))
		return -EFAULT;
	return 0;
}

static u32 hgshm_info_cache(const struct hgshm_region *memory)
{
	if (!memory->bytes)
		return HGSHM_CACHE_NO_MEMORY;
	return memory->cached ? HGSHM_CACHE_WRITE_BACK : HGSHM_CACHE_NONE;
}

static void hgshm_info_fill(struct hgshm_device *hd, struct hgshm_info *info)
{
	const struct hgshm_identity *id = &hd->identity;
	int bar;

	info->version = HGSHM_VERSION;
	info->features = id->features;
	info->index = id->index;
	info->clients = id->clients;
	info->mapidx = id->mapidx;
	info->vectors = id->vectors;
	info->size_bytes = id->size_bytes;
	info->slice_bytes = id->slice_bytes;
	info->memory_bytes = hd->regions[HGSHM_REGION_MEMORY].bytes;
	info->peer_bytes = hd->regions[HGSHM_REGION_PEER].bytes;
	info->peers = hgshm_peers_refresh(hd, &info->epoch);
	info->irq_enabled = READ_ONCE(hd->irq_enabled);
	for (bar = 0; bar < ARRAY_SIZE(info->bar_bytes); bar++)
		info->bar_bytes[bar] = pci_resource_len(hd->pdev, bar);
	info->status = hgshm_status(hd);
	info->cache = hgshm_info_cache(&hd->regions[HGSHM_REGION_MEMORY]);
	info->doorbells_bytes = hgshm_doorbells_bytes();
	memcpy(info->shmid, id->shmid, sizeof(info->shmid));
}

static long hgshm_ioctl_info(struct hgshm_device *hd, struct hgshm_info *info)
{
	u32 bytes = min_t(u32, info->struct_bytes, sizeof(*info));

	if (info->struct_bytes < HGSHM_INFO_BYTES_MIN || info->flags)
		return -EINVAL;

	memset(info, 0, sizeof(*info));
	info->struct_bytes = bytes;
	hgshm_info_fill(hd, info);
	/* After all that was read: it may have been pulled out in between. */
	return hgshm_regs_answer(hd) ? 0 : -ENODEV;
}

static void hgshm_poke_all(struct hgshm_device *hd)
{
	u64 peers = hgshm_peers_refresh(hd, NULL);
	u32 i;

	for (i = 0; i < hd->identity.clients; i++) {
		if (i != hd->identity.index && peers & BIT_ULL(i))
			hgshm_regs_ring(hd, i);
	}
}

static long hgshm_ioctl_poke(struct hgshm_device *hd,
			     const struct hgshm_poke *poke)
{
	if (poke->flags)
		return -EINVAL;
	if (poke->index == HGSHM_POKE_ALL) {
		hgshm_poke_all(hd);
		return 0;
	}
	if (poke->index >= hd->identity.clients ||
	    poke->index == hd->identity.index)
		return -EINVAL;
	if (!hgshm_peer_alive(hd, poke->index))
		return -ENOTCONN;
	hgshm_regs_ring(hd, poke->index);
	return 0;
}

static long hgshm_ioctl_irq_enable(struct hgshm_device *hd,
				   const struct hgshm_irq_enable *request)
{
	if (request->flags || request->enable > 1)
		return -EINVAL;
	hgshm_regs_enable_irqs(hd, request->enable);
	return 0;
}

static long hgshm_ioctl_set_signal(struct hgshm_opener *opener,
				   const struct hgshm_set_signal *request)
{
	if (request->flags)
		return -EINVAL;
	return hgshm_signal_set(opener, request->signo);
}

static long hgshm_ioctl_set_eventfd(struct hgshm_opener *opener,
				    const struct hgshm_set_eventfd *request)
{
	if (request->flags || request->reserved)
		return -EINVAL;
	return hgshm_eventfd_set(opener, request->index, request->fd);
}

/* INFO's number holds the caller's idea of its size, which may be larger. */
static bool hgshm_ioctl_is_info(unsigned int cmd)
{
	return _IOC_TYPE(cmd) == HGSHM_IOC_TYPE &&
	       _IOC_NR(cmd) == _IOC_NR(HGSHM_IOC_INFO) &&
	       _IOC_DIR(cmd) == _IOC_DIR(HGSHM_IOC_INFO) &&
	       _IOC_SIZE(cmd) >= HGSHM_INFO_BYTES_MIN;
}

/* What of the caller's struct is read; 0 if there is no such call. */
static size_t hgshm_ioctl_bytes(unsigned int cmd)
{
	if (hgshm_ioctl_is_info(cmd))
		return offsetofend(struct hgshm_info, flags);

	switch (cmd) {
	case HGSHM_IOC_POKE:
	case HGSHM_IOC_IRQ_ENABLE:
	case HGSHM_IOC_SET_SIGNAL:
	case HGSHM_IOC_SET_EVENTFD:
		return _IOC_SIZE(cmd);
	default:
		return 0;
	}
}

union hgshm_request {
	struct hgshm_info info;
	struct hgshm_poke poke;
	struct hgshm_irq_enable irq_enable;
	struct hgshm_set_signal set_signal;
	struct hgshm_set_eventfd set_eventfd;
};

static long hgshm_ioctl_dispatch(struct hgshm_opener *opener, unsigned int cmd,
				 union hgshm_request *request)
{
	switch (cmd) {
	case HGSHM_IOC_POKE:
		return hgshm_ioctl_poke(opener->hd, &request->poke);
	case HGSHM_IOC_IRQ_ENABLE:
		return hgshm_ioctl_irq_enable(opener->hd, &request->irq_enable);
	case HGSHM_IOC_SET_SIGNAL:
		return hgshm_ioctl_set_signal(opener, &request->set_signal);
	case HGSHM_IOC_SET_EVENTFD:
		return hgshm_ioctl_set_eventfd(opener, &request->set_eventfd);
	default: /* of some size */
		return hgshm_ioctl_info(opener->hd, &request->info);
	}
}

/*
 * The caller's memory is touched outside of enter and leave: a page of it may be
 * another process's to give, and remove must not wait for that one.
 */
long hgshm_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct hgshm_opener *opener = filp->private_data;
	void __user *user = (void __user *)arg;
	size_t bytes = hgshm_ioctl_bytes(cmd);
	union hgshm_request request;
	int cookie;
	long ret;

	if (cmd == HGSHM_IOC_EXPORT_DMABUF)
		return hgshm_dmabuf_export(filp, user);
	if (!bytes)
		return -ENOTTY;
	if (copy_from_user(&request, user, bytes))
		return -EFAULT;

	if (!hgshm_device_enter(opener->hd, &cookie))
		return -ENODEV;
	ret = hgshm_ioctl_dispatch(opener, cmd, &request);
	hgshm_device_leave(cookie);

	if (!ret && hgshm_ioctl_is_info(cmd))
		ret = hgshm_ioctl_reply(user, &request.info,
					request.info.struct_bytes);
	return ret;
}
