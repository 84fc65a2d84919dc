/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: hgshm PCI device, register contract
 *
 * One header for the device (qemu/), the Linux driver (driver/) and the tests.
 * docs/specs/hgshm.md carries the same tables in prose; a test holds the two
 * against each other.
 *
 * All registers are little-endian. A 32-bit register takes aligned 32-bit
 * accesses. A 64-bit register takes one aligned 64-bit access or two aligned
 * 32-bit ones, low half first or last as the guest likes; a 64-bit access is
 * not torn. Accesses of another size or alignment, reads of unlisted offsets
 * and reads of the doorbell page return 0; writes to read-only or unlisted
 * offsets have no effect.
 *
 * Memory ordering: a doorbell write is a release of everything that the guest
 * stored before it (the guest issues a write barrier first, as with any MMIO
 * write by writel()), and the interrupt it causes in the peer is an acquire.
 * A doorbell carries no data and is level-less: rings that arrive before the
 * receiver looks are merged into one interrupt. None is lost: a ring that
 * arrives while its vector is masked, MSI-X is off or %HGSHM_REG_IRQ_ENABLE is
 * 0 is kept, and raises its vector when that condition ends.
 */
#ifndef HGSHM_REGS_H
#define HGSHM_REGS_H

/* PCI identity */
#define HGSHM_PCI_VENDOR_ID		0xBABE
#define HGSHM_PCI_DEVICE_ID		0x07B9
#define HGSHM_PCI_REVISION		2
#define HGSHM_PCI_CLASS			0x0500	/* memory controller, RAM */

/* Base address registers */
#define HGSHM_BAR_REGS			0	/* 32-bit, not prefetchable */
#define HGSHM_BAR_MEMORY		1	/* 64-bit, prefetchable; takes 1 and 2 */
#define HGSHM_BAR_PEER			3	/* 64-bit, prefetchable; takes 3 and 4 */
#define HGSHM_BAR_MSIX			5	/* 32-bit, MSI-X table and PBA */

#define HGSHM_BAR_REGS_BYTES		0x2000
#define HGSHM_BAR_MEMORY_MIN_BYTES	0x200000 /* Linux gives struct pages in 2 MiB steps */

/* Limits */
#define HGSHM_CLIENTS_MIN		1
#define HGSHM_CLIENTS_MAX		64	/* bits of HGSHM_REG_PEERS */
#define HGSHM_SLICE_ALIGN_BYTES		4096	/* a slice is a whole number of these */
#define HGSHM_INDEX_NONE		0xFFFFFFFFu
#define HGSHM_SHMID_BYTES		96	/* with its terminating NUL */

/* BAR 0, page 0: registers (offset; width; access; value after reset) */
#define HGSHM_REG_MAGIC			0x00	/* 32 RO HGSHM_MAGIC */
#define HGSHM_REG_VERSION		0x04	/* 32 RO HGSHM_VERSION */
#define HGSHM_REG_FEATURES		0x08	/* 32 RO HGSHM_FEATURE_* */
#define HGSHM_REG_INDEX			0x0C	/* 32 RO this VM's index */
#define HGSHM_REG_CLIENTS		0x10	/* 32 RO VMs in the group, the mapper among them */
#define HGSHM_REG_MAPIDX		0x14	/* 32 RO index of the slice in BAR 3, or HGSHM_INDEX_NONE */
#define HGSHM_REG_SIZE			0x18	/* 64 RO bytes of shared memory in the whole group */
#define HGSHM_REG_SLICE_SIZE		0x20	/* 64 RO bytes of one slice */
#define HGSHM_REG_PEERS			0x28	/* 64 RO bit i: VM i is alive; the own bit is always set */
#define HGSHM_REG_EPOCH			0x30	/* 32 RO grows by one at each change of PEERS */
#define HGSHM_REG_IRQ_ENABLE		0x34	/* 32 RW bit 0: raise vectors; reset 0 */
#define HGSHM_REG_STATUS		0x38	/* 32 RO HGSHM_STATUS_* */
#define HGSHM_REG_SHMID			0x40	/* 96 bytes RO the group's name: text, NUL-padded; read by 32 bits */
#define HGSHM_REG_END			0xA0

#define HGSHM_MAGIC			0x4D534748u	/* "HGSM" in memory */
#define HGSHM_VERSION			2

/* HGSHM_REG_FEATURES */
#define HGSHM_FEATURE_GUEST_MMAP	(1u << 0) /* guestmmap=1: BAR 1 is there */
#define HGSHM_FEATURE_PEER_SLICE	(1u << 1) /* BAR 3 is there and holds slice MAPIDX */
#define HGSHM_FEATURE_PEER_READONLY	(1u << 2) /* stores to BAR 3 have no effect */
#define HGSHM_FEATURE_SHMID		(1u << 3) /* HGSHM_REG_SHMID is there */

/* HGSHM_REG_STATUS */
#define HGSHM_STATUS_MEMORY_STALE	(1u << 0) /* the mapper came back with another memory; this VM has the old one */

/* HGSHM_REG_IRQ_ENABLE */
#define HGSHM_IRQ_ENABLE_ON		(1u << 0)

/* BAR 0, page 1: doorbells. Writing any value to word i rings VM i. */
#define HGSHM_DOORBELL_PAGE		0x1000
#define HGSHM_DOORBELL_BYTES		4
#define HGSHM_DOORBELL(index)		(HGSHM_DOORBELL_PAGE + HGSHM_DOORBELL_BYTES * (index))

/* MSI-X vectors; a device of a group of n clients has n + 1 of them */
#define HGSHM_VECTOR_PEERS		0		/* PEERS and EPOCH have changed */
#define HGSHM_VECTOR_DOORBELL(index)	(1 + (index))	/* VM index rang */
#define HGSHM_VECTORS(clients)		(1 + (clients))
#define HGSHM_VECTORS_MAX		HGSHM_VECTORS(HGSHM_CLIENTS_MAX)

#endif /* HGSHM_REGS_H */
