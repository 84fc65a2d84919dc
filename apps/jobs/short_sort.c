/* SPDX-License-Identifier: MIT */
/*
 * Canonical order of short words. Quicksort written out, since a call for each comparison
 * takes most of qsort's time; heapsort where the pivots turn out bad, so that no input
 * makes it quadratic.
 */
#include <endian.h>

#include "word_table.h"

#define INSERTION_SLOTS 24

/* Keys are big-endian numbers here: padding then sorts a word before those it begins. */
static inline bool before(const struct slot *a, const struct slot *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	if (a->key[0] != b->key[0])
		return a->key[0] < b->key[0];
	return a->key[1] < b->key[1];
}

static inline void swap(struct slot *a, struct slot *b)
{
	struct slot kept = *a;

	*a = *b;
	*b = kept;
}

static void insertion_sort(struct slot *slots, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct slot slot = slots[i];
		size_t at = i;

		for (; at && before(&slot, slots + at - 1); at--)
			slots[at] = slots[at - 1];
		slots[at] = slot;
	}
}

static void sift_down(struct slot *slots, size_t at, size_t count)
{
	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= count)
			return;
		if (child + 1 < count && before(slots + child, slots + child + 1))
			child++;
		if (!before(slots + at, slots + child))
			return;
		swap(slots + at, slots + child);
		at = child;
	}
}

static void heap_sort(struct slot *slots, size_t count)
{
	for (size_t i = count / 2; i; i--)
		sift_down(slots, i - 1, count);
	for (size_t i = count; i > 1; i--) {
		swap(slots, slots + i - 1);
		sift_down(slots, 0, i - 1);
	}
}

/* Puts the median of three at the front. */
static void choose_pivot(struct slot *slots, size_t count)
{
	struct slot *a = slots, *b = slots + count / 2, *c = slots + count - 1;

	if (before(b, a))
		swap(a, b);
	if (before(c, b)) {
		swap(b, c);
		if (before(b, a))
			swap(a, b);
	}
	swap(a, b);
}

/* The pivot's place: nothing before it sorts after it, nothing after it before it. */
static size_t partition(struct slot *slots, size_t count)
{
	const struct slot pivot = slots[0];
	size_t left = 0, right = count;

	for (;;) {
		do {
			left++;
		} while (left < count && before(slots + left, &pivot));
		do {
			right--;
		} while (before(&pivot, slots + right));
		if (left >= right)
			break;
		swap(slots + left, slots + right);
	}
	swap(slots, slots + right);
	return right;
}

static void sort(struct slot *slots, size_t count, unsigned int depth)
{
	while (count > INSERTION_SLOTS) {
		size_t middle;

		if (!depth--) {
			heap_sort(slots, count);
			return;
		}
		choose_pivot(slots, count);
		middle = partition(slots, count);
		/* the smaller part by recursion, so that the stack stays small */
		if (middle < count - middle - 1) {
			sort(slots, middle, depth);
			slots += middle + 1;
			count -= middle + 1;
		} else {
			sort(slots + middle + 1, count - middle - 1, depth);
			count = middle;
		}
	}
	insertion_sort(slots, count);
}

static void swap_bytes(struct slot_table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		uint64_t *key = table->slots[i].key;

		key[0] = be64toh(key[0]);
		key[1] = be64toh(key[1]);
	}
}

void short_table_sort_within(struct slot_table *table, unsigned int depth)
{
	slot_table_compact(table);
	swap_bytes(table);
	sort(table->slots, table->used, depth);
	swap_bytes(table);
}

void short_table_sort(struct slot_table *table)
{
	unsigned int depth = 2;

	for (size_t left = table->used; left; left >>= 1)
		depth += 2;
	short_table_sort_within(table, depth);
}
