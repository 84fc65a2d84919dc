/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of the header that qemu/fetch-headers writes: a QEMU that is not here. */
#define HGSHM_QEMU_VERSION OTHER_QEMU_VERSION
#define HGSHM_QEMU_PACKAGE OTHER_QEMU_PACKAGE
