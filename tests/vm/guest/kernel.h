/* SPDX-License-Identifier: MIT */
/* What the kernel that runs can do is a matter of its version. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>

bool kernel_is_at_least(int major, int minor);

#endif /* KERNEL_H */
