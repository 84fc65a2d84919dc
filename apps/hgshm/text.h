/* SPDX-License-Identifier: MIT */
/* Facts in words and units for people. */
#ifndef HGSHM_TEXT_H
#define HGSHM_TEXT_H

#include <stdint.h>
#include <stdio.h>

struct text {
	char text[64];
};

/* In the largest unit that leaves no rest: "512 MiB", "0 B". */
struct text text_size(uint64_t bytes);

/* To three digits: "1.46 GiB". */
struct text text_about(double bytes);

/* The numbers of the bits that are set, "0 1 3", or "none". */
void text_bits(FILE *out, uint64_t bits);

/* Prints text; what a terminal would act upon, or is not UTF-8, as \xNN. */
void text_print(FILE *out, const char *text);

#endif /* HGSHM_TEXT_H */
