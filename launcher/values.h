/* SPDX-License-Identifier: MIT */
/**
 * DOC: option values that may differ from VM to VM
 *
 * An option such as ``--memory`` may be given several times: ``1g`` is meant for
 * every VM, ``2:1g`` for VM 2 alone. The value for a VM is the last one that
 * names it, or else the last one meant for every VM.
 */
#ifndef HGSHM_LAUNCH_VALUES_H
#define HGSHM_LAUNCH_VALUES_H

#include <stddef.h>

#define VALUES_EVERY_VM	(-1)

struct value {
	int index;
	const char *text;
};

struct values {
	struct value *items;
	size_t count;
};

/**
 * values_add() - take one occurrence of an option
 * @v: zeroed at first
 * @text: ``VALUE`` or ``INDEX:VALUE``; kept, not copied
 *
 * Return: 0, or -ENOMEM.
 */
int values_add(struct values *v, const char *text);

/**
 * values_get() - the value for one VM
 *
 * Return: the text without its index, or @otherwise if none was given.
 */
const char *values_get(const struct values *v, unsigned int index,
		       const char *otherwise);

/**
 * values_highest_index() - the highest VM that any value names
 *
 * Return: the index, or -1 if every value is meant for every VM.
 */
int values_highest_index(const struct values *v);

void values_free(struct values *v);

#endif
