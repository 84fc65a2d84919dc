/* SPDX-License-Identifier: MIT */
/*
 * dma-bufs of the device, and a driver that imports them (tests/vm/importer). A
 * call that fails ends the program, where nothing else is said.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "importer.h"

/* Exports a part of @device; -1 and errno if that is refused. */
int dmabuf_try_export(int device, uint64_t offset, uint64_t bytes, uint32_t flags);
int dmabuf_export(int device, uint64_t offset, uint64_t bytes, uint32_t flags);

/* An importer that is attached to @dmabuf. */
int import_attach(int dmabuf);

/* Maps for @direction; -1 and errno if that is refused. */
int import_try_map(int importer, uint32_t direction, struct importer_map *map);
void import_map(int importer, uint32_t direction);

/* One byte, by the scatter list. */
uint8_t import_load(int importer, uint64_t offset);
void import_store(int importer, uint64_t offset, uint8_t value);

#endif /* IMPORT_H */
