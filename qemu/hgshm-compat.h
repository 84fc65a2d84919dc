/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: what differs between the QEMUs that the device builds against
 *
 * QEMU 7.2 to 10.2. No other file looks at a version.
 */
#ifndef HW_MISC_HGSHM_COMPAT_H
#define HW_MISC_HGSHM_COMPAT_H

#if __has_include("hw/pci/pci_device.h")
#include "hw/pci/pci_device.h"
#else
#include "hw/pci/pci.h"
#endif
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"

#if __has_include("system/kvm.h")
#include "system/hostmem.h"
#include "system/kvm.h"
#include "system/system.h"
#else
#include "sysemu/hostmem.h"
#include "sysemu/kvm.h"
#include "sysemu/sysemu.h"
#endif

#if __has_include("qobject/qbool.h")
#include "qobject/qbool.h"
#include "qobject/qnum.h"
#include "qobject/qstring.h"
#else
#include "qapi/qmp/qbool.h"
#include "qapi/qmp/qnum.h"
#include "qapi/qmp/qstring.h"
#endif

#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/blocker.h"

#define HGSHM_QEMU(major, minor) \
    (QEMU_VERSION_MAJOR > (major) || \
     (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

/* 10.2 calls the front end of a chardev by its name. */
#if HGSHM_QEMU(10, 2)
#define CharBackend CharFrontend
#endif

/* 10.1 makes class data and interface lists constant. */
#if HGSHM_QEMU(10, 1)
#define HGSHM_CLASS_CONST const
#else
#define HGSHM_CLASS_CONST
#endif

/* 10.0 makes property lists constant and counts them itself. */
#if HGSHM_QEMU(10, 0)
#define HGSHM_PROPERTY_CONST const
#define HGSHM_PROPERTIES_END
#else
#define HGSHM_PROPERTY_CONST
#define HGSHM_PROPERTIES_END DEFINE_PROP_END_OF_LIST(),
#endif

/* 8.2 has the migration code own the reason. */
static inline int hgshm_add_migration_blocker(Error **reason, Error **errp)
{
#if HGSHM_QEMU(8, 2)
    return migrate_add_blocker(reason, errp);
#else
    return migrate_add_blocker(*reason, errp);
#endif
}

static inline void hgshm_del_migration_blocker(Error **reason)
{
#if HGSHM_QEMU(8, 2)
    migrate_del_blocker(reason);
#else
    migrate_del_blocker(*reason);
    error_free(*reason);
#endif
}

/* KVM without ioeventfds of any length is older than what 10.0 runs on. */
static inline bool hgshm_kvm_rings(void)
{
#if HGSHM_QEMU(10, 0)
    return kvm_enabled();
#else
    return kvm_enabled() && kvm_ioeventfd_any_length_enabled();
#endif
}

static inline void hgshm_set_reset(DeviceClass *dc, void (*reset)(DeviceState *))
{
#if HGSHM_QEMU(10, 0)
    device_class_set_legacy_reset(dc, reset);
#else
    dc->reset = reset;
#endif
}

#endif
