/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: why a VM with the device stays on its host
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include "hgshm.h"

bool hgshm_migration_block(HgshmState *s, Error **errp)
{
    DeviceState *dev = DEVICE(s);
    int ret;

    error_setg(&s->migration_blocker, "hgshm: device '%s' shares memory "
               "shmid=%s with VMs of this host, which can't move with it; "
               "unplug it (device_del), migrate, and plug it in again",
               dev->id ? dev->id : TYPE_HGSHM, s->shmid);
    ret = hgshm_add_migration_blocker(&s->migration_blocker, errp);
    if (ret < 0) {
        error_free(s->migration_blocker);
        s->migration_blocker = NULL;
    }
    return ret >= 0;
}

void hgshm_migration_unblock(HgshmState *s)
{
    if (s->migration_blocker) {
        hgshm_del_migration_blocker(&s->migration_blocker);
        s->migration_blocker = NULL;
    }
}
