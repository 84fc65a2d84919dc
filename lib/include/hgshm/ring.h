/* SPDX-License-Identifier: MIT */
/**
 * DOC: message rings of libhgshm
 *
 * A ring carries messages of any length, in order, from one *producer* to one *consumer*:
 * two threads, processes or VMs that see the same memory. It lies in memory that the
 * caller has: a part of a slice, a memfd, anything shared. <hgshm/shm.h> says how.
 *
 * &struct hgshm_ring is one side of a ring. There are three ways to one:
 *
 *   - hgshm_ring_open() for two members of a group: finds the memory, formats it, meets
 *     the other side, and wakes and sleeps by doorbells
 *   - hgshm_ring_create() formats memory of the caller's choice
 *   - hgshm_ring_attach() takes up a ring that another has formatted
 *
 * **Moving messages**, simply: hgshm_ring_send() and hgshm_ring_recv() copy one message
 * each and wait where they must. Without copying: hgshm_ring_reserve() gives room in the
 * ring, hgshm_ring_commit() ends a message there, hgshm_ring_publish() shows all that
 * were committed to the consumer; hgshm_ring_peek() gives the next message where it
 * lies, hgshm_ring_release() hands the room of all that were peeked at back. Messages
 * that are published or released together cost one look at who sleeps, and one ring.
 *
 * **Waking**: only a side that sleeps is rung. With a way to ring and to sleep (a ring of
 * hgshm_ring_open(), or &struct hgshm_ring_options) the functions ring by themselves, and
 * hgshm_ring_wait() waits. Without, hgshm_ring_publish() and hgshm_ring_release() return 1
 * where the other side must be rung, and hgshm_ring_arm() says whether an event loop
 * may sleep.
 *
 * **Trust**: whatever the other side writes into the memory, at any time, no function here
 * reads or writes outside the ring, or loops without end. A side that sees the other break
 * the rules fails: that call and all later ones but hgshm_ring_close() and
 * hgshm_ring_get_info() return -EPROTO, and hgshm_strerror() tells what was wrong. A
 * message that hgshm_ring_peek() shows still lies where the other side may change it;
 * hgshm_ring_recv() gives a copy, which can't change.
 *
 * Each side is for one thread at a time. The two sides, and different rings, are
 * independent: any number of threads may be in them at once, also in rings of
 * hgshm_ring_open() that share a handle. After fork() one of the two processes may go on
 * with a side whose memory both have; a side of hgshm_ring_open() stays with the handle's
 * process. All functions that can fail return a negative errno then, and leave what the
 * caller passed as it was, unless they say otherwise.
 *
 * Member 0 prints what member 1 sends:
 *
 * .. code-block:: c
 *
 *	struct hgshm_ring *ring;
 *	char text[256];
 *	size_t bytes;
 *	int ret;
 *
 *	ret = hgshm_ring_open(&ring, h, 1, HGSHM_RING_CONSUMER, -1, NULL);
 *	if (ret < 0)
 *		return ret;
 *	while ((ret = hgshm_ring_recv(ring, text, sizeof(text), &bytes, -1)) == 0)
 *		fwrite(text, 1, bytes, stdout);
 *	hgshm_ring_close(ring);
 *	return ret == -EPIPE ? 0 : ret;
 *
 * and member 1 sends:
 *
 * .. code-block:: c
 *
 *	ret = hgshm_ring_open(&ring, h, 0, HGSHM_RING_PRODUCER, -1, NULL);
 *	if (ret < 0)
 *		return ret;
 *	ret = hgshm_ring_send(ring, "hello\n", 6, -1);
 *	hgshm_ring_close(ring);
 *	return ret;
 */
#ifndef HGSHM_RING_H
#define HGSHM_RING_H

#include <stddef.h>
#include <stdint.h>

#include <hgshm/hgshm.h>
#include <hgshm/shm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* which side of a ring */
#define HGSHM_RING_PRODUCER		0u
#define HGSHM_RING_CONSUMER		1u

/**
 * struct hgshm_ring - a side of a ring; opaque
 */
struct hgshm_ring;

/**
 * struct hgshm_ring_options - how a side waits and wakes
 * @struct_bytes: sizeof(struct hgshm_ring_options) as the caller was compiled. A library
 *	that knows fewer members accepts those beyond its own only if they are 0.
 * @flags: 0
 * @spin_us: how long a call polls before it sleeps, microseconds, up to one second; 0
 *	sleeps at once. Without options %HGSHM_SPIN_DEFAULT_US. Polling longer pays only
 *	where both sides have a core of their own.
 * @wake: rings the other side; returns 0 or a negative errno, of which -ENOTCONN, nobody
 *	is there, counts as done. NULL: the caller rings where a call returns 1. It
 *	may be called by any function of the ring.
 * @wait: sleeps until the other side has rung, also if it did since the last call,
 *	@timeout_ns at most, negative for no end; returns 0 also for no reason at all,
 *	-ETIMEDOUT, or another negative errno, which ends the wait. NULL: calls that
 *	would wait return -EOPNOTSUPP.
 * @context: given to both
 *
 * hgshm_ring_open() has its own @wake and @wait, and refuses others.
 */
struct hgshm_ring_options {
	size_t struct_bytes;
	uint32_t flags;
	uint32_t spin_us;
	int (*wake)(void *context);
	int (*wait)(void *context, int64_t timeout_ns);
	void *context;
};

/**
 * struct hgshm_ring_info - how a side stands
 * @struct_bytes: in: sizeof(struct hgshm_ring_info) as the caller was compiled; out: how
 *	many bytes were filled, at most that
 * @side: %HGSHM_RING_PRODUCER or %HGSHM_RING_CONSUMER
 * @error: 0, or the negative errno with which it failed for good
 * @other_attached: 1 if the other side is attached to this generation
 * @other_closed: 1 if the other side has ended in good order
 * @reserved: 0
 * @generation: random number that the ring got when it was formatted
 * @capacity_bytes: of the ring
 * @message_bytes_max: the longest message it takes
 * @used_bytes: of @capacity_bytes, as seen from this side
 * @messages: that this side has published or released
 * @publications: how often it did so
 * @wakes: how often the other side had to be rung
 * @sleeps: how often this side made ready to sleep
 */
struct hgshm_ring_info {
	uint32_t struct_bytes;
	uint32_t side;
	int32_t error;
	uint8_t other_attached;
	uint8_t other_closed;
	uint8_t reserved[2];
	uint64_t generation;
	uint64_t capacity_bytes;
	uint64_t message_bytes_max;
	uint64_t used_bytes;
	uint64_t messages;
	uint64_t publications;
	uint64_t wakes;
	uint64_t sleeps;
};

/**
 * hgshm_ring_create() - format memory as an empty ring and be one side of it
 * @out: receives the side
 * @memory: of the ring, aligned to %HGSHM_RING_ALIGN_BYTES, readable and writable; must
 *	stay mapped until hgshm_ring_close(). What was in it is lost.
 * @bytes: of @memory, at least %HGSHM_RING_BYTES_MIN; all but %HGSHM_RING_DATA_OFFSET,
 *	rounded down to %HGSHM_RING_ALIGN_BYTES, becomes the capacity, 1 GiB at most
 * @side: %HGSHM_RING_PRODUCER or %HGSHM_RING_CONSUMER
 * @options: or NULL for the defaults: no @wake and no @wait
 *
 * Sides of a ring that was there before fail with -ESTALE when they next look.
 * Does not block.
 *
 * Return: 0, or
 *
 *   - -EINVAL: a NULL argument, or one that is not aligned, too small or out of range
 *   - -E2BIG: an option that this library does not know is not 0
 *   - -ENOMEM
 */
int hgshm_ring_create(struct hgshm_ring **out, void *memory, size_t bytes, uint32_t side,
		      const struct hgshm_ring_options *options);

/**
 * hgshm_ring_attach() - be a side of a ring that is there
 * @out: receives the side
 * @memory: as for hgshm_ring_create(); may be mapped elsewhere than the other side has it
 * @bytes: of @memory, at least what the ring takes
 * @side: %HGSHM_RING_PRODUCER or %HGSHM_RING_CONSUMER
 * @options: or NULL for the defaults: no @wake and no @wait
 *
 * Takes the place of one that had this side before, if there was one, and goes on where
 * that one published or released last: messages which that one committed and did not
 * publish are lost, those it peeked at and did not release come once more. That one
 * fails with -ESTALE when it next looks. Does not block.
 *
 * Return: 0, or
 *
 *   - -EAGAIN: there is no ring yet
 *   - -EPROTO: what is there is not a ring of this version, or its indices contradict
 *	each other; format it anew
 *   - -EMSGSIZE: it takes more than @bytes
 *   - -EINVAL, -E2BIG, -ENOMEM: as hgshm_ring_create()
 */
int hgshm_ring_attach(struct hgshm_ring **out, void *memory, size_t bytes, uint32_t side,
		      const struct hgshm_ring_options *options);

/**
 * hgshm_ring_place() - where two members of a group have their ring
 * @h: a place in the group; either member's
 * @writer: index of the member that sends
 * @reader: index of the one that receives
 * @memory: receives the first byte of the ring's memory, valid until hgshm_close()
 * @bytes: receives its length
 *
 * The memory is a part of the last quarter of a slice; which one, <hgshm/shm.h> says. A
 * program that uses these rings keeps other data out of there. Does not block.
 *
 * Return: 0, or
 *
 *   - -EINVAL: a NULL argument, or @writer is @reader
 *   - -ENXIO: the group has no such member
 *   - -ENOSPC: slices are too small for a ring for each pair
 *   - what hgshm_slice() returns; -EACCES if this member does not see the slice
 */
int hgshm_ring_place(struct hgshm *h, uint32_t writer, uint32_t reader, void **memory,
		     size_t *bytes);

/**
 * hgshm_ring_open() - a ring between this member of a group and another
 * @out: receives the side
 * @h: the handle, which must stay open as long as the ring
 * @peer: index of the other member
 * @side: %HGSHM_RING_PRODUCER to send to @peer, %HGSHM_RING_CONSUMER to receive from it
 * @timeout_ns: how long to wait for the other side to open the ring as well, nanoseconds;
 *	negative waits without end
 * @options: as for hgshm_ring_create(), but with @wake and @wait NULL; or NULL for the
 *	defaults
 *
 * The memory is that of hgshm_ring_place(). The producer formats it, and both return
 * once they have met; which starts first does not matter, nor what is left in the memory.
 * What an earlier producer has sent and its consumer has not read is lost then, and that
 * consumer gets -ESTALE: let the two agree on when they are done, if a producer comes
 * again.
 * While this or another call waits for the ring it uses hgshm_wait(). Rings that share @h
 * share that, each in a thread of its own if you like; but other events of @h are lost
 * meanwhile, and no other thread may be in hgshm_wait() itself. A program that waits for
 * more than rings has hgshm_ring_place(), hgshm_ring_create() and hgshm_ring_arm(). For a
 * short way to sleep open @h with ``spin_us`` 0: the ring does its own polling.
 *
 * Later calls that wait return -ECONNRESET once @peer has left the group, and -ESTALE
 * once the process that this side has met was replaced by another.
 *
 * Return: 0, or
 *
 *   - -ETIMEDOUT: the other side did not come
 *   - -ESTALE: meanwhile another process took this side's place
 *   - -EPROTO: it does not keep to the contract
 *   - -EINTR: a signal handler ran
 *   - -EINVAL: also for options with @wake or @wait
 *   - what hgshm_ring_place(), hgshm_ring_create() and hgshm_wait() return
 */
int hgshm_ring_open(struct hgshm_ring **out, struct hgshm *h, uint32_t peer, uint32_t side,
		    int64_t timeout_ns, const struct hgshm_ring_options *options);

/**
 * hgshm_ring_close() - end a side
 * @ring: the side, or NULL
 *
 * A producer publishes what it has committed, a consumer releases what it has peeked at.
 * The other side learns that no more comes: -EPIPE, after it has read all. It is rung
 * if it sleeps and this side has a @wake; without one, ring it. The memory stays the
 * caller's. Does not block.
 */
void hgshm_ring_close(struct hgshm_ring *ring);

/**
 * hgshm_ring_reserve() - room for the next message
 * @ring: a producer
 * @bytes: longest that the message may get, 0 to &struct hgshm_ring_info.message_bytes_max
 * @data: receives where to write it, 8-byte aligned, in one piece; valid until
 *	hgshm_ring_commit() or the next hgshm_ring_reserve(), which takes its place
 *
 * Does not block.
 *
 * Return: 0, or
 *
 *   - -EAGAIN: there is not so much room now
 *   - -EMSGSIZE: there never is
 *   - -EPIPE: the consumer has closed
 *   - -EPROTO, -ESTALE: failed for good, see above
 *   - -EINVAL: a NULL argument, or not a producer
 */
int hgshm_ring_reserve(struct hgshm_ring *ring, size_t bytes, void **data);

/**
 * hgshm_ring_commit() - end the message that was written to the reserved room
 * @ring: a producer
 * @bytes: its length, at most what was reserved; the rest of the room is given back
 *
 * The consumer does not see it before hgshm_ring_publish(). Does not block.
 *
 * Return: 0, or
 *
 *   - -EINVAL: nothing is reserved, or less than @bytes
 *   - -EPROTO, -ESTALE: failed for good
 */
int hgshm_ring_commit(struct hgshm_ring *ring, size_t bytes);

/**
 * hgshm_ring_publish() - show the consumer all committed messages
 * @ring: a producer
 *
 * Rings the consumer if it sleeps and has not been rung yet. Does not block.
 *
 * Return: 0; 1 if the consumer must be rung and the ring has no @wake; or
 *
 *   - -EPROTO, -ESTALE: failed for good
 *   - -EINVAL: a NULL argument, or not a producer
 *   - what @wake returns; the messages are published then, and the next
 *	hgshm_ring_publish() rings again
 */
int hgshm_ring_publish(struct hgshm_ring *ring);

/**
 * hgshm_ring_send() - send a copy of a message, with all that were committed before
 * @ring: a producer
 * @data: the message; may be NULL if @bytes is 0
 * @bytes: its length
 * @timeout_ns: how long to wait for room, nanoseconds; 0 does not, negative waits without
 *	end
 *
 * Return: 0; 1 if it was published, the consumer must be rung and the ring has no
 * @wake; or
 *
 *   - -ETIMEDOUT: no room in time
 *   - -EOPNOTSUPP: no room, and the ring has no @wait; not with @timeout_ns 0
 *   - -EMSGSIZE, -EPIPE, -EPROTO, -ESTALE, -EINVAL: as hgshm_ring_reserve()
 *   - what @wait returns, -EINTR for one
 *   - what @wake returns; the message is published then
 */
int hgshm_ring_send(struct hgshm_ring *ring, const void *data, size_t bytes,
		    int64_t timeout_ns);

/**
 * hgshm_ring_peek() - the next message, where it lies
 * @ring: a consumer
 * @data: receives where it starts, 8-byte aligned; valid until hgshm_ring_release()
 * @bytes: receives its length
 *
 * Each call shows the message after the one before. The other side may still change what
 * lies there: copy what you decide upon. Does not block.
 *
 * Return: 0, or
 *
 *   - -EAGAIN: there is none now
 *   - -EPIPE: there is none, and the producer has closed
 *   - -EPROTO, -ESTALE: failed for good
 *   - -EINVAL: a NULL argument, or not a consumer
 */
int hgshm_ring_peek(struct hgshm_ring *ring, const void **data, size_t *bytes);

/**
 * hgshm_ring_release() - give the room of all messages peeked at back to the producer
 * @ring: a consumer
 *
 * Rings the producer if it sleeps for that much room. Does not block.
 *
 * Return: 0; 1 if the producer must be rung and the ring has no @wake; or errors as
 * hgshm_ring_publish()
 */
int hgshm_ring_release(struct hgshm_ring *ring);

/**
 * hgshm_ring_recv() - receive a copy of the next message
 * @ring: a consumer
 * @buffer: receives it; may be NULL if @size is 0
 * @size: of @buffer
 * @bytes: receives the message's length; also for -EMSGSIZE
 * @timeout_ns: how long to wait for one, nanoseconds; 0 does not, negative waits without
 *	end
 *
 * Releases it, and all that hgshm_ring_peek() has shown before.
 *
 * Return: 0; 1 if it was received, the producer must be rung and the ring has no
 * @wake; or
 *
 *   - -ETIMEDOUT: none came in time
 *   - -EOPNOTSUPP: none there, and the ring has no @wait; not with @timeout_ns 0
 *   - -EMSGSIZE: it is longer than @size, and is still the next
 *   - -EPIPE: the producer has closed and all was read
 *   - -EPROTO, -ESTALE: failed for good
 *   - -EINVAL: a NULL argument, or not a consumer
 *   - what @wait returns, -EINTR for one
 *   - what @wake returns; the message was received then
 */
int hgshm_ring_recv(struct hgshm_ring *ring, void *buffer, size_t size, size_t *bytes,
		    int64_t timeout_ns);

/**
 * hgshm_ring_wait() - wait until there is a message, or room for one
 * @ring: either side
 * @bytes: producer: how long the message is to be; consumer: 0
 * @timeout_ns: nanoseconds at most; 0 only looks, negative waits without end
 *
 * Polls, then sleeps. A producer's committed messages are published first.
 *
 * Return: 0 if hgshm_ring_peek() or hgshm_ring_reserve() will succeed, or the errors of
 * hgshm_ring_recv() or hgshm_ring_send().
 */
int hgshm_ring_wait(struct hgshm_ring *ring, size_t bytes, int64_t timeout_ns);

/**
 * hgshm_ring_arm() - ask to be rung, before sleeping in an event loop
 * @ring: either side
 * @bytes: producer: how long the message is to be; consumer: 0
 *
 * After 0 the other side rings once when there is a message, or room for one. Sleep, and
 * call hgshm_ring_disarm() when awake, whatever the reason. A producer publishes, and a
 * consumer releases, before it arms, or both sides may sleep. Does not block.
 *
 * Return: 0 if it is armed; 1 if there is no need to sleep, and it is not; or
 *
 *   - -EPIPE: the other side has closed; a consumer has read all
 *   - -EMSGSIZE: @bytes never fit
 *   - -EPROTO, -ESTALE: failed for good
 *   - -EINVAL: a NULL argument, or a consumer with @bytes that are not 0
 */
int hgshm_ring_arm(struct hgshm_ring *ring, size_t bytes);

/**
 * hgshm_ring_disarm() - no longer ask to be rung
 * @ring: either side
 *
 * A ring may still be on its way. No harm if it is not armed. Does not block.
 */
void hgshm_ring_disarm(struct hgshm_ring *ring);

/**
 * hgshm_ring_get_info() - how a side stands
 * @ring: either side
 * @info: filled in; set @info->struct_bytes before
 *
 * Does not block.
 *
 * Return: 0, or -EINVAL for a NULL argument or a struct_bytes less than that of the
 * first version, sizeof(struct hgshm_ring_info) here.
 */
int hgshm_ring_get_info(const struct hgshm_ring *ring, struct hgshm_ring_info *info);

#ifdef __cplusplus
}
#endif

#endif /* HGSHM_RING_H */
