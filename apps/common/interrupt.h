/* SPDX-License-Identifier: MIT */
#ifndef COMMON_INTERRUPT_H
#define COMMON_INTERRUPT_H

#include <stdatomic.h>

/* The signal that asked this program to stop, or 0. */
extern atomic_int interrupted;

/* From here on SIGINT, SIGTERM and SIGHUP set it; a second one ends the program at once. */
void interrupt_catch(void);

#endif /* COMMON_INTERRUPT_H */
