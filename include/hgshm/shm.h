/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: message rings in shared memory, layout contract
 *
 * A ring carries messages of any length from one *producer* to one *consumer*, each a
 * thread of any process or VM that sees the same memory. It takes any piece of memory
 * that both may write, aligned to %HGSHM_RING_ALIGN_BYTES:
 *
 * ==================================  ==================================================
 * offset                              content
 * ==================================  ==================================================
 * %HGSHM_RING_HEADER_OFFSET           &struct hgshm_ring_header, whoever formats it writes
 * %HGSHM_RING_TAIL_OFFSET             &struct hgshm_ring_index, the producer writes
 * %HGSHM_RING_HEAD_OFFSET             &struct hgshm_ring_index, the consumer writes
 * %HGSHM_RING_PRODUCER_OFFSET         &struct hgshm_ring_side, the producer writes
 * %HGSHM_RING_CONSUMER_OFFSET         &struct hgshm_ring_side, the consumer writes
 * %HGSHM_RING_DATA_OFFSET             ``capacity_bytes`` of records, the producer writes
 * ==================================  ==================================================
 *
 * Each of these starts a pair of cache lines of its own. The indices change with each
 * publication, the sides only when someone sleeps, comes or goes.
 *
 * **Indices** count bytes, run freely over 64 bits and are multiples of
 * %HGSHM_RING_RECORD_ALIGN_BYTES. The byte of index i lies at i modulo ``capacity_bytes``
 * of the data. Tail minus head is what is in use; it never exceeds ``capacity_bytes``,
 * and no index goes backwards.
 *
 * **Records**: a 64-bit word, which holds the length of the message in its low half and
 * HGSHM_RING_RECORD_* in its high half, then the message, then nothing up to the next
 * multiple of %HGSHM_RING_RECORD_ALIGN_BYTES. A record does not wrap: where it would, a
 * record of kind SKIP takes all that is left up to the end of the data, and the message
 * follows at its start, published together with it. A message has at most
 * HGSHM_RING_MESSAGE_MAX() bytes, so that it fits wherever the indices stand.
 *
 * **Memory ordering**: the producer stores records, then the tail (release). The consumer
 * loads the tail (acquire), reads records, then stores the head (release), from where
 * the producer may write them over once it has loaded the head (acquire).
 *
 * **Sleeping**: ``sleeping`` of a side is even while it is awake and odd while it wants to
 * be rung. To sleep, a side stores in ``wanted`` the index that the other's must reach,
 * makes ``sleeping`` odd, loads the other's index *again*, and sleeps only if it is still
 * short. Who publishes stores its index, *then* loads the other's ``sleeping``, and if it
 * is odd and ``wanted`` is reached, rings. Once awake, a side makes ``sleeping`` even, by
 * adding one. The four accesses, index and sleeping, are sequentially consistent, so that
 * not both sides can miss the other; so are those of ``closed`` and of a side's
 * ``generation``, which a sleeper looks at as well. Who has rung for one value of
 * ``sleeping`` need not ring for it again.
 *
 * **Generations**: who formats chooses ``generation`` at random, stores it last (release),
 * and starts at index 0. A side that attaches stores its index, ``owner``, a random word,
 * and then ``generation`` (release); 0 for its index, unless its side holds this
 * generation already: then one before it has gone, and it goes on where that one was. The
 * other's index counts only once its ``generation`` is that of the header; until then it
 * is 0. A side that finds another ``owner`` in its place was replaced, or the ring was
 * formatted anew: it must not write any more. Who ends in good order stores
 * ``generation`` in ``closed``.
 *
 * **Trust**: neither side believes the other, nor what it wrote itself; each keeps its own
 * index in private memory, copies a word once and checks the copy. What breaks a rule
 * above ends the ring for the one who sees it.
 *
 * **Where two members of a group find their rings**: in the last quarter of a slice, cut
 * into places of HGSHM_RING_PLACE_BYTES() each. Between member 0 and member k it is slice
 * k, with 2 places: 0 for the ring from 0 to k, 1 for that from k to 0. Among the others
 * it is slice 0, which all of them must see and any of them may write, with
 * ``clients`` times ``clients`` places: that of the ring from i to j is i times
 * ``clients`` plus j. A place shorter than %HGSHM_RING_BYTES_MIN holds no ring.
 *
 * The *writer* formats the ring when it starts, and rings the reader. The reader attaches,
 * and rings the writer. A writer that has met nobody yet copies the reader's ``owner`` into
 * its own ``met``, and rings again. Only then does the reader take messages: for what a
 * writer that is gone left behind, nobody answers. A writer that finds another ``owner``
 * than it met gives up, since its reader was replaced; the new one waits until the
 * ring is formatted anew.
 *
 * Both sides run on one host: integers are in its byte order.
 */
#ifndef HGSHM_SHM_H
#define HGSHM_SHM_H

#include <linux/types.h>

#include "layout.h"

#define HGSHM_RING_MAGIC		0x47524748u /* "HGRG" in memory */
#define HGSHM_RING_VERSION		1

/* offsets in the ring, bytes */
#define HGSHM_RING_HEADER_OFFSET	0x000
#define HGSHM_RING_TAIL_OFFSET		0x080
#define HGSHM_RING_HEAD_OFFSET		0x100
#define HGSHM_RING_PRODUCER_OFFSET	0x180
#define HGSHM_RING_CONSUMER_OFFSET	0x200
#define HGSHM_RING_DATA_OFFSET		0x280

#define HGSHM_RING_ALIGN_BYTES		128	/* of the ring, and what its capacity is a multiple of */
#define HGSHM_RING_CAPACITY_MIN		128
#define HGSHM_RING_CAPACITY_MAX		0x40000000u
#define HGSHM_RING_BYTES_MIN		(HGSHM_RING_DATA_OFFSET + HGSHM_RING_CAPACITY_MIN)

/* records */
#define HGSHM_RING_RECORD_ALIGN_BYTES	8
#define HGSHM_RING_RECORD_WORD_BYTES	8
#define HGSHM_RING_RECORD_MESSAGE	0x4D5247u
#define HGSHM_RING_RECORD_SKIP		0x535247u
#define HGSHM_RING_MESSAGE_MAX(capacity_bytes) \
	((capacity_bytes) / 2 - HGSHM_RING_RECORD_WORD_BYTES)

/* places of rings in a slice; all in bytes, places being 2 or clients * clients */
#define HGSHM_RING_AREA_BYTES(slice_bytes)	((slice_bytes) / 4)
#define HGSHM_RING_AREA_OFFSET(slice_bytes) \
	((slice_bytes) - HGSHM_RING_AREA_BYTES(slice_bytes))
#define HGSHM_RING_PLACE_MAX			0x100000
#define HGSHM_RING_PLACE_BYTES(slice_bytes, places) \
	((HGSHM_RING_AREA_BYTES(slice_bytes) / (places) < HGSHM_RING_PLACE_MAX ? \
	  HGSHM_RING_AREA_BYTES(slice_bytes) / (places) : HGSHM_RING_PLACE_MAX) / \
	 HGSHM_RING_ALIGN_BYTES * HGSHM_RING_ALIGN_BYTES)

/**
 * struct hgshm_ring_header - what a ring is
 * @magic: %HGSHM_RING_MAGIC
 * @version: %HGSHM_RING_VERSION; @magic, @version and @generation keep their places in all
 *	versions
 * @generation: random, different each time the memory is formatted; 0 while it is
 * @capacity_bytes: of the data; a multiple of %HGSHM_RING_ALIGN_BYTES, from
 *	%HGSHM_RING_CAPACITY_MIN to %HGSHM_RING_CAPACITY_MAX
 * @reserved: 0
 */
struct hgshm_ring_header {
	__u32 magic;
	__u32 version;
	__u64 generation;
	__u64 capacity_bytes;
	__u64 reserved[5];
};

/**
 * struct hgshm_ring_index - how far a side is
 * @index: the producer's tail, or the consumer's head
 * @reserved: 0
 */
struct hgshm_ring_index {
	__u64 index;
	__u64 reserved[7];
};

/**
 * struct hgshm_ring_side - who a side is, and whether it sleeps
 * @sleeping: odd: ring this side when the other's index has reached @wanted
 * @wanted: an index of the other side
 * @generation: that of the header for which this side and its index are set
 * @owner: random, different for each that attaches, never 0
 * @met: producer: the consumer's @owner that it has answered, or 0
 * @closed: @generation once this side has ended in good order
 * @reserved: 0
 */
struct hgshm_ring_side {
	__u64 sleeping;
	__u64 wanted;
	__u64 generation;
	__u64 owner;
	__u64 met;
	__u64 closed;
	__u64 reserved[2];
};

HGSHM_ASSERT_SIZE(struct hgshm_ring_header, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_ring_header, generation, 8);
HGSHM_ASSERT_OFFSET(struct hgshm_ring_header, reserved, 24);
HGSHM_ASSERT_SIZE(struct hgshm_ring_index, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_ring_index, reserved, 8);
HGSHM_ASSERT_SIZE(struct hgshm_ring_side, 64);
HGSHM_ASSERT_OFFSET(struct hgshm_ring_side, closed, 40);
HGSHM_ASSERT_OFFSET(struct hgshm_ring_side, reserved, 48);
HGSHM_STATIC_ASSERT(HGSHM_RING_DATA_OFFSET % HGSHM_RING_ALIGN_BYTES == 0,
		    "a ring's data does not start on a pair of cache lines");

#endif /* HGSHM_SHM_H */
