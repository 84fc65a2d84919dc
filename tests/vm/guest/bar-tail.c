// SPDX-License-Identifier: MIT
/*
 * What a guest's root finds in a BAR when it goes past the driver:
 *
 *   bar-tail RESOURCE_FILE TRUE_BYTES FIRST_WORD
 *
 * RESOURCE_FILE is resource1 or resource3 of the PCI device, which no driver may
 * be bound to. The first word must be FIRST_WORD (hexadecimal), which proves that
 * this way of looking does see the memory; and past TRUE_BYTES there must be
 * nothing of it: every word of the tail reads as unassigned.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* Each read of the tail leaves the guest, so look at one word in this many bytes. */
#define STRIDE_BYTES	4096

static bool is_unassigned(uint64_t word)
{
	return word == 0 || word == UINT64_MAX;
}

int main(int argc, char **argv)
{
	uint64_t true_bytes, first_word, seen = 0, words = 0;
	const volatile uint64_t *bar;
	struct stat st;
	int fd;

	if (argc != 4)
		check_abort("usage: bar-tail RESOURCE_FILE TRUE_BYTES FIRST_WORD");
	true_bytes = strtoull(argv[2], NULL, 0);
	first_word = strtoull(argv[3], NULL, 16);

	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		check_abort("%s: %s", argv[1], strerror(errno));
	bar = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED)
		check_abort("mmap of %s: %s", argv[1], strerror(errno));

	if (bar[0] != first_word)
		printf("the first word is %#" PRIx64 ", wanted %#" PRIx64 "\n",
		       bar[0], first_word);
	CHECK(bar[0] == first_word);
	CHECK((uint64_t)st.st_size > true_bytes);
	for (uint64_t at = true_bytes; at < (uint64_t)st.st_size; at += STRIDE_BYTES) {
		words++;
		if (!is_unassigned(bar[at / sizeof(*bar)]))
			seen++;
	}
	printf("%s: %" PRIu64 " words past the true size, %" PRIu64 " hold something\n",
	       argv[1], words, seen);
	CHECK_EQUAL(seen, 0);
	return check_status();
}
