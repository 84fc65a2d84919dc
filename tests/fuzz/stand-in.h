/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * DOC: what stands in for QEMU around the device's meeting
 *
 * The device's own files of the meeting (qemu/hgshm-{mapper,client,join,rejoin,
 * peers,vectors,memfd}.c) are compiled as they are, with QEMU's headers, and
 * linked with these few functions of QEMU in place of QEMU: a main loop that
 * runs when it is told to, with a clock that is set by hand; errors and reports
 * that are looked at; a chardev that has the connections that the target gives
 * it; and a guest that can be stopped from hearing its interrupts.
 */
#ifndef FUZZ_STAND_IN_H
#define FUZZ_STAND_IN_H

#include "hgshm-memory.h"
#include "fuzz.h"

#define FUZZ_SLICE_BYTES	4096u
#define FUZZ_SHMID		"fuzz"

/* stand-in-loop.c */

/** loop_begin() - no handlers, no timers, the clock at its start */
void loop_begin(void);

/** loop_run() - handle all that is ready, until nothing is */
void loop_run(void);

/** loop_advance() - let time pass: timers in their order, then loop_run() */
void loop_advance(int64_t ns);

/** loop_end() - nothing may be left of a device that has gone */
void loop_end(void);

/**
 * loop_set_waiter() - what happens while the device waits by g_poll()
 * @wait: called instead of waiting; the clock is its to advance
 */
void loop_set_waiter(void (*wait)(int64_t longest_ns));

/* stand-in-words.c */

/** words_begin() - nothing has been said; @limited: at most a line a second */
void words_begin(bool limited);

/** words_check() - a text for the user must be one printable line */
void words_check(const char *text);

/** words_take_error() - look at an error's text, free it */
void words_take_error(Error *err);

/* stand-in-device.c */

/** device_new() - Return: a device with its properties set, not realized */
HgshmState *device_new(unsigned int index, unsigned int clients);

/** device_end() - as when it is unplugged; frees it */
void device_end(HgshmState *s);

/** device_set_interrupts() - what the guest does to its interrupts, by bits */
void device_set_interrupts(HgshmState *s, uint8_t bits);

/** device_connect() - Return: the far end of a new connection of the chardev, -1 if busy */
int device_connect(HgshmState *s);

/** device_hang_up() - the chardev saw the far end close */
void device_hang_up(HgshmState *s);

/** device_set_connector() - where the device's own connections come from */
void device_set_connector(int (*connect)(void));

#endif
