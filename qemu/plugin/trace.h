/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU's build makes for each folder with trace-events, made here by ours. */
#include "trace-hgshm.h"
