/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: /dev/hgshmN, user-space contract of the Linux guest driver
 *
 * One character device for each hgshm PCI device. All calls may be made by
 * several threads and several openers at once.
 *
 * **open**: ENXIO or ENODEV: the device is gone; ENOMEM.
 *
 * **mmap**: regions are chosen by file offset. %HGSHM_MMAP_MEMORY maps BAR 1
 * (all memory for VM 0, the own slice for another), %HGSHM_MMAP_PEER maps BAR 3
 * (the slice chosen by ``mapidx``), %HGSHM_MMAP_DOORBELLS the doorbells. Offset
 * and length are in bytes, page aligned, and must stay within the region's true
 * size as INFO reports it; part of a region may be mapped. The memory is mapped
 * write-back and shared, 2 MiB a page fault where address and offset allow it.
 * A mapping does not grow by mremap(). Once the device is gone, touching a mapping
 * raises SIGBUS.
 *
 * The doorbells are one page, there with guestmmap=0 as well, mapped uncached and
 * shared. Storing any value to its 32-bit word i rings VM i without a system call;
 * ringing a VM that is not there has no effect, and the page reads 0. A store is
 * ordered after the caller's earlier stores to shared memory if a full fence
 * (atomic_thread_fence(memory_order_seq_cst)) stands between them; the VM that is
 * rung then sees those stores once it was told of the ring. POKE has that fence in it.
 *
 *   - EPERM: the device has guestmmap=0; never for the doorbells
 *   - ENXIO: no such region (no ``mapidx``, an offset of no region, or doorbells on
 *     a kernel whose pages are larger than theirs)
 *   - EINVAL: offset plus length is past the region's end, not MAP_SHARED, or
 *     PROT_EXEC
 *   - EACCES: PROT_WRITE on a descriptor that was opened read-only, or on a peer
 *     slice with %HGSHM_FEATURE_PEER_READONLY; any mapping of a descriptor that was
 *     opened write-only; mprotect() says the same, also for PROT_EXEC
 *   - ENODEV: the device is gone
 *
 * **read**: returns as many whole &struct hgshm_event as fit, at least one.
 * Each opener sees every event that arrived since it opened the device. Rings of
 * one peer that were not read yet are merged: &hgshm_event.count says how many
 * interrupts arrived, which is at most the number of rings. Peers take turns at
 * coming first, so that a busy one does not hide the others. Blocks until there is an event
 * unless O_NONBLOCK.
 *
 *   - EINVAL: the buffer is smaller than one event
 *   - EAGAIN: O_NONBLOCK and there is none
 *   - EINTR: a signal came first
 *   - EFAULT: bad buffer; no event is consumed
 *   - ENODEV: the device is gone
 *
 * **poll**: EPOLLIN when read() would return an event; EPOLLHUP | EPOLLERR when
 * the device is gone.
 *
 * **ioctl**: each number takes a pointer to the struct that its definition names, and
 * returns 0 or -1 with errno:
 *
 *   - ENOTTY: unknown number
 *   - EFAULT: bad pointer, or a struct of which a part can't be read, or written
 *   - ENODEV: the device is gone
 *   - EINVAL: an unknown flag, or a reserved field that is not zero
 *   - what the struct's description adds
 *
 * On failure nothing is written to the caller's struct. None of them blocks for longer
 * than it takes to fault in the struct, and none needs a descriptor that was opened
 * for writing, but for EXPORT_DMABUF as it says.
 */
#ifndef HGSHM_IOCTL_H
#define HGSHM_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include "layout.h"
#include "regs.h"

#define HGSHM_IOC_TYPE		0xBA

/* mmap offsets; 4 TiB apart, within what a 32-bit mmap2() can name */
#define HGSHM_MMAP_REGION_BYTES	(1ULL << 42)
#define HGSHM_MMAP_MEMORY	(0 * HGSHM_MMAP_REGION_BYTES)
#define HGSHM_MMAP_PEER		(1 * HGSHM_MMAP_REGION_BYTES)
#define HGSHM_MMAP_DOORBELLS	(2 * HGSHM_MMAP_REGION_BYTES)

/**
 * struct hgshm_info - what the device is, and who is there
 * @struct_bytes: in: sizeof(struct hgshm_info) as the caller was compiled;
 *	out: how many bytes the driver filled, at most that. A newer driver
 *	fills no more than the caller asked for; an older one leaves the tail
 *	untouched and says so here. At least %HGSHM_INFO_BYTES_MIN.
 * @flags: in: 0
 * @version: device interface version, HGSHM_VERSION of regs.h
 * @features: HGSHM_FEATURE_* bits of regs.h
 * @index: this VM's index, 0 is the mapper
 * @clients: VMs in the group, the mapper among them
 * @mapidx: index of the slice in the peer region, HGSHM_INDEX_NONE for none
 * @vectors: interrupt vectors in use
 * @size_bytes: shared memory of the whole group
 * @slice_bytes: one slice
 * @memory_bytes: mappable at %HGSHM_MMAP_MEMORY; 0 with guestmmap=0
 * @peer_bytes: mappable at %HGSHM_MMAP_PEER; 0 without a peer slice
 * @peers: bit i: VM i is alive
 * @epoch: grows by one at each change of @peers
 * @irq_enabled: 1 if interrupts are enabled (HGSHM_IOC_IRQ_ENABLE)
 * @bar_bytes: lengths of BAR 0 to 5 as the guest's PCI core sees them
 * @status: HGSHM_STATUS_* of regs.h, as the device says now
 * @cache: how the processor caches @memory_bytes, HGSHM_CACHE_*
 * @doorbells_bytes: mappable at %HGSHM_MMAP_DOORBELLS
 * @shmid: the group's name, NUL-terminated and NUL-padded; empty if the device does
 *	not tell
 *
 * @status, @irq_enabled, @peers and @epoch are as of this call, the last two of one
 * moment; all else stays the same for as long as the driver is bound.
 *
 * Errors: EINVAL if @struct_bytes is below %HGSHM_INFO_BYTES_MIN.
 */
struct hgshm_info {
	__u32 struct_bytes;
	__u32 flags;
	__u32 version;
	__u32 features;
	__u32 index;
	__u32 clients;
	__u32 mapidx;
	__u32 vectors;
	__u64 size_bytes;
	__u64 slice_bytes;
	__u64 memory_bytes;
	__u64 peer_bytes;
	__u64 peers;
	__u32 epoch;
	__u32 irq_enabled;
	__u64 bar_bytes[6];
	__u32 status;
	__u32 cache;
	__u64 doorbells_bytes;
	__u8 shmid[HGSHM_SHMID_BYTES];
};

#define HGSHM_INFO_BYTES_MIN	128

/* struct hgshm_info.cache */
#define HGSHM_CACHE_NO_MEMORY	0	/* guestmmap=0 */
#define HGSHM_CACHE_WRITE_BACK	1	/* as the guest's own memory */
#define HGSHM_CACHE_NONE	2	/* reads are slow as no cache holds them; the kernel's log says why */

/**
 * struct hgshm_poke - ring a doorbell
 * @index: VM to ring, or %HGSHM_POKE_ALL for every other VM that is alive
 * @flags: 0
 *
 * Errors: EINVAL if @index is not below ``clients`` or is this VM's own;
 * ENOTCONN if that VM is not alive (never for %HGSHM_POKE_ALL).
 */
struct hgshm_poke {
	__u32 index;
	__u32 flags;
};

#define HGSHM_POKE_ALL		0xFFFFFFFFu

/**
 * struct hgshm_irq_enable - let the device interrupt, or hold its doorbells back
 * @enable: 1 or 0; the device's state, not the opener's. The driver enables
 *	interrupts when it binds. Doorbells that arrive while disabled are kept
 *	and raised, merged, when enabled again.
 * @flags: 0
 *
 * Errors: EINVAL if @enable is neither.
 */
struct hgshm_irq_enable {
	__u32 enable;
	__u32 flags;
};

/**
 * struct hgshm_set_signal - have a signal sent to the caller at each event
 * @signo: signal number 1 to 64, or 0 to stop
 * @flags: 0
 *
 * The signal goes to the calling process only, replaces what an earlier call on
 * the same descriptor asked for, and ends when the process or the descriptor
 * does. Signals merge as signals do; read() tells the counts.
 *
 * Errors: EINVAL if @signo is out of range.
 */
struct hgshm_set_signal {
	__s32 signo;
	__u32 flags;
};

/**
 * struct hgshm_set_eventfd - have an eventfd signalled at events
 * @fd: an eventfd, or -1 to stop
 * @index: at doorbells of this VM; %HGSHM_EVENTFD_ALL: at each VM's doorbell and each
 *	change among the peers; %HGSHM_EVENTFD_PEERS: at changes among the peers only
 * @flags: 0
 * @reserved: 0
 *
 * Adds 1 to the eventfd for each interrupt; one that is set for several @index gets
 * what each of them gives. Each descriptor of the device has one
 * eventfd for each @index and one for %HGSHM_EVENTFD_ALL and %HGSHM_EVENTFD_PEERS
 * each; setting it replaces what was set before. It ends with the descriptor. read()
 * tells the same events as if no eventfd were set.
 *
 * Errors: EINVAL if @index is neither below ``clients`` nor one of the two, or is this
 * VM's own, or if @fd is no eventfd; EBADF if @fd is not open.
 */
struct hgshm_set_eventfd {
	__s32 fd;
	__u32 index;
	__u32 flags;
	__u32 reserved;
};

#define HGSHM_EVENTFD_ALL	0xFFFFFFFFu
#define HGSHM_EVENTFD_PEERS	0xFFFFFFFEu

/**
 * struct hgshm_export_dmabuf - make a dma-buf of a part of the memory
 * @offset_bytes: first byte, chosen as an offset of mmap(); page aligned
 * @length_bytes: how many; page aligned, not 0
 * @flags: HGSHM_DMABUF_*
 * @fd: out: the dma-buf's descriptor, close-on-exec
 *
 * The buffer may be mapped, attached to and handed to other drivers. It outlives the
 * descriptor of the device. Once the device is gone, mapping it fails with ENODEV and
 * touching a mapping raises SIGBUS; unbinding waits for importers that have it
 * mapped for DMA.
 *
 * Errors: EPERM with guestmmap=0; ENXIO if there is no such region, or it is the
 * doorbells; EINVAL for what is not page aligned, empty or past the region's end;
 * EACCES without %HGSHM_DMABUF_READ_ONLY on a descriptor that was opened read-only or
 * a peer slice that is, and on a descriptor that was opened write-only; EOPNOTSUPP if
 * the kernel has no dma-buf; ENOMEM; EMFILE; ENFILE.
 */
struct hgshm_export_dmabuf {
	__u64 offset_bytes;
	__u64 length_bytes;
	__u32 flags;
	__s32 fd;
};

#define HGSHM_DMABUF_READ_ONLY	0x1u

/* struct hgshm_event.type */
#define HGSHM_EVENT_DOORBELL	1	/* VM @index rang @count times, or more, merged */
#define HGSHM_EVENT_PEERS	2	/* someone came or went, or STATUS changed; @index is HGSHM_EVENT_NO_INDEX */
#define HGSHM_EVENT_PEER_UP	3	/* VM @index is there now and was not before */
#define HGSHM_EVENT_PEER_DOWN	4	/* VM @index was there before and is no more */
#define HGSHM_EVENT_NO_INDEX	0xFFFFu

/**
 * struct hgshm_event - what read() returns
 * @type: HGSHM_EVENT_*
 * @index: who rang, came or went
 * @epoch: the device's epoch when the record was made
 * @count: interrupts merged into this record, at least 1; 1 for PEER_UP and PEER_DOWN
 *
 * %HGSHM_EVENT_PEERS comes first, then a PEER_UP or PEER_DOWN for each VM that is there
 * now and was not when this descriptor was last told, or the other way round. A VM
 * that went and came back in between shows only as PEERS with an @epoch that grew by 2.
 */
struct hgshm_event {
	__u16 type;
	__u16 index;
	__u32 epoch;
	__u64 count;
};

#define HGSHM_IOC_INFO		_IOWR(HGSHM_IOC_TYPE, 0, struct hgshm_info)
#define HGSHM_IOC_POKE		_IOW(HGSHM_IOC_TYPE, 1, struct hgshm_poke)
#define HGSHM_IOC_IRQ_ENABLE	_IOW(HGSHM_IOC_TYPE, 2, struct hgshm_irq_enable)
#define HGSHM_IOC_SET_SIGNAL	_IOW(HGSHM_IOC_TYPE, 3, struct hgshm_set_signal)
#define HGSHM_IOC_SET_EVENTFD	_IOW(HGSHM_IOC_TYPE, 4, struct hgshm_set_eventfd)
#define HGSHM_IOC_EXPORT_DMABUF	_IOWR(HGSHM_IOC_TYPE, 5, struct hgshm_export_dmabuf)

HGSHM_ASSERT_SIZE(struct hgshm_info, 240);
HGSHM_ASSERT_OFFSET(struct hgshm_info, status, HGSHM_INFO_BYTES_MIN);
HGSHM_ASSERT_OFFSET(struct hgshm_info, shmid, 144);
HGSHM_ASSERT_OFFSET(struct hgshm_info, size_bytes, 32);
HGSHM_ASSERT_OFFSET(struct hgshm_info, bar_bytes, 80);
HGSHM_ASSERT_SIZE(struct hgshm_poke, 8);
HGSHM_ASSERT_SIZE(struct hgshm_irq_enable, 8);
HGSHM_ASSERT_SIZE(struct hgshm_set_signal, 8);
HGSHM_ASSERT_SIZE(struct hgshm_set_eventfd, 16);
HGSHM_ASSERT_SIZE(struct hgshm_export_dmabuf, 24);
HGSHM_ASSERT_OFFSET(struct hgshm_export_dmabuf, fd, 20);
HGSHM_ASSERT_SIZE(struct hgshm_event, 16);
HGSHM_ASSERT_OFFSET(struct hgshm_event, count, 8);

#endif /* HGSHM_IOCTL_H */
