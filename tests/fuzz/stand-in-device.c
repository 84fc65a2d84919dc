// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of what surrounds the meeting in the device, and of QEMU's PCI and KVM. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"

#include "hgshm-join.h"
#include "stand-in.h"

/* What the guest does to its interrupts. */
#define MSIX_ON		1
#define ALL_UNMASKED	2
#define IRQ_ENABLE_ON	4
#define IS_RESET	8

static int connection;	/* the chardev's, -1 for none */
static IOEventHandler *chardev_event;
static int (*connector)(void);
static MSIVectorUseNotifier unmask;
static MSIVectorReleaseNotifier mask;
static bool msix_on;

static void init_peers_vector(HgshmState *s)
{
	EventNotifier changed;

	fuzz_check(!event_notifier_init(&changed, 0), "eventfd: %s", strerror(errno));
	hgshm_vector_set_source(s, HGSHM_VECTOR_PEERS,
				event_notifier_get_fd(&changed), false);
}

HgshmState *device_new(unsigned int index, unsigned int clients)
{
	HgshmState *s = g_new0(HgshmState, 1);

	connection = -1;
	chardev_event = NULL;
	connector = NULL;
	unmask = NULL;
	mask = NULL;
	msix_on = false;
	s->memory_fd = -1;
	memset(s->slice_fd, -1, sizeof(s->slice_fd));
	QTAILQ_INIT(&s->meetings);
	s->index = index;
	s->mapidx = HGSHM_INDEX_NONE;
	s->clients = clients;
	s->mesh = true;
	s->guestmmap = true;
	s->shmid = g_strdup(FUZZ_SHMID);
	hgshm_peers_init(s);
	init_peers_vector(s);
	return s;
}

/* The order of hgshm_exit(). */
void device_end(HgshmState *s)
{
	hgshm_rejoin_stop(s);
	hgshm_mapper_stop(s);
	hgshm_peers_cleanup(s);
	hgshm_vectors_cleanup(s);
	hgshm_memfd_close(s);
	device_hang_up(s);
	g_free(s->shmid);
	g_free(s);
}

void device_set_interrupts(HgshmState *s, uint8_t bits)
{
	msix_on = bits & MSIX_ON;
	s->irq_enable = bits & IRQ_ENABLE_ON ? HGSHM_IRQ_ENABLE_ON : 0;
	if (bits & IS_RESET) {
		hgshm_vectors_reset(s);
	} else {
		for (unsigned int i = 0; unmask && i < HGSHM_VECTORS(s->clients); i++) {
			if (bits & ALL_UNMASKED)
				unmask(PCI_DEVICE(s), i, (MSIMessage) { 0 });
			else
				mask(PCI_DEVICE(s), i);
		}
		hgshm_vectors_update(s);
	}
}

int device_connect(HgshmState *s)
{
	int pair[2];

	if (connection >= 0)
		return -1;
	fuzz_check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			       pair), "socketpair: %s", strerror(errno));
	connection = pair[0];
	if (chardev_event)
		chardev_event(s, CHR_EVENT_OPENED);
	return pair[1];
}

void device_hang_up(HgshmState *s)
{
	if (connection >= 0)
		close(connection);
	connection = -1;
}

void device_set_connector(int (*connect)(void))
{
	connector = connect;
}

/* hgshm-socket.c */

bool hgshm_socket_check(HgshmState *s, bool server, Error **errp)
{
	return true;
}

int hgshm_socket_dup(HgshmState *s)
{
	if (connection < 0) {
		errno = ENOTCONN;
		return -1;
	}
	return fcntl(connection, F_DUPFD_CLOEXEC, 0);
}

int hgshm_socket_connect(HgshmState *s, int64_t deadline_ns)
{
	return connector();
}

const char *hgshm_socket_name(HgshmState *s)
{
	return "/fuzz/socket";
}

/* hgshm-memory.c: enough of it, who gets which fds, and what a client looks at, without mappings */

bool hgshm_memory_available(HgshmState *s, uint64_t missing_bytes, Error **errp)
{
	return true;
}

unsigned hgshm_memory_grant(HgshmState *s, unsigned index, unsigned mapidx,
			    uint32_t *kind, int *fds)
{
	if (s->backing != HGSHM_BACKING_MEMFD) {
		*kind = HGSHM_MEMORY_NAMED;
		return 0;
	}
	*kind = HGSHM_MEMORY_SLICES;
	fds[0] = s->slice_fd[index];
	fds[1] = mapidx == HGSHM_INDEX_NONE ? -1 : s->slice_fd[mapidx];
	return mapidx == HGSHM_INDEX_NONE ? 1 : 2;
}

/* What is taken as memory can't shrink under who maps it. */
static void expect_steady(const HgshmState *s, int fd)
{
	struct stat st;

	fuzz_check(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK, "a slice is not sealed");
	fuzz_check(!fstat(fd, &st) && (uint64_t)st.st_size == s->slice_bytes,
		   "a slice of %" PRId64 " bytes", (int64_t)st.st_size);
}

bool hgshm_memory_join(HgshmState *s, const HgshmOffer *offer, Error **errp)
{
	for (unsigned int i = 0; i < offer->fd_count; i++) {
		if (!hgshm_memfd_check(s, offer->fds[i], errp))
			return false;
		expect_steady(s, offer->fds[i]);
	}
	if (offer->fd_count == (offer->kind == HGSHM_MEMORY_SLICES))
		return true;
	error_setg(errp, "no such memory");
	return false;
}

/* QEMU's chardev */

void qemu_chr_fe_set_handlers(CharBackend *chr, IOCanReadHandler *can_read,
			      IOReadHandler *read, IOEventHandler *event,
			      BackendChangeHandler *change, void *opaque,
			      GMainContext *context, bool set_open)
{
	chardev_event = event;
}

void qemu_chr_fe_disconnect(CharBackend *chr)
{
	device_hang_up(NULL);
}

/* QEMU's PCI */

bool msix_is_masked(PCIDevice *pci, unsigned vector)
{
	return true;
}

int msix_present(PCIDevice *pci)
{
	return unmask != NULL;
}

int msix_enabled(PCIDevice *pci)
{
	return msix_on;
}

void msix_notify(PCIDevice *pci, unsigned vector)
{
	fuzz_check(vector < HGSHM_VECTORS(((HgshmState *)pci)->clients),
		   "there is no vector %u", vector);
}

void msix_set_pending(PCIDevice *pci, unsigned vector)
{
}

void msix_clr_pending(PCIDevice *pci, int vector)
{
}

void msix_vector_use(PCIDevice *pci, unsigned vector)
{
}

int msix_init_exclusive_bar(PCIDevice *pci, unsigned short vectors, uint8_t bar,
			    Error **errp)
{
	return 0;
}

void msix_uninit_exclusive_bar(PCIDevice *pci)
{
}

int msix_set_vector_notifiers(PCIDevice *pci, MSIVectorUseNotifier use,
			      MSIVectorReleaseNotifier release,
			      MSIVectorPollNotifier poll)
{
	unmask = use;
	mask = release;
	return 0;
}

void msix_unset_vector_notifiers(PCIDevice *pci)
{
	unmask = NULL;
	mask = NULL;
}

/* The device comes first in what it is. */
Object *object_dynamic_cast_assert(Object *obj, const char *type, const char *file,
				   int line, const char *func)
{
	return obj;
}

void pstrcpy(char *to, int size, const char *from)
{
	g_strlcpy(to, from, size);
}

/* QEMU's KVM: there is none, so nothing but the variables is looked at. */

bool kvm_allowed;
bool kvm_ioeventfd_any_length_allowed;
bool kvm_msi_via_irqfd_allowed;
KVMState *kvm_state;

static _Noreturn void no_kvm(void)
{
	fuzz_check(false, "it uses KVM where there is none");
	abort();
}

int kvm_irqchip_add_irqfd_notifier_gsi(KVMState *kvm, EventNotifier *e,
				       EventNotifier *resample, int virq)
{
	no_kvm();
}

int kvm_irqchip_remove_irqfd_notifier_gsi(KVMState *kvm, EventNotifier *e, int virq)
{
	no_kvm();
}

int kvm_irqchip_add_msi_route(KVMRouteChange *change, int vector, PCIDevice *pci)
{
	no_kvm();
}

void kvm_irqchip_commit_routes(KVMState *kvm)
{
	no_kvm();
}

void kvm_irqchip_release_virq(KVMState *kvm, int virq)
{
	no_kvm();
}

void memory_region_add_eventfd(MemoryRegion *region, hwaddr address, unsigned size,
			       bool match, uint64_t data, EventNotifier *e)
{
	no_kvm();
}

void memory_region_del_eventfd(MemoryRegion *region, hwaddr address, unsigned size,
			       bool match, uint64_t data, EventNotifier *e)
{
	no_kvm();
}
