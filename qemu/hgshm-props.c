/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm properties
 *
 * QEMU's own integer properties report a bad value in terms of C types, over
 * several lines; these name the property, the value and the mend in one.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "qapi/visitor-impl.h"
#include "qapi/visitor.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/units.h"

#include "hgshm.h"

#define SIZE_DEFAULT_BYTES  (64 * MiB)
#define SIZE_MAX_BYTES      (1ULL << 46)

typedef struct NumberProp {
    const char *name;
    size_t offset;
    bool flag;
    const char *description;
    const char *wanted;
} NumberProp;

static const NumberProp number_props[] = {
    {
        .name = "index",
        .offset = offsetof(HgshmState, index),
        .description = "index of this VM; 0 creates the memory (required)",
        .wanted = "a number from 0 to 63",
    }, {
        .name = "clients",
        .offset = offsetof(HgshmState, clients),
        .description = "VMs that share the memory, 1 to 64, the mapper among "
                       "them (index 0 only; default 2)",
        .wanted = "a number from 1 to 64",
    }, {
        .name = "mapidx",
        .offset = offsetof(HgshmState, mapidx),
        .description = "index of the VM whose slice goes to BAR 3, usually 0 "
                       "(other VMs than index 0; default: no BAR 3)",
        .wanted = "a number below the mapper's clients",
    }, {
        .name = "guestmmap",
        .offset = offsetof(HgshmState, guestmmap),
        .flag = true,
        .description = "1: the guest gets the memory (default); 0: no memory "
                       "BARs, doorbells only",
        .wanted = "0 or 1",
    }, {
        .name = "unlink",
        .offset = offsetof(HgshmState, unlink),
        .flag = true,
        .description = "1: fresh memory at the start, deleted at the end "
                       "(default); 0: take up an existing one of the same "
                       "size and leave it (index 0 only)",
        .wanted = "0 or 1",
    }, {
        .name = "mesh",
        .offset = offsetof(HgshmState, mesh),
        .flag = true,
        .description = "on: each VM can ring each other (default); off: only "
                       "index 0 can ring, and be rung by, the others (index 0 "
                       "only)",
        .wanted = "on or off",
    }, {
        .name = "mapidx-ro",
        .offset = offsetof(HgshmState, mapidx_ro),
        .flag = true,
        .description = "on: BAR 3 is read-only (default off)",
        .wanted = "on or off",
    }, {
        .name = "mapidx-any",
        .offset = offsetof(HgshmState, mapidx_any),
        .flag = true,
        .description = "on: others may map any slice by mapidx (default with "
                       "backing=shm); off: only slice 0 (default with "
                       "backing=memfd; index 0 only)",
        .wanted = "on or off",
    },
};

/*
 * The value as the user wrote it. A visitor lets a value be looked at once, and
 * what it holds depends on where it came from: text on a command line, a number
 * or a truth value in JSON.
 */
static char *value_text(Visitor *v, const char *name, Error **errp)
{
    QObject *value = NULL;
    char *text = NULL;

    if (!v->type_any) {
        return visit_type_str(v, name, &text, errp) ? text : NULL;
    }
    if (!visit_type_any(v, name, &value, errp)) {
        return NULL;
    }
    switch (qobject_type(value)) {
    case QTYPE_QSTRING:
        text = g_strdup(qstring_get_str(qobject_to(QString, value)));
        break;
    case QTYPE_QNUM:
        text = qnum_to_string(qobject_to(QNum, value));
        break;
    case QTYPE_QBOOL:
        text = g_strdup(qbool_get_bool(qobject_to(QBool, value)) ? "1" : "0");
        break;
    default:
        error_setg(errp, "hgshm: %s must be a number", name);
    }
    qobject_unref(value);
    return text;
}

static bool parse_number(const char *text, bool flag, uint32_t *number)
{
    uint64_t value;
    bool on;

    if (flag && qapi_bool_parse("", text, &on, NULL)) {
        *number = on;
        return true;
    }
    if (!g_ascii_isdigit(text[0]) || qemu_strtou64(text, NULL, 0, &value) < 0 ||
        value >= (flag ? 2 : HGSHM_INDEX_NONE)) {
        return false;
    }
    *number = value;
    return true;
}

static bool still_settable(Object *obj, const char *name, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "hgshm: %s can't change while the device is in use",
                   name);
        return false;
    }
    return true;
}

static uint32_t *number_field(Object *obj, const NumberProp *prop)
{
    return (uint32_t *)((char *)HGSHM(obj) + prop->offset);
}

static void number_get(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    visit_type_uint32(v, name, number_field(obj, opaque), errp);
}

static void number_set(Object *obj, Visitor *v, const char *name, void *opaque,
                       Error **errp)
{
    const NumberProp *prop = opaque;
    g_autofree char *text = NULL;

    if (!still_settable(obj, name, errp)) {
        return;
    }
    text = value_text(v, name, errp);
    if (text && !parse_number(text, prop->flag, number_field(obj, prop))) {
        error_setg(errp, "hgshm: %s=%s is not valid; give %s", name, text,
                   prop->wanted);
    }
}

static void size_get(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    visit_type_size(v, name, &HGSHM(obj)->size_bytes, errp);
}

static void size_set(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    g_autofree char *text = NULL;
    uint64_t value;

    if (!still_settable(obj, name, errp)) {
        return;
    }
    text = value_text(v, name, errp);
    if (!text) {
        return;
    }
    if (qemu_strtosz(text, NULL, &value) < 0 || value > SIZE_MAX_BYTES) {
        error_setg(errp, "hgshm: size=%s is not a size that can be shared; "
                   "give bytes, with k, m, g or t if you like, as in size=512m",
                   text);
        return;
    }
    HGSHM(obj)->size_bytes = value;
}

static const char *const backing_names[] = {
    [HGSHM_BACKING_SHM] = "shm",
    [HGSHM_BACKING_MEMFD] = "memfd",
};

static char *backing_get(Object *obj, Error **errp)
{
    return g_strdup(backing_names[HGSHM(obj)->backing]);
}

static void backing_set(Object *obj, const char *value, Error **errp)
{
    if (!still_settable(obj, "backing", errp)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(backing_names); i++) {
        if (!strcmp(value, backing_names[i])) {
            HGSHM(obj)->backing = i;
            return;
        }
    }
    error_setg(errp, "hgshm: backing=%s is not valid; give shm or memfd",
               value);
}

void hgshm_props_add(ObjectClass *klass)
{
    for (size_t i = 0; i < ARRAY_SIZE(number_props); i++) {
        const NumberProp *prop = &number_props[i];

        object_class_property_add(klass, prop->name,
                                  prop->flag ? "flag" : "uint32", number_get,
                                  number_set, NULL, (void *)prop);
        object_class_property_set_description(klass, prop->name,
                                              prop->description);
    }
    object_class_property_add_str(klass, "backing", backing_get, backing_set);
    object_class_property_set_description(klass, "backing",
        "shm: one named object in /dev/shm (default); memfd: one sealed memfd "
        "a slice, handed only to the VMs that may see it (index 0 only)");
    object_class_property_add(klass, "size", "size", size_get, size_set, NULL,
                              NULL);
    object_class_property_set_description(klass, "size",
        "bytes of shared memory, suffixes k m g t (index 0 only; default 64m)");
}

/* What the user did not set must differ from all that can be set. */
#define SIZE_UNSET          UINT64_MAX
#define NUMBER_UNSET        HGSHM_INDEX_NONE

void hgshm_props_set_defaults(HgshmState *s)
{
    s->index = NUMBER_UNSET;
    s->clients = NUMBER_UNSET;
    s->mapidx = NUMBER_UNSET;
    s->size_bytes = SIZE_UNSET;
    s->guestmmap = 1;
    s->unlink = 1;
    s->mesh = 1;
    s->mapidx_any = NUMBER_UNSET;
}

static bool check_shmid(HgshmState *s, Error **errp)
{
    const char *p;

    for (p = s->shmid; *p; p++) {
        if (!g_ascii_isgraph(*p) || *p == '/') {
            break;
        }
    }
    if (p == s->shmid || *p || p - s->shmid >= HGSHM_SHMID_BYTES ||
        s->shmid[0] == '.') {
        error_setg(errp, "hgshm: shmid='%s' can't name a memory object; give "
                   "1 to %d printable characters without '/' or a dot at the "
                   "start", s->shmid, HGSHM_SHMID_BYTES - 1);
        return false;
    }
    return true;
}

/* A slice starts and ends at a page of what it lies in. */
static uint64_t slice_align(HgshmState *s)
{
    return MAX(s->memdev ? host_memory_backend_pagesize(s->memdev) : 0,
               HGSHM_SLICE_ALIGN_BYTES);
}

/* The backend has a size of its own, and is a backing of its own. */
static bool check_memdev(HgshmState *s, Error **errp)
{
    uint64_t bytes =
        memory_region_size(host_memory_backend_get_memory(s->memdev));

    if (s->backing != HGSHM_BACKING_SHM) {
        error_setg(errp, "hgshm: backing=memfd and memdev exclude each other; "
                   "leave one out");
        return false;
    }
    if (s->size_bytes != SIZE_UNSET && s->size_bytes != bytes) {
        error_setg(errp, "hgshm: size=%" PRIu64 ", but memdev has %" PRIu64
                   " bytes; leave size out", s->size_bytes, bytes);
        return false;
    }
    s->size_bytes = bytes;
    return true;
}

static bool check_mapper(HgshmState *s, Error **errp)
{
    if (s->clients == NUMBER_UNSET) {
        s->clients = 2;
    }
    if (s->clients < HGSHM_CLIENTS_MIN || s->clients > HGSHM_CLIENTS_MAX) {
        error_setg(errp, "hgshm: clients=%u is out of range; give %d to %d",
                   s->clients, HGSHM_CLIENTS_MIN, HGSHM_CLIENTS_MAX);
        return false;
    }
    if (s->memdev && !check_memdev(s, errp)) {
        return false;
    }
    if (s->size_bytes == SIZE_UNSET) {
        s->size_bytes = SIZE_DEFAULT_BYTES;
    }
    if (s->size_bytes < (uint64_t)s->clients * HGSHM_SLICE_ALIGN_BYTES) {
        error_setg(errp, "hgshm: size=%" PRIu64 " is too small for clients=%u;"
                   " give at least %" PRIu64 ", a page of %d bytes for each",
                   s->size_bytes, s->clients,
                   (uint64_t)s->clients * HGSHM_SLICE_ALIGN_BYTES,
                   HGSHM_SLICE_ALIGN_BYTES);
        return false;
    }
    s->size_bytes = ROUND_UP(s->size_bytes, HGSHM_SLICE_ALIGN_BYTES);
    s->slice_bytes = ROUND_DOWN(s->size_bytes / s->clients, slice_align(s));
    if (s->slice_bytes == 0) {
        error_setg(errp, "hgshm: memdev's pages of %" PRIu64 " bytes are too "
                   "large for clients=%u slices of size=%" PRIu64 "; give more "
                   "memory", slice_align(s), s->clients, s->size_bytes);
        return false;
    }
    if (s->backing == HGSHM_BACKING_MEMFD) {
        s->size_bytes = s->slice_bytes * s->clients;
    }
    if (s->mapidx_any == NUMBER_UNSET) {
        s->mapidx_any = s->backing != HGSHM_BACKING_MEMFD;
    }
    s->mapidx = HGSHM_INDEX_NONE;
    return true;
}

static bool check_client(HgshmState *s, Error **errp)
{
    if (!s->shmid) {
        error_setg(errp, "hgshm: shmid is missing for index=%u; give the "
                   "mapper's (it prints its own if it made one)", s->index);
        return false;
    }
    if (s->mapidx != NUMBER_UNSET && s->mapidx >= HGSHM_CLIENTS_MAX) {
        error_setg(errp, "hgshm: mapidx=%u is out of range; give a number "
                   "below the mapper's clients", s->mapidx);
        return false;
    }
    if (s->mapidx == s->index) {
        s->mapidx = HGSHM_INDEX_NONE;
    }
    if (s->size_bytes != SIZE_UNSET) {
        warn_report("hgshm: size is ignored for index=%u; the mapper's holds",
                    s->index);
    }
    return true;
}

bool hgshm_props_check(HgshmState *s, Error **errp)
{
    if (s->index == NUMBER_UNSET) {
        error_setg(errp, "hgshm: index is missing; give index=0 for the VM "
                   "that creates the memory, 1 to clients-1 for another");
        return false;
    }
    if (s->index >= HGSHM_CLIENTS_MAX) {
        error_setg(errp, "hgshm: index=%u is out of range; give 0 to %d",
                   s->index, HGSHM_CLIENTS_MAX - 1);
        return false;
    }
    if (s->shmid && !check_shmid(s, errp)) {
        return false;
    }
    if (!qemu_chr_fe_backend_connected(&s->chr)) {
        error_setg(errp, "hgshm: chardev is missing; give the id of a "
                   "-chardev socket");
        return false;
    }
    return hgshm_is_mapper(s) ? check_mapper(s, errp) : check_client(s, errp);
}
