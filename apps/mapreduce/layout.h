/* SPDX-License-Identifier: MIT */
/* Where the mapper puts buffers and arenas in a worker's slice. */
#ifndef MAPREDUCE_LAYOUT_H
#define MAPREDUCE_LAYOUT_H

#include <hgshm/mapreduce.h>

#include "crew.h"
#include "input.h"

static inline size_t layout_buffer_offset(size_t chunk_bytes, unsigned int buffer)
{
	return HGSHM_MR_DATA_OFFSET + buffer * input_buffer_bytes(chunk_bytes);
}

static inline size_t layout_arena_offset(size_t chunk_bytes, unsigned int arena)
{
	return layout_buffer_offset(chunk_bytes, HGSHM_MR_INPUT_BUFFERS) +
	       arena * crew_arena_bytes(chunk_bytes);
}

/* What a slice must have. */
static inline size_t layout_slice_bytes(size_t chunk_bytes)
{
	return layout_arena_offset(chunk_bytes, HGSHM_MR_RESULT_ARENAS);
}

/* The largest --chunk-bytes for a slice; 0 if there is none. */
static inline size_t layout_chunk_bytes_max(size_t slice_bytes)
{
	size_t fixed_bytes = layout_slice_bytes(0);
	size_t per_byte = (layout_slice_bytes(INPUT_ALIGN_BYTES) - fixed_bytes) / INPUT_ALIGN_BYTES;

	if (slice_bytes < fixed_bytes)
		return 0;
	return (slice_bytes - fixed_bytes) / per_byte & ~(size_t)(INPUT_ALIGN_BYTES - 1);
}

#endif /* MAPREDUCE_LAYOUT_H */
