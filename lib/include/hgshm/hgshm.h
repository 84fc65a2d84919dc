/* SPDX-License-Identifier: MIT */
/**
 * DOC: libhgshm, memory and doorbells shared by virtual machines
 *
 * A *handle*, &struct hgshm, is one VM's place in a group: an index, the slices of
 * the shared memory that this VM was given, and a doorbell to each other VM.
 * hgshm_open() makes one, hgshm_close() ends it and with it the mappings that
 * hgshm_slice() returned.
 *
 * All functions that can fail return 0 or a negative errno. On failure they leave
 * what the caller passed as it was. hgshm_strerror() explains an error in words.
 * Nothing here prints, exits, or changes how signals are handled.
 *
 * Any number of threads may use one handle at once, but for hgshm_wait(), which one
 * thread at a time may be in, and hgshm_close(), which must be the last call.
 *
 * Memory ordering is that of the doorbell: what was stored before hgshm_ring() is
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

/* VMs in a group at most; bits of the masks below */
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
 * @rung: bit i: VM i rang
 * @counts: how often VM i rang, merged rings counted once
 * @peers_changed: not 0 if a VM came or went; hgshm_get_info() tells who is there
 * @epoch: the device's epoch at the newest of these events, 0 if there is none
 */
struct hgshm_events {
	uint64_t rung;
	uint64_t counts[HGSHM_PEERS_MAX];
	uint32_t peers_changed;
	uint32_t epoch;
};

/**
 * struct hgshm_stats - doorbells since the handle was opened
 * @sent: to each VM
 * @received: from each VM, as hgshm_wait() returned them
 * @waits: calls of hgshm_wait()
 * @sleeps: how many of them slept
 */
struct hgshm_stats {
	uint64_t sent[HGSHM_PEERS_MAX];
	uint64_t received[HGSHM_PEERS_MAX];
	uint64_t waits;
	uint64_t sleeps;
};

/**
 * hgshm_open() - take this VM's place
 * @out: receives the handle
 * @uri: path of a device, such as /dev/hgshm0, or NULL for the hgshm device with the
 *	lowest number
 * @options: or NULL for the defaults
 *
 * Does not block.
 *
 * Return: 0, or
 *
 *   - -ENOENT, -ENXIO, -ENODEV: no such device, or none at all
 *   - -EACCES, -EPERM: this user may not open it
 *   - -ENOTTY: it is not an hgshm device
 *   - -EPROTO: its driver speaks another interface version, or contradicts itself
 *   - -EINVAL: @out or an option is out of range
 *   - -E2BIG: an option that this library does not know is not 0
 *   - -ENOMEM, -EMFILE, -ENFILE: no memory or no file descriptors
 */
int hgshm_open(struct hgshm **out, const char *uri, const struct hgshm_options *options);

/**
 * hgshm_close() - give the place back
 * @h: the handle, or NULL
 *
 * Pointers from hgshm_slice() and the descriptor from hgshm_fd() end here.
 */
void hgshm_close(struct hgshm *h);

/**
 * hgshm_get_info() - what the device is, and who is there now
 * @h: the handle
 * @info: filled in; @info->struct_bytes and flags need not be set. Its members are
 *	explained in <hgshm/ioctl.h>.
 *
 * Does not block.
 *
 * Return: 0, -ENODEV if the device is gone, -EINVAL for a NULL argument.
 */
int hgshm_get_info(struct hgshm *h, struct hgshm_info *info);

/**
 * hgshm_slice() - a slice of the shared memory
 * @h: the handle
 * @index: whose slice. VM 0 may ask for any; another VM for its own and for the one
 *	that its device was given as peer slice (``mapidx``).
 * @ptr: receives its first byte; page aligned, valid until hgshm_close()
 * @bytes: receives its length
 *
 * The first call for a region maps it; later ones return the same pointer.
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
 * hgshm_ring() - ring another VM's doorbell
 * @h: the handle
 * @index: whom
 *
 * Does not block, and does not wait for the other side.
 *
 * Return: 0, or
 *
 *   - -EINVAL: no such index, or this VM's own
 *   - -ENOTCONN: that VM is not there
 *   - -ENODEV: the device is gone
 */
int hgshm_ring(struct hgshm *h, uint32_t index);

/**
 * hgshm_ring_all() - ring every other VM that is there
 * @h: the handle
 *
 * Counts in &struct hgshm_stats.sent for those that were there just before.
 *
 * Return: 0, also if there is none; -ENODEV if the device is gone; -EINVAL for a
 * NULL handle.
 */
int hgshm_ring_all(struct hgshm *h);

/**
 * hgshm_wait() - wait until someone rings, comes or goes
 * @h: the handle
 * @timeout_ns: nanoseconds at most; 0 only looks, a negative value waits without end
 * @events: filled in; or NULL, then only the statistics know
 *
 * Polls for the spin budget, then sleeps. Events that arrived since the last call,
 * or since hgshm_open(), end the wait at once. A wake-up may come without a cause
 * that matters to the caller: look at the shared memory, not at the count.
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
 * hgshm_fd() - a descriptor for poll() and its kin
 * @h: the handle
 *
 * Readable when hgshm_wait() would return at once. For polling only: do not read or
 * close it.
 *
 * Return: the descriptor, or -EINVAL for a NULL handle.
 */
int hgshm_fd(struct hgshm *h);

/**
 * hgshm_get_stats() - doorbells both ways
 * @h: the handle
 * @stats: filled in
 *
 * Return: 0, or -EINVAL for a NULL argument.
 */
int hgshm_get_stats(struct hgshm *h, struct hgshm_stats *stats);

/**
 * hgshm_strerror() - an error in words
 * @error: what a call returned, negative
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
 * Return: a constant string.
 */
const char *hgshm_version(void);

#ifdef __cplusplus
}
#endif

#endif /* HGSHM_HGSHM_H */
