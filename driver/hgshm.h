/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hgshm guest driver, the objects and who owns them
 *
 * A &struct hgshm_device is made when the PCI driver binds. The PCI device and
 * every open file hold a reference to its embedded struct device; the last one
 * to go frees it. So it may outlive the hardware: whoever touches registers,
 * memory or struct pages does so between hgshm_device_enter() and
 * hgshm_device_leave(), and remove waits for all of them.
 *
 * Lock order: irq_enable_lock, peers_lock; opener's read_lock, openers_lock,
 * peers_lock.
 * openers_lock and peers_lock are taken in interrupt handlers.
 */
#ifndef HGSHM_DRIVER_H
#define HGSHM_DRIVER_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <hgshm/ioctl.h>
#include <hgshm/regs.h>

#define HGSHM_NAME		"hgshm"
#define HGSHM_MINORS		256

/**
 * struct hgshm_identity - what the device said of itself when it was bound
 * @features: HGSHM_FEATURE_*
 * @index: this VM's index
 * @clients: VMs in the group
 * @mapidx: index of the peer slice, or HGSHM_INDEX_NONE
 * @vectors: MSI-X vectors
 * @size_bytes: memory of the whole group
 * @slice_bytes: one slice
 * @shmid: the group's name, printable; empty if the device does not tell
 */
struct hgshm_identity {
	u32 features;
	u32 index;
	u32 clients;
	u32 mapidx;
	u32 vectors;
	u64 size_bytes;
	u64 slice_bytes;
	char shmid[HGSHM_SHMID_BYTES];
};

struct hgshm_device;

/**
 * struct hgshm_region - one memory BAR that can be mapped
 * @hd: its device
 * @pgmap: its struct pages
 * @start: physical address of its first byte
 * @bytes: true size, at most the BAR's length; 0 if there is no such region
 * @cached: the kernel's own mapping, and so every other, is write-back
 * @read_only: stores have no effect
 */
struct hgshm_region {
	struct hgshm_device *hd;
	struct dev_pagemap pgmap;
	phys_addr_t start;
	u64 bytes;
	bool cached;
	bool read_only;
};

/* Regions lie in the file in this order, HGSHM_MMAP_REGION_BYTES apart. */
enum hgshm_region_id {
	HGSHM_REGION_MEMORY,
	HGSHM_REGION_PEER,
	HGSHM_REGIONS,
};

struct eventfd_ctx;

/**
 * struct hgshm_vector - one MSI-X vector
 * @hd: its device
 * @number: HGSHM_VECTOR_*
 * @interrupts: how many came; written by its handler alone
 * @name: as /proc/interrupts shows it
 */
struct hgshm_vector {
	struct hgshm_device *hd;
	u32 number;
	u64 interrupts;
	char name[24];
};

/* Files in sysfs that a poll() may wait for. */
#define HGSHM_SYSFS_CHANGING	3

struct kernfs_node;

/**
 * struct hgshm_device - one bound PCI device
 * @dev: the /dev/hgshmN device; its references keep this struct alive
 * @cdev: its character device
 * @pdev: the PCI device; valid between enter and leave
 * @regs: BAR 0; valid between enter and leave
 * @minor: N
 * @gone: set once by remove; see hgshm_device_enter()
 * @identity: constant after probe
 * @regions: constant after probe
 * @inode: owns the address space of all mappings
 * @vectors: argument of each interrupt handler
 * @irq_enable_lock: serialises changes of the register IRQ_ENABLE
 * @irq_enabled: what was last written there
 * @peers_lock: protects @peers and @epoch
 * @peers: who was alive at the last change that the driver was told of
 * @epoch: the epoch of @peers
 * @openers_lock: protects @openers and what struct hgshm_opener says it does
 * @openers: open files
 * @wait: readers and pollers of all openers
 * @changing: files in sysfs to tell of, each counted; NULL before they are there
 * @dmabuf_users: importers that can reach the memory now
 * @dmabuf_wait: remove, until those are none
 */
struct hgshm_device {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	void __iomem *regs;
	int minor;
	bool gone;

	struct hgshm_identity identity;
	struct hgshm_region regions[HGSHM_REGIONS];
	struct inode *inode;
	struct hgshm_vector vectors[HGSHM_VECTORS_MAX];

	struct mutex irq_enable_lock; /* changes of IRQ_ENABLE */
	bool irq_enabled;

	spinlock_t peers_lock; /* peers, epoch */
	u64 peers;
	u32 epoch;

	spinlock_t openers_lock; /* openers, and in each counts to signal */
	struct list_head openers;
	wait_queue_head_t wait;
	struct kernfs_node *changing[HGSHM_SYSFS_CHANGING];

	atomic_t dmabuf_users;
	wait_queue_head_t dmabuf_wait;
};

/**
 * struct hgshm_signal - whom an opener wants to be told, and how
 * @pid: the process, counted; NULL for nobody
 * @cred: its credentials when it asked, counted; NULL without @pid
 * @signo: signal number
 */
struct hgshm_signal {
	struct pid *pid;
	const struct cred *cred;
	int signo;
};

/* Each vector once; who came or went before PEERS was read again, and after. */
#define HGSHM_BATCH_EVENTS	(HGSHM_VECTORS_MAX + 2 * HGSHM_CLIENTS_MAX)

/**
 * struct hgshm_batch - records on their way to a reader
 * @events: the records
 * @count: how many
 * @peers: who is alive, if a record of type PEERS is among them
 * @epoch: epoch of @peers
 */
struct hgshm_batch {
	struct hgshm_event events[HGSHM_BATCH_EVENTS];
	u32 count;
	u64 peers;
	u32 epoch;
};

/**
 * struct hgshm_opener - one open file
 * @hd: its device, counted
 * @link: in hd->openers
 * @counts: interrupts not yet read, by vector; under hd->openers_lock
 * @pending: how many @counts are not 0; under hd->openers_lock
 * @told: who is alive as PEER_UP and PEER_DOWN told it; under hd->openers_lock
 * @known: who was alive when PEERS was last read; where it differs from @told
 *	a record is still due; under hd->openers_lock
 * @known_epoch: epoch of @known
 * @signal: under hd->openers_lock
 * @eventfds: by vector, each counted or NULL; under hd->openers_lock
 * @eventfd_all: for all vectors, likewise
 * @read_lock: one reader at a time; protects @next and @batch
 * @next: vector to report first, so that a busy peer can't hide the others
 * @batch: what the reader is copying out
 */
struct hgshm_opener {
	struct hgshm_device *hd;
	struct list_head link;
	u64 counts[HGSHM_VECTORS_MAX];
	unsigned int pending;
	u64 told;
	u64 known;
	u32 known_epoch;
	struct hgshm_signal signal;
	struct eventfd_ctx *eventfds[HGSHM_VECTORS_MAX];
	struct eventfd_ctx *eventfd_all;

	struct mutex read_lock; /* next, batch */
	u32 next;
	struct hgshm_batch batch;
};

/* module.c */
extern struct class hgshm_class;
extern dev_t hgshm_first_devt;
int hgshm_minor_get(void);
void hgshm_minor_put(int minor);
bool __must_check hgshm_device_enter(struct hgshm_device *hd, int *cookie);
void hgshm_device_leave(int cookie);
void hgshm_device_drain(struct hgshm_device *hd);

/* pci.c */
extern struct pci_driver hgshm_pci_driver;

/* regs.c */
int hgshm_regs_identify(struct hgshm_device *hd);
int hgshm_regs_verify(struct hgshm_device *hd);
bool hgshm_regs_answer(struct hgshm_device *hd);
void hgshm_regs_enable_irqs(struct hgshm_device *hd, bool enable);
void hgshm_regs_hold_irqs(struct hgshm_device *hd);
void hgshm_regs_release_irqs(struct hgshm_device *hd);
void hgshm_regs_ring(struct hgshm_device *hd, u32 index);
u64 hgshm_peers_refresh(struct hgshm_device *hd, u32 *epoch);
u64 hgshm_peers_known(struct hgshm_device *hd, u32 *epoch);
bool hgshm_peer_alive(struct hgshm_device *hd, u32 index);
u32 hgshm_epoch(struct hgshm_device *hd);
u32 hgshm_status(struct hgshm_device *hd);

/* place.c */
void hgshm_bars_raise(struct pci_dev *pdev);
bool hgshm_bar_is_cached(struct pci_dev *pdev, int bar, void *addr);

/* memory.c */
int hgshm_memory_map(struct hgshm_device *hd);
void hgshm_memory_unmap(struct hgshm_device *hd);

/* power.c */
extern const struct dev_pm_ops hgshm_power_operations;
extern const struct pci_error_handlers hgshm_reset_operations;

/* irq.c */
int hgshm_irqs_request(struct hgshm_device *hd);
void hgshm_irqs_free(struct hgshm_device *hd);

/* events.c */
void hgshm_events_start(struct hgshm_opener *opener);
void hgshm_events_record(struct hgshm_device *hd, u32 vector);
bool hgshm_events_pending(struct hgshm_opener *opener);
ssize_t hgshm_events_read(struct hgshm_opener *opener, char __user *buf,
			  size_t bytes, bool may_block);

/* signal.c */
int hgshm_signal_set(struct hgshm_opener *opener, int signo);
void hgshm_signal_send(const struct hgshm_signal *signal);

/* eventfd.c */
int hgshm_eventfd_set(struct hgshm_opener *opener, u32 index, int fd);
void hgshm_eventfd_signal(const struct hgshm_opener *opener, u32 vector);
void hgshm_eventfd_drop_all(struct hgshm_opener *opener);

/* chardev.c */
extern const struct file_operations hgshm_file_operations;

/* ioctl.c */
long hgshm_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

/* mmap.c */
int hgshm_mmap(struct file *filp, struct vm_area_struct *vma);
int hgshm_mmap_region(struct vm_area_struct *vma, struct hgshm_region *region);

/* dmabuf.c */
#ifdef CONFIG_DMA_SHARED_BUFFER
long hgshm_dmabuf_export(struct file *filp,
			 struct hgshm_export_dmabuf __user *arg);
void hgshm_dmabufs_wait_unused(struct hgshm_device *hd);
#else
static inline long hgshm_dmabuf_export(struct file *filp,
				       struct hgshm_export_dmabuf __user *arg)
{
	return -EOPNOTSUPP;
}

static inline void hgshm_dmabufs_wait_unused(struct hgshm_device *hd)
{
}
#endif

/* doorbells.c */
u64 hgshm_doorbells_bytes(void);
int hgshm_doorbells_mmap(struct vm_area_struct *vma);

/* sysfs.c */
extern const struct attribute_group *hgshm_groups[];
void hgshm_sysfs_watch(struct hgshm_device *hd);
void hgshm_sysfs_unwatch(struct hgshm_device *hd);
void hgshm_sysfs_notify(struct hgshm_device *hd);

/* inode.c */
int hgshm_fs_mount(void);
void hgshm_fs_unmount(void);
struct inode *hgshm_inode_new(void);

#endif /* HGSHM_DRIVER_H */
