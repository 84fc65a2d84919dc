/* SPDX-License-Identifier: MIT */
/*
 * Hibernation without power-off: the image of the running system goes to a disk, comes
 * back from it, and takes the system's place. What the system did in between is then
 * undone, but for what others saw of it.
 */
#ifndef HIBERNATE_H
#define HIBERNATE_H

/* @in_between runs after the image was taken, and before it comes back from @disk. */
void hibernate(const char *disk, void (*in_between)(void *argument), void *argument);

#endif /* HIBERNATE_H */
