/* SPDX-License-Identifier: MIT */
/* What the kernel has allocated, to be compared before and after. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#define LEDGER_CACHES_MAX	512
#define LEDGER_NAME_BYTES	40

struct ledger {
	size_t caches;
	struct ledger_cache {
		char name[LEDGER_NAME_BYTES];
		long objects;
		long slab_objects;
	} cache[LEDGER_CACHES_MAX];
	long free_kib;
};

/* After all that is only waiting to be freed was, and caches were emptied. */
void ledger_take(struct ledger *l);

/*
 * Checks that no slab cache grew by @objects_max or more, besides one slab, which the
 * kernel counts as full when it was just begun; and that memory as a whole shrank by
 * less than @kib_max. Prints what grew more. For one processor.
 */
void ledger_check_same(const struct ledger *before, const struct ledger *after,
		       long objects_max, long kib_max);

#endif /* LEDGER_H */
