/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm: what qom-get tells of a running device
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"

#include "hgshm.h"

typedef struct Fact {
    const char *name;
    size_t offset;
    bool wide;
    const char *description;
} Fact;

#define FACT32(_name, _field, _text) \
    { _name, offsetof(HgshmState, _field), false, _text }
#define FACT64(_name, _field, _text) \
    { _name, offsetof(HgshmState, _field), true, _text }

static const Fact facts[] = {
    FACT64("peers", peers, "bit i: VM i is alive"),
    FACT32("epoch", epoch, "grows at each change of peers or status"),
    FACT32("status", status, "bit 0: the mapper came back with another memory"),
    FACT32("irq-enable", irq_enable, "what the guest set"),
    FACT64("slice-size", slice_bytes, "bytes of one slice"),
    FACT64("doorbells-out", doorbells_out,
           "rings that went through QEMU; under KVM they go past it"),
    FACT64("doorbells-in", doorbells_in,
           "interrupts that went through QEMU; under KVM they go past it"),
};

static void fact_get(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    const Fact *fact = opaque;
    char *field = (char *)HGSHM(obj) + fact->offset;

    if (fact->wide) {
        visit_type_uint64(v, name, (uint64_t *)field, errp);
    } else {
        visit_type_uint32(v, name, (uint32_t *)field, errp);
    }
}

void hgshm_qom_add(ObjectClass *klass)
{
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
        const Fact *fact = &facts[i];

        object_class_property_add(klass, fact->name,
                                  fact->wide ? "uint64" : "uint32", fact_get,
                                  NULL, NULL, (void *)fact);
        object_class_property_set_description(klass, fact->name,
                                              fact->description);
    }
}
