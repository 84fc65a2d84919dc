/* SPDX-License-Identifier: MIT */
/*
 * What the bare-metal guests and the test tell each other: all but @set_up at the
 * start of the memory that both guests see, @set_up at the start of each's own.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>

struct control {
	uint32_t rounds;	/* test: how often VM 0 rings in a batch; VM 1 answers each */
	uint32_t go;		/* test: number of the batch, from 1 on */
	uint32_t ready[2];	/* guest: set up */
	uint32_t interrupts[2];	/* guest: doorbells that came, in all batches */
	uint32_t set_up;	/* guest: has set ready, or has tried to */
};

#endif /* CONTROL_H */
