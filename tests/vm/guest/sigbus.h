/* SPDX-License-Identifier: MIT */
/* Loads and stores that may raise SIGBUS. */
#ifndef SIGBUS_H
#define SIGBUS_H

#include <stdbool.h>
#include <stdint.h>

/* For the whole program, and its children. */
void sigbus_catch(void);

/* A load from @at, or a store, raises SIGBUS. After sigbus_catch(). */
bool load_gives_sigbus(volatile uint8_t *at);
bool store_gives_sigbus(volatile uint32_t *at);

#endif /* SIGBUS_H */
