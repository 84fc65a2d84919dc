/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: the PCI device
 *
 * docs/specs/hgshm.md is its specification, include/hgshm/regs.h its registers.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/uuid.h"

#include "hgshm-join.h"
#include "trace.h"

static bool has_peer_slice(const HgshmState *s)
{
    return s->guestmmap && s->mapidx != HGSHM_INDEX_NONE;
}

static uint32_t features(const HgshmState *s)
{
    return HGSHM_FEATURE_SHMID |
           (s->guestmmap ? HGSHM_FEATURE_GUEST_MMAP : 0) |
           (has_peer_slice(s) ? HGSHM_FEATURE_PEER_SLICE : 0) |
           (has_peer_slice(s) && s->mapidx_ro ? HGSHM_FEATURE_PEER_READONLY : 0);
}

/* The name is text, which has no byte order: its first byte is the lowest. */
static uint32_t shmid_word(const HgshmState *s, hwaddr offset)
{
    char padded[HGSHM_SHMID_BYTES] = "";

    pstrcpy(padded, sizeof(padded), s->shmid);
    return ldl_le_p(padded + offset);
}

/* The core splits a 64-bit access in two, under the same lock. */
static uint64_t regs_read(void *opaque, hwaddr offset, unsigned size)
{
    HgshmState *s = opaque;

    switch (offset) {
    case HGSHM_REG_MAGIC:
        return HGSHM_MAGIC;
    case HGSHM_REG_VERSION:
        return HGSHM_VERSION;
    case HGSHM_REG_FEATURES:
        return features(s);
    case HGSHM_REG_INDEX:
        return s->index;
    case HGSHM_REG_CLIENTS:
        return s->clients;
    case HGSHM_REG_MAPIDX:
        return has_peer_slice(s) ? s->mapidx : HGSHM_INDEX_NONE;
    case HGSHM_REG_SIZE:
        return (uint32_t)s->size_bytes;
    case HGSHM_REG_SIZE + 4:
        return s->size_bytes >> 32;
    case HGSHM_REG_SLICE_SIZE:
        return (uint32_t)s->slice_bytes;
    case HGSHM_REG_SLICE_SIZE + 4:
        return s->slice_bytes >> 32;
    case HGSHM_REG_PEERS:
        return (uint32_t)s->peers;
    case HGSHM_REG_PEERS + 4:
        return s->peers >> 32;
    case HGSHM_REG_EPOCH:
        return s->epoch;
    case HGSHM_REG_IRQ_ENABLE:
        return s->irq_enable;
    case HGSHM_REG_STATUS:
        return s->status;
    case HGSHM_REG_SHMID ... HGSHM_REG_END - 1:
        return shmid_word(s, offset - HGSHM_REG_SHMID);
    default:
        return 0;
    }
}

static void regs_write(void *opaque, hwaddr offset, uint64_t value,
                       unsigned size)
{
    HgshmState *s = opaque;

    if (offset >= HGSHM_DOORBELL_PAGE) {
        hgshm_peer_ring(s, (offset - HGSHM_DOORBELL_PAGE) /
                           HGSHM_DOORBELL_BYTES);
    } else if (offset == HGSHM_REG_IRQ_ENABLE) {
        s->irq_enable = value & HGSHM_IRQ_ENABLE_ON;
        trace_hgshm_irq_enable(s->index, s->irq_enable);
        hgshm_vectors_update(s);
    }
}

static bool regs_accepts(void *opaque, hwaddr offset, unsigned size,
                         bool is_write, MemTxAttrs attrs)
{
    switch (offset) {
    case HGSHM_REG_SIZE:
    case HGSHM_REG_SLICE_SIZE:
    case HGSHM_REG_PEERS:
        return size == 4 || size == 8;
    default:
        return size == 4;
    }
}

static const MemoryRegionOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .accepts = regs_accepts,
    },
    .impl = {
        .min_access_size = 4,
        .max_access_size = 4,
    },
};

static void choose_shmid(HgshmState *s)
{
    QemuUUID uuid = qemu_uuid;
    g_autofree char *text = NULL;

    if (!qemu_uuid_set) {
        qemu_uuid_generate(&uuid);
    }
    text = qemu_uuid_unparse_strdup(&uuid);
    s->shmid = g_strdup_printf("hgshm-%s", text);
    info_report("hgshm: shmid=%s", s->shmid);
}

static bool join_group(HgshmState *s, Error **errp)
{
    if (!hgshm_is_mapper(s)) {
        return hgshm_client_meet(s, errp);
    }
    if (!hgshm_socket_check(s, true, errp)) {
        return false;
    }
    if (!s->shmid) {
        choose_shmid(s);
    }
    return hgshm_memory_create(s, errp);
}

static bool peers_vector_init(HgshmState *s, Error **errp)
{
    EventNotifier changed;

    if (event_notifier_init(&changed, 0) < 0) {
        error_setg_errno(errp, errno, "hgshm: no eventfd for peer changes");
        return false;
    }
    hgshm_vector_set_source(s, HGSHM_VECTOR_PEERS,
                            event_notifier_get_fd(&changed), false);
    return true;
}

static void hgshm_exit(PCIDevice *pci)
{
    HgshmState *s = HGSHM(pci);

    hgshm_migration_unblock(s);
    hgshm_rejoin_stop(s);
    hgshm_mapper_stop(s);
    hgshm_peers_cleanup(s);
    hgshm_vectors_cleanup(s);
    hgshm_memory_cleanup(s);
}

static void hgshm_realize(PCIDevice *pci, Error **errp)
{
    HgshmState *s = HGSHM(pci);

    if (!hgshm_props_check(s, errp)) {
        return;
    }
    hgshm_peers_init(s);
    memory_region_init_io(&s->regs, OBJECT(s), &regs_ops, s, "hgshm.regs",
                          HGSHM_BAR_REGS_BYTES);
    pci_register_bar(pci, HGSHM_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->regs);
    if (!peers_vector_init(s, errp) || !join_group(s, errp) ||
        !hgshm_vectors_init(s, errp) || !hgshm_migration_block(s, errp) ||
        (hgshm_is_mapper(s) && !hgshm_mapper_start(s, errp))) {
        hgshm_exit(pci);
        return;
    }
    hgshm_memory_commit(s);
    trace_hgshm_realize(s->index, s->clients, s->size_bytes, s->slice_bytes);
}

/*
 * The MSI-X core tells its notifiers of masks, but not when MSI-X is turned off,
 * nor when it is turned on again after a reset that found it on.
 */
static void hgshm_config_write(PCIDevice *pci, uint32_t offset, uint32_t value,
                               int bytes)
{
    pci_default_write_config(pci, offset, value, bytes);
    hgshm_vectors_update(HGSHM(pci));
}

static void hgshm_reset(DeviceState *dev)
{
    HgshmState *s = HGSHM(dev);

    trace_hgshm_reset(s->index);
    s->irq_enable = 0;
    hgshm_vectors_reset(s);
}

static void hgshm_instance_init(Object *obj)
{
    HgshmState *s = HGSHM(obj);

    s->memory_fd = -1;
    memset(s->slice_fd, -1, sizeof(s->slice_fd));
    QTAILQ_INIT(&s->meetings);
    hgshm_props_set_defaults(s);
}

static void hgshm_instance_finalize(Object *obj)
{
    hgshm_memory_finalize(HGSHM(obj));
}

static HGSHM_PROPERTY_CONST Property hgshm_properties[] = {
    DEFINE_PROP_CHR("chardev", HgshmState, chr),
    DEFINE_PROP_STRING("shmid", HgshmState, shmid),
    DEFINE_PROP_LINK("memdev", HgshmState, memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    HGSHM_PROPERTIES_END
};

static void hgshm_class_init(ObjectClass *klass,
                             HGSHM_CLASS_CONST void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = hgshm_realize;
    pc->exit = hgshm_exit;
    pc->config_write = hgshm_config_write;
    pc->vendor_id = HGSHM_PCI_VENDOR_ID;
    pc->device_id = HGSHM_PCI_DEVICE_ID;
    pc->revision = HGSHM_PCI_REVISION;
    pc->class_id = HGSHM_PCI_CLASS;
    hgshm_set_reset(dc, hgshm_reset);
    dc->desc = "Host-guest shared memory with doorbells";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, hgshm_properties);
    object_class_property_set_description(klass, "chardev",
        "unix socket where the VMs meet; a server for index 0 (required)");
    object_class_property_set_description(klass, "shmid",
        "name of the memory; index 0 makes one up, the others must give it");
    object_class_property_set_description(klass, "memdev",
        "id of a shared -object memory-backend-... to use as the memory, for "
        "huge pages or NUMA (index 0 only)");
    hgshm_props_add(klass);
    hgshm_qom_add(klass);
}

static const TypeInfo hgshm_info = {
    .name = TYPE_HGSHM,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(HgshmState),
    .instance_init = hgshm_instance_init,
    .instance_finalize = hgshm_instance_finalize,
    .class_init = hgshm_class_init,
    .interfaces = (HGSHM_CLASS_CONST InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { },
    },
};

static void hgshm_register_types(void)
{
    type_register_static(&hgshm_info);
}

type_init(hgshm_register_types)
