/* SPDX-License-Identifier: MIT */
/* What the bare-metal guests and the test tell each other, at the start of slice 0. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>

struct control {
	uint32_t rounds;	/* doorbells each side is to ring; set before the guests start */
	uint32_t go;		/* test: begin */
	uint32_t ready[2];	/* guest: set up */
	uint32_t interrupts[2];	/* guest: doorbells that came */
};

#endif /* CONTROL_H */
