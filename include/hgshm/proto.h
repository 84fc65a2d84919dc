/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: how VMs meet, the wire contract
 *
 * Two channels, both AF_UNIX on one host, both carrying fixed-size little-endian
 * messages that start with &struct hgshm_msg and may carry file descriptors
 * (SCM_RIGHTS), all of them with the message's first byte:
 *
 * 1. The *meeting socket*, SOCK_STREAM: the mapper listens (its chardev), a
 *    client connects, sends one HELLO, gets one WELCOME or REFUSED, and closes.
 * 2. The *private line*, SOCK_SEQPACKET: the client makes the pair and gives one
 *    end away in HELLO. It stays open as long as both live. Over it the mapper
 *    sends PEERS, PEER_UP and PEER_DOWN. Its hang-up is how each side
 *    learns, at once, that the other died. A client sends nothing on it.
 *
 * ==========  ========  ======================  ==============================
 * message     from      fds                     meaning
 * ==========  ========  ======================  ==============================
 * HELLO       client    doorbell, line          let me in under this index
 * WELCOME     mapper    doorbell, memory        you are in; the group's sizes
 * REFUSED     mapper    none                    you are not in, and why
 * PEERS       mapper    none                    who is alive now
 * PEER_UP     mapper    doorbell, own doorbell  a peer came; how to ring it, and
 *                                               what it rings you by
 * PEER_DOWN   mapper    none                    a peer went
 * ==========  ========  ======================  ==============================
 *
 * Every doorbell is an eventfd (EFD_NONBLOCK | EFD_CLOEXEC), one for each pair of
 * sender and receiver.
 *
 * Right after WELCOME the mapper sends, on the private line, a PEER_UP for each
 * other client that is alive, then PEERS; the client's realize waits for that
 * PEERS, so a device is complete when its guest starts. Later the mapper sends
 * PEER_UP or PEER_DOWN as others come and go.
 *
 * A side that gets a message it can't accept (magic, version, type, length,
 * number or kind of fds, index out of range) drops the other side. The mapper
 * drops a connection that has not sent a whole HELLO within
 * %HGSHM_MEET_MAPPER_TIMEOUT_MS; a client gives up after
 * %HGSHM_MEET_CLIENT_TIMEOUT_MS without an answer.
 */
#ifndef HGSHM_PROTO_H
#define HGSHM_PROTO_H

#include <linux/types.h>

#include "layout.h"
#include "regs.h"

#define HGSHM_MSG_MAGIC			0x4D534748u /* "HGSM" in memory */
#define HGSHM_PROTO_VERSION		1

#define HGSHM_MEET_MAPPER_TIMEOUT_MS	5000
#define HGSHM_MEET_CLIENT_TIMEOUT_MS	10000

#define HGSHM_REFUSED_TEXT_BYTES	160	/* with its terminating NUL */
#define HGSHM_MEMORY_FDS_MAX		2
#define HGSHM_MSG_FDS_MAX		(1 + HGSHM_MEMORY_FDS_MAX)

/* struct hgshm_msg.type */
#define HGSHM_MSG_HELLO			1
#define HGSHM_MSG_WELCOME		2
#define HGSHM_MSG_REFUSED		3
#define HGSHM_MSG_PEERS			4
#define HGSHM_MSG_PEER_UP		5
#define HGSHM_MSG_PEER_DOWN		6

/**
 * struct hgshm_msg - start of every message
 * @magic: %HGSHM_MSG_MAGIC
 * @version: %HGSHM_PROTO_VERSION; this header keeps its shape in all versions
 * @type: HGSHM_MSG_*
 * @length: bytes of the whole message, this header included
 * @fds: how many file descriptors come with it
 */
struct hgshm_msg {
	__le32 magic;
	__le16 version;
	__le16 type;
	__le32 length;
	__le32 fds;
};

/**
 * struct hgshm_msg_hello - a client asks to join
 * @h: header, 2 fds: an eventfd by which the mapper rings the client, and the
 *	mapper's end of the private line
 * @index: the index it wants, 1 to clients-1, or %HGSHM_INDEX_NONE for the lowest
 *	that is free
 * @mapidx: the peer slice it wants to see, below clients, or %HGSHM_INDEX_NONE
 * @flags: 0
 * @reserved: 0
 * @shmid: name of the memory it expects, NUL-terminated and NUL-padded; empty: any
 */
struct hgshm_msg_hello {
	struct hgshm_msg h;
	__le32 index;
	__le32 mapidx;
	__le32 flags;
	__le32 reserved;
	__u8 shmid[HGSHM_SHMID_BYTES];
};

/* struct hgshm_msg_welcome.memory: how the client gets its memory */
#define HGSHM_MEMORY_NAMED		0	/* no fd: it opens the object shmid itself */
#define HGSHM_MEMORY_SLICES		1	/* sealed memfds: its own slice and, with a mapidx, that one */
#define HGSHM_MEMORY_WHOLE		2	/* one fd of all memory; slice i at offset i * slice_bytes */

/**
 * struct hgshm_msg_welcome - the client is in
 * @h: header, 1 to 3 fds: the eventfd by which the client rings the mapper, and
 *	the memory as @memory says
 * @clients: VMs in the group
 * @memory: HGSHM_MEMORY_*
 * @size_bytes: all shared memory, a whole number of pages
 * @slice_bytes: one slice, a whole number of pages
 * @shm_dev: st_dev of the memory (of slice 0's memfd, with one a slice), for a
 *	client to tell whether it is the one that it opens, or has
 * @shm_ino: its st_ino
 * @index: the client's index: the one that it asked for, or the one that it was given
 * @reserved: 0
 * @shmid: name of the memory, NUL-terminated and NUL-padded
 */
struct hgshm_msg_welcome {
	struct hgshm_msg h;
	__le32 clients;
	__le32 memory;
	__le64 size_bytes;
	__le64 slice_bytes;
	__le64 shm_dev;
	__le64 shm_ino;
	__le32 index;
	__le32 reserved;
	__u8 shmid[HGSHM_SHMID_BYTES];
};

/* struct hgshm_msg_refused.code */
#define HGSHM_REFUSED_VERSION		1	/* the client speaks another protocol version */
#define HGSHM_REFUSED_INDEX_RANGE	2	/* index is 0 or not below clients */
#define HGSHM_REFUSED_INDEX_TAKEN	3	/* a running VM holds it */
#define HGSHM_REFUSED_MAPIDX_RANGE	4	/* mapidx is not below clients */
#define HGSHM_REFUSED_SHMID		5	/* the mapper shares another memory */
#define HGSHM_REFUSED_MALFORMED		6	/* not a HELLO as this header says */
#define HGSHM_REFUSED_FULL		7	/* any index would do, but none is free */

/**
 * struct hgshm_msg_refused - the client is not in
 * @h: header, no fds. A mapper sends it with its own version, so the client of
 *	another version can still name both.
 * @code: HGSHM_REFUSED_*
 * @reserved: 0
 * @text: one line of ASCII for the person who started the client, NUL-terminated
 *	and NUL-padded
 */
struct hgshm_msg_refused {
	struct hgshm_msg h;
	__le32 code;
	__le32 reserved;
	__u8 text[HGSHM_REFUSED_TEXT_BYTES];
};

/**
 * struct hgshm_msg_peers - who is alive now
 * @h: header, no fds
 * @peers: bit i: VM i is alive, the receiver and the mapper among them
 */
struct hgshm_msg_peers {
	struct hgshm_msg h;
	__le64 peers;
};

/**
 * struct hgshm_msg_peer - PEER_UP and PEER_DOWN
 * @h: header. PEER_UP: 2 fds, the eventfd that rings the peer and the one by
 *	which the peer rings the receiver. PEER_DOWN: none.
 * @index: the peer, neither the mapper nor the receiver
 * @reserved: 0
 */
struct hgshm_msg_peer {
	struct hgshm_msg h;
	__le32 index;
	__le32 reserved;
};

#define HGSHM_MSG_BYTES_MAX		sizeof(struct hgshm_msg_refused)

HGSHM_ASSERT_SIZE(struct hgshm_msg, 16);
HGSHM_ASSERT_SIZE(struct hgshm_msg_hello, 128);
HGSHM_ASSERT_OFFSET(struct hgshm_msg_hello, shmid, 32);
HGSHM_ASSERT_SIZE(struct hgshm_msg_welcome, 160);
HGSHM_ASSERT_OFFSET(struct hgshm_msg_welcome, shmid, 64);
HGSHM_ASSERT_SIZE(struct hgshm_msg_refused, 184);
HGSHM_ASSERT_OFFSET(struct hgshm_msg_refused, text, 24);
HGSHM_ASSERT_SIZE(struct hgshm_msg_peers, 24);
HGSHM_ASSERT_SIZE(struct hgshm_msg_peer, 24);

#endif /* HGSHM_PROTO_H */
