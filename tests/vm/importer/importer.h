/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * /dev/importer of importer.ko: what a driver does with a dma-buf, one step a
 * call. Each open file imports one dma-buf, and lets go of it when it is closed.
 */
#ifndef IMPORTER_H
#define IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* struct importer_map.direction, struct importer_copy.to_buffer */
#define IMPORTER_TO_DEVICE	1
#define IMPORTER_FROM_DEVICE	2

/* What the device of the importer can take in one piece. */
#define IMPORTER_SEGMENT_BYTES	(256 << 10)

/**
 * struct importer_map - the list that the exporter gave
 * @direction: in: IMPORTER_TO_DEVICE, or IMPORTER_FROM_DEVICE
 * @entries: out: entries of the list
 * @largest_bytes: out: the largest of them
 * @bytes: out: all of them, as pages
 * @dma_bytes: out: all of them, as DMA addresses
 * @pieces: out: runs of DMA addresses that follow one another
 */
struct importer_map {
	__u32 direction;
	__u32 entries;
	__u64 largest_bytes;
	__u64 bytes;
	__u64 dma_bytes;
	__u32 pieces;
	__u32 reserved;
};

/**
 * struct importer_copy - bytes from or to the buffer
 * @user: where to, or from
 * @offset: into the buffer
 * @bytes: how many, at most a page
 * @to_buffer: 1: write to the buffer; 0: read from it
 */
struct importer_copy {
	__u64 user;
	__u64 offset;
	__u32 bytes;
	__u32 to_buffer;
};

#define IMPORTER_ATTACH		_IOW('i', 0, __s32)
#define IMPORTER_MAP		_IOWR('i', 1, struct importer_map)
#define IMPORTER_COPY		_IOW('i', 2, struct importer_copy)
#define IMPORTER_UNMAP		_IO('i', 3)

#endif /* IMPORTER_H */
