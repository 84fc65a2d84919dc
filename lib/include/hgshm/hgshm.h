/* SPDX-License-Identifier: MIT */
/**
 * DOC: libhgshm, memory and doorbells shared by virtual machines
 *
 * A *handle*, &struct hgshm, is a place in a group: an index, the slices of the shared
 * memory that go with it, and a doorbell to each other member. hgshm_open() makes one,
 * hgshm_close() ends it and with it the mappings that hgshm_slice() returned.
 *
 * A member is a VM, or a process on the host. Which one this is, and whether it comes
 * to a group or founds one, says the *URI* given to hgshm_open(); all other calls
 * are the same:
 *
 * ====================================  ================================================
 * URI                                   place
 * ====================================  ================================================
 * ``/dev/hgshm0``                       in a guest: that of the guest's own device
 * ``join:/run/group.sock?index=2``      on the host: joins the group whose mapper listens
 *                                       at that socket, as a VM does
 * ``found:/run/group.sock?size=64m``    on the host: is the mapper, index 0; creates the
 *                                       memory and listens at that socket
 * ====================================  ================================================
 *
 * Parameters follow the path as ``?name=value&name=value``. In path and values %XX stands
 * for a byte in hexadecimal. Names and values are those of the QEMU device:
 *
 *   - ``join``: ``index`` (left out: the lowest that is free), ``mapidx`` (slice to see
 *     beside the own one; left out: 0, ``none`` for none), ``mapidx-ro`` (on, off),
 *     ``shmid`` (left out: whatever the mapper shares)
 *   - ``found``: ``size`` (suffixes k m g t; 64m), ``clients`` (1 to 64; 2), ``backing``
 *     (shm, memfd), ``shmid`` (left out: one is made up), ``unlink`` (1, 0), ``mapidx-any``
 *     (on, off), ``mesh`` (on, off)
 *
 * A path that is not absolute is taken from the working directory that hgshm_open() finds.
 * A founder's socket and memory object get mode 0600 (chmod the socket where others may
 * join; with ``backing=memfd`` that is all they need). What a founder that was killed left
 * makes room for the next; one that lives is not disturbed.
 * With ``backing=shm`` who may open the memory object can also truncate it, and who then
 * touches what is gone gets SIGBUS; a memfd is sealed against that.
 *
 * On the host a thread of the library's own serves the socket and the lines to the
 * other members, with all signals blocked. All descriptors are close-on-exec. After
 * fork() the child may only exec or _exit: it has the descriptors, not the thread, and as
 * long as it keeps them the others take this member for alive.
 *
 * **The mapper's end**: the others lose bit 0 of @peers and keep the memory and each
 * other. A ``join`` handle then looks for the socket again, at first every 200 ms. A
 * mapper with the same memory (``unlink=0``) makes bit 0 come back; one with another
 * sets %HGSHM_STATUS_MEMORY_STALE in &struct hgshm_info.status and the handle keeps the old
 * memory: close it and open a new one. Each is told by hgshm_wait() as a change among
 * the peers.
 *
 * All functions that can fail return 0 or a negative errno. On failure they leave
 * what the caller passed as it was. hgshm_strerror() explains an error in words.
 * Nothing here prints, exits, or changes how signals are handled.
 *
 * Any number of threads may use one handle at once, but for hgshm_wait(), which one
 * thread at a time may be in (and none while another waits in a ring of
 * hgshm_ring_open()), and hgshm_close(), which must be the last call. Handles are
 * independent of each other. Each function says if it blocks; none may be called in a
 * signal handler.
 *
 * Memory ordering is that of the doorbell: what was stored before hgshm_poke() is
 * seen by the peer that hgshm_wait() has told of that ring.
 */
#ifndef HGSHM_HGSHM_H
#define HGSHM_HGSHM_H

#include <stddef.h>
#include <stdint.h>

#include <hgshm/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* members of a group at most; bits of the masks below */
#define HGSHM_PEERS_MAX			64

/* spin budget of a handle opened without options, microseconds */
#define HGSHM_SPIN_DEFAULT_US		20

/**
 * struct hgshm - a handle; opaque
 */
struct hgshm;

/**
 * struct hgshm_options - how to open
 * @struct_bytes: sizeof(struct hgshm_options) as the caller was compiled. A
 *	library that knows fewer members accepts those beyond its own only if they are 0.
 * @flags: 0
 * @spin_us: how long hgshm_wait() polls before it sleeps, microseconds, up to one
 *	second; 0 sleeps at once. Polling longer than the default pays only where
 *	every vCPU has a core of its own.
 */
struct hgshm_options {
	size_t struct_bytes;
	uint32_t flags;
	uint32_t spin_us;
};

/**
 * struct hgshm_events - what hgshm_wait() saw
 * @rung: bit i: member i rang
 * @counts: how often member i rang, merged rings counted once
 * @peers_changed: not 0 if a member came or went, or the memory became stale
 * @epoch: the group's epoch at the newest of these events, 0 if there is none
 * @came: bit i: member i is there and was not when this handle was last told
 * @went: bit i: member i was there when this handle was last told, and is no more. One
 *	that went and came back in between is in neither; @peers_changed and @epoch tell
 * @reserved: 0
 */
struct hgshm_events {
	uint64_t rung;
	uint64_t counts[HGSHM_PEERS_MAX];
	uint32_t peers_changed;
	uint32_t epoch;
	uint64_t came;
	uint64_t went;
	uint64_t reserved[4];
};

/**
 * struct hgshm_stats - doorbells since the handle was opened
 * @sent: to each VM
 * @received: from each VM, as hgshm_wait() returned them
 * @waits: calls of hgshm_wait()
 * @sleeps: how many of them went to sleep, though it may have been for no time
 */
struct hgshm_stats {
	uint64_t sent[HGSHM_PEERS_MAX];
	uint64_t received[HGSHM_PEERS_MAX];
	uint64_t waits;
	uint64_t sleeps;
};

/**
 * hgshm_open() - take a place in a group
 * @out: receives the handle
 * @uri: a device, ``join:`` or ``found:``, as libhgshm(7) and the top of this header say,
 *	or NULL for the guest's hgshm device with the lowest number
 * @options: or NULL for the defaults
 *
 * ``join`` blocks until the mapper has let this process in, ten seconds at most; the
 * others do not wait for anybody. Any thread may call it.
 *
 * Return: 0, or
 *
 *   - -ENOENT, -ENXIO, -ENODEV: no such device or socket, or no device at all; ``found``:
 *	no such folder
 *   - -ECONNREFUSED: nobody listens at the socket
 *   - -ETIMEDOUT, -ECONNRESET: the mapper does not answer, or hung up
 *   - -EADDRINUSE: the index is held by another member, or none is free; ``found``:
 *	another mapper listens at the socket, or holds the memory's name
 *   - -ERANGE: index or mapidx is not one of this group
 *   - -ESTALE: the mapper shares another memory than ``shmid``
 *   - -ENOSPC: ``found``: no room for that much memory
 *   - -EEXIST: ``found`` with unlink=0: an object of that name has another size
 *   - -EACCES, -EPERM: this user may not open it, or others may open the memory
 *   - -ENOTTY: it is not an hgshm device
 *   - -EPROTO: the driver or mapper speaks another interface version, or contradicts
 *	itself
 *   - -EINVAL: @out or an option is out of range, or the URI is not one
 *   - -ENAMETOOLONG: the socket's path or another part of the URI
 *   - -E2BIG: an option that this library does not know is not 0
 *   - -ENOMEM, -EMFILE, -ENFILE, -EAGAIN: no memory, no file descriptors, or no thread
 *   - what else open(), bind() and connect() have to say of the path, -ENOTDIR for one
 */
int hgshm_open(struct hgshm **out, const char *uri, const struct hgshm_options *options);

/**
 * hgshm_close() - give the place back
 * @h: the handle, or NULL
 *
 * Pointers from hgshm_slice() and the descriptor from hgshm_fd() end here. The others see
 * this member go at once. A founder takes its socket's name along, and that of its memory
 * with ``unlink=1``. No other call on the handle may be under way. Does not wait for
 * anybody.
 */
void hgshm_close(struct hgshm *h);

/**
 * hgshm_get_info() - what the device is, and who is there now
 * @h: the handle
 * @info: filled in; @info->struct_bytes and flags need not be set. Its members are
 *	explained in <hgshm/ioctl.h>.
 *
 * On the host it is as the driver of a guest would tell it: @vectors is one more than
 * @clients, there are no BARs (@bar_bytes 0) and no doorbells to map, @irq_enabled is 1.
 *
 * Does not block. Any thread.
 *
 * Return: 0, -ENODEV if the device is gone, -EINVAL for a NULL argument.
 */
int hgshm_get_info(struct hgshm *h, struct hgshm_info *info);

/**
 * hgshm_slice() - a slice of the shared memory
 * @h: the handle
 * @index: whose slice. Member 0 may ask for any; another for its own and for the one
 *	that it was given as peer slice (``mapidx``), which is mapped read-only if it was
 *	given so.
 * @ptr: receives its first byte; page aligned, valid until hgshm_close()
 * @bytes: receives its length
 *
 * The first call for a region maps it; later ones return the same pointer. Does not
 * block. Any thread.
 *
 * Return: 0, or
 *
 *   - -ENXIO: the group has no such index
 *   - -EACCES: the slice was not given to this VM
 *   - -EPERM: the device has guestmmap=0
 *   - -ENOMEM: no address space
 *   - -ENODEV: the device is gone
 *   - -EINVAL: a NULL argument
 */
int hgshm_slice(struct hgshm *h, uint32_t index, void **ptr, size_t *bytes);

/**
 * hgshm_poke() - ring another member's doorbell
 * @h: the handle
 * @index: whom
 *
 * Does not block, and does not wait for the other side: in a guest one ioctl(), on the
 * host one write() to an eventfd. Any thread.
 *
 * Return: 0, or
 *
 *   - -EINVAL: no such index, or this member's own
 *   - -ENOTCONN: that member is not there
 *   - -ENODEV: the device is gone
 */
int hgshm_poke(struct hgshm *h, uint32_t index);

/**
 * hgshm_poke_all() - ring every other member that is there
 * @h: the handle
 *
 * Counts in &struct hgshm_stats.sent for those that were there just before. Does not
 * block. Any thread.
 *
 * Return: 0, also if there is none; -ENODEV if the device is gone; -EINVAL for a
 * NULL handle.
 */
int hgshm_poke_all(struct hgshm *h);

/**
 * hgshm_wait() - wait until someone rings, comes or goes
 * @h: the handle
 * @timeout_ns: nanoseconds at most; 0 only looks, a negative value waits without end
 * @events: filled in; or NULL, then only the statistics know
 *
 * Polls for the spin budget, then sleeps. Events that arrived since the last call,
 * or since hgshm_open(), end the wait at once. A wake-up may come without a cause
 * that matters to the caller: look at the shared memory, not at the count. Rings of a
 * member that has gone since are told as well. One thread at a time; any thread may
 * ring this member meanwhile, and the others may do all other calls.
 *
 * Return: 0, or
 *
 *   - -ETIMEDOUT: nothing happened
 *   - -EINTR: a signal handler ran
 *   - -ENODEV: the device is gone
 *   - -EPROTO: the driver returned an event that the contract does not know
 *   - -EINVAL: a NULL handle
 */
int hgshm_wait(struct hgshm *h, int64_t timeout_ns, struct hgshm_events *events);

/**
 * hgshm_export_dmabuf() - a part of a slice as a dma-buf
 * @h: the handle, of a guest's device
 * @index: whose slice; as in hgshm_slice()
 * @offset_bytes: first byte in the slice, a whole number of pages
 * @length_bytes: how many, a whole number of pages, not 0
 * @flags: 0, or %HGSHM_DMABUF_READ_ONLY
 * @fd: receives the dma-buf's descriptor, close-on-exec; the caller closes it. It
 *	outlives the handle.
 *
 * Does not block. Any thread.
 *
 * Return: 0, or
 *
 *   - -ENXIO, -EACCES, -EPERM: as hgshm_slice(); -EACCES also for a slice that is
 *	read-only, without the flag
 *   - -EINVAL: a NULL argument, an unknown flag, or a range that is not in the slice
 *   - -EOPNOTSUPP: a member on the host, or a kernel without dma-buf
 *   - -ENOMEM, -EMFILE, -ENFILE: no memory or no file descriptors
 *   - -ENODEV: the device is gone
 */
int hgshm_export_dmabuf(struct hgshm *h, uint32_t index, size_t offset_bytes,
			size_t length_bytes, uint32_t flags, int *fd);

/**
 * hgshm_fd() - a descriptor for poll() and its kin
 * @h: the handle
 *
 * Readable when hgshm_wait() would return at once, until that has taken what there is. The
 * same for the handle's life. For polling only: do not read or close it. Does not block.
 * Any thread.
 *
 * Return: the descriptor, or -EINVAL for a NULL handle.
 */
int hgshm_fd(struct hgshm *h);

/**
 * hgshm_get_stats() - doorbells both ways
 * @h: the handle
 * @stats: filled in
 *
 * Does not block. Any thread; counts of what happens meanwhile may be missing.
 *
 * Return: 0, or -EINVAL for a NULL argument.
 */
int hgshm_get_stats(struct hgshm *h, struct hgshm_stats *stats);

/**
 * hgshm_strerror() - an error in words
 * @error: what a call returned, negative
 *
 * Does not block. Any thread; each has its own last error.
 *
 * Return: one line without a newline. If @error is what this thread's last failed
 * call returned, the line names what was wrong in that call; otherwise it is the
 * error's general meaning. Never NULL; valid until this thread's next call into the
 * library.
 */
const char *hgshm_strerror(int error);

/**
 * hgshm_version() - version of the library, as "major.minor.patch"
 *
 * Does not block. Any thread.
 *
 * Return: a constant string.
 */
const char *hgshm_version(void);

#ifdef __cplusplus
}
#endif

#endif /* HGSHM_HGSHM_H */
