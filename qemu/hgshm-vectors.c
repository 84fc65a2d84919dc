/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm interrupt vectors
 *
 * Each vector has an eventfd as its source. The source raises the vector only
 * while the vector is armed: MSI-X lets it through and IRQ_ENABLE is on. Armed
 * means an irqfd where KVM takes one, else a handler in the main loop. While
 * it is not armed, rings stay in the eventfd and raise the vector when it is.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"

#include "hgshm.h"
#include "trace.h"

static void raise_vector(HgshmVector *v)
{
    trace_hgshm_doorbell_in(v->s->index, v->number);
    v->s->doorbells_in += v->number != HGSHM_VECTOR_PEERS;
    msix_notify(PCI_DEVICE(v->s), v->number);
}

static void vector_handler(EventNotifier *source)
{
    if (event_notifier_test_and_clear(source)) {
        raise_vector(container_of(source, HgshmVector, source));
    }
}

static bool arm_by_irqfd(HgshmVector *v)
{
    KVMRouteChange route;

    if (!kvm_msi_via_irqfd_enabled()) {
        return false;
    }
    route = kvm_irqchip_begin_route_changes(kvm_state);
    v->virq = kvm_irqchip_add_msi_route(&route, v->number, PCI_DEVICE(v->s));
    if (v->virq < 0) {
        v->virq = -1;
        return false;
    }
    kvm_irqchip_commit_route_changes(&route);
    if (kvm_irqchip_add_irqfd_notifier_gsi(kvm_state, &v->source, NULL,
                                           v->virq) < 0) {
        kvm_irqchip_release_virq(kvm_state, v->virq);
        v->virq = -1;
        return false;
    }
    return true;
}

static void arm(HgshmVector *v)
{
    if (!arm_by_irqfd(v)) {
        event_notifier_set_handler(&v->source, vector_handler);
    }
    v->armed = true;
    trace_hgshm_vector_arm(v->s->index, v->number, v->virq >= 0);
    if (v->previous_rung) {
        v->previous_rung = false;
        raise_vector(v);
    }
}

static void disarm(HgshmVector *v)
{
    if (v->virq >= 0) {
        kvm_irqchip_remove_irqfd_notifier_gsi(kvm_state, &v->source, v->virq);
        kvm_irqchip_release_virq(kvm_state, v->virq);
        v->virq = -1;
    } else {
        event_notifier_set_handler(&v->source, NULL);
    }
    v->armed = false;
    trace_hgshm_vector_disarm(v->s->index, v->number);
}

static void vector_update(HgshmVector *v)
{
    bool wanted = v->has_source && v->unmasked &&
                  msix_enabled(PCI_DEVICE(v->s)) &&
                  (v->s->irq_enable & HGSHM_IRQ_ENABLE_ON);

    if (wanted && !v->armed) {
        arm(v);
    } else if (!wanted && v->armed) {
        disarm(v);
    }
}

void hgshm_vectors_update(HgshmState *s)
{
    for (unsigned i = 0; i < HGSHM_VECTORS(s->clients); i++) {
        vector_update(&s->vector[i]);
    }
}

/* MSI-X core: the guest lets the vector through. It asserts on an error. */
static int vector_unmask(PCIDevice *pci, unsigned number, MSIMessage msg)
{
    HgshmVector *v = &HGSHM(pci)->vector[number];

    /* The message may differ from the one of the last time. */
    if (v->armed) {
        disarm(v);
    }
    v->unmasked = true;
    /* The core would raise what is pending now, whatever IRQ_ENABLE says. It
     * still waits in the source. */
    msix_clr_pending(pci, number);
    vector_update(v);
    return 0;
}

static void vector_mask(PCIDevice *pci, unsigned number)
{
    HgshmVector *v = &HGSHM(pci)->vector[number];

    v->unmasked = false;
    vector_update(v);
}

static bool is_rung(HgshmVector *v)
{
    GPollFD source = {
        .fd = event_notifier_get_fd(&v->source),
        .events = G_IO_IN,
    };

    return v->previous_rung || g_poll(&source, 1, 0) > 0;
}

/*
 * The guest reads the pending bits: show what waits in masked vectors. It goes on
 * waiting in the source, where a reset and IRQ_ENABLE leave it alone.
 */
static void vectors_poll(PCIDevice *pci, unsigned start, unsigned end)
{
    HgshmState *s = HGSHM(pci);
    bool on = s->irq_enable & HGSHM_IRQ_ENABLE_ON;

    for (unsigned i = start; i < end; i++) {
        HgshmVector *v = &s->vector[i];

        if (on && v->has_source && !v->armed && msix_is_masked(pci, i) &&
            is_rung(v)) {
            msix_set_pending(pci, i);
        } else {
            msix_clr_pending(pci, i);
        }
    }
}

static void clear_source(HgshmVector *v)
{
    if (v->has_source) {
        v->has_source = false;
        vector_update(v);
        event_notifier_cleanup(&v->source);
    }
}

static void clear_previous(HgshmVector *v)
{
    if (v->has_previous) {
        event_notifier_set_handler(&v->previous, NULL);
        event_notifier_cleanup(&v->previous);
        v->has_previous = false;
    }
}

/*
 * Its rings are not moved to the source: a mapper that gives one eventfd twice
 * would have them go round for ever.
 */
static void previous_handler(EventNotifier *previous)
{
    HgshmVector *v = container_of(previous, HgshmVector, previous);

    if (!event_notifier_test_and_clear(previous)) {
        return;
    }
    if (v->armed) {
        raise_vector(v);
    } else {
        v->previous_rung = true;
    }
}

/*
 * Takes the file descriptor. Rings that wait in the old source move over. A
 * sender that stays uses the old one until it has heard of the new one.
 */
void hgshm_vector_set_source(HgshmState *s, unsigned number, int fd,
                             bool sender_stays)
{
    HgshmVector *v = &s->vector[number];
    bool rung = (v->has_source && event_notifier_test_and_clear(&v->source)) ||
                (v->has_previous && event_notifier_test_and_clear(&v->previous));

    clear_previous(v);
    if (v->has_source && sender_stays) {
        v->has_source = false;
        vector_update(v);
        v->previous = v->source;
        v->has_previous = true;
        event_notifier_set_handler(&v->previous, previous_handler);
    } else {
        clear_source(v);
    }
    event_notifier_init_fd(&v->source, fd);
    v->has_source = true;
    if (rung) {
        event_notifier_set(&v->source);
    }
    vector_update(v);
}

bool hgshm_vectors_init(HgshmState *s, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);
    unsigned vectors = HGSHM_VECTORS(s->clients);

    if (msix_init_exclusive_bar(pci, vectors, HGSHM_BAR_MSIX, errp) < 0) {
        return false;
    }
    for (unsigned i = 0; i < vectors; i++) {
        msix_vector_use(pci, i);
    }
    return msix_set_vector_notifiers(pci, vector_unmask, vector_mask,
                                     vectors_poll) == 0;
}

void hgshm_vectors_cleanup(HgshmState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);

    if (msix_present(pci)) {
        msix_unset_vector_notifiers(pci);
        msix_uninit_exclusive_bar(pci);
    }
    for (unsigned i = 0; i < HGSHM_VECTORS_MAX; i++) {
        clear_previous(&s->vector[i]);
        clear_source(&s->vector[i]);
    }
}

/* A reset masks every vector without telling the notifiers. */
void hgshm_vectors_reset(HgshmState *s)
{
    for (unsigned i = 0; i < HGSHM_VECTORS(s->clients); i++) {
        s->vector[i].unmasked = false;
    }
    hgshm_vectors_update(s);
}
