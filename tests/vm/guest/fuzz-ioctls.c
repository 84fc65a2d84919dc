// SPDX-License-Identifier: MIT
/* ioctls with the right number and a struct of nonsense, and the other way round. */
#include <errno.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "fuzz.h"

struct known_ioctl {
	unsigned int number;
	size_t bytes;
	enum fuzz_call call;
};

static const struct known_ioctl known[] = {
	{ HGSHM_IOC_INFO, sizeof(struct hgshm_info), FUZZ_INFO },
	{ HGSHM_IOC_POKE, sizeof(struct hgshm_poke), FUZZ_POKE },
	{ HGSHM_IOC_IRQ_ENABLE, sizeof(struct hgshm_irq_enable), FUZZ_IRQ_ENABLE },
	{ HGSHM_IOC_SET_SIGNAL, sizeof(struct hgshm_set_signal), FUZZ_SET_SIGNAL },
	{ HGSHM_IOC_SET_EVENTFD, sizeof(struct hgshm_set_eventfd), FUZZ_SET_EVENTFD },
	{ HGSHM_IOC_EXPORT_DMABUF, sizeof(struct hgshm_export_dmabuf), FUZZ_EXPORT_DMABUF },
};

#define KNOWN	(sizeof(known) / sizeof(known[0]))

/* EBADF and ENOTTY as another thread may have closed the descriptor, and opened
 * something else of that number. */
static const int allowed_errors[] = {
	EBADF, ENOTTY, EFAULT, EINVAL, ENODEV, ENOTCONN, EPERM, ENXIO, EACCES,
	EOPNOTSUPP, ENOMEM, EMFILE,
};

static bool is_allowed(int error)
{
	for (size_t i = 0; i < sizeof(allowed_errors) / sizeof(allowed_errors[0]); i++)
		if (error == allowed_errors[i])
			return true;
	printf("errno %d: %s\n", error, strerror(error));
	return false;
}

static void fill_words(struct fuzzer *f, void *at, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += sizeof(uint32_t)) {
		uint32_t word = fuzz_word(f);

		memcpy((uint8_t *)at + done, &word, sizeof(word));
	}
}

static int some_signal(struct fuzzer *f)
{
	static const int signals[] = {
		0, SIGUSR1, SIGUSR2, FUZZ_SIGNAL_LAST, FUZZ_SIGNAL_LAST + 1, -1,
	};

	return signals[fuzz_below(f, sizeof(signals) / sizeof(signals[0]))];
}

static int some_eventfd(struct fuzzer *f)
{
	int *slot = &f->eventfds[fuzz_below(f, 2)];

	switch (fuzz_below(f, 8)) {
	case 0:
		return -1;
	case 1:
		return fuzz_word(f);
	case 2:
		return fuzz_device(f);
	case 3:
		if (*slot >= 0)
			close(*slot);
		*slot = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		return *slot;
	default:
		return *slot;
	}
}

/* Of one of the two VMs that there are, or a name for several. */
static uint32_t some_index(struct fuzzer *f)
{
	static const uint32_t indices[] = { 0, 1, HGSHM_EVENTFD_PEERS, HGSHM_EVENTFD_ALL };

	_Static_assert(HGSHM_EVENTFD_ALL == HGSHM_POKE_ALL, "one list for both");
	return indices[fuzz_below(f, sizeof(indices) / sizeof(indices[0]))];
}

/* Words of nonsense, then what makes sense in this struct, more often than not. */
static void fill(struct fuzzer *f, const struct known_ioctl *ioctl_, void *at)
{
	bool sense = !fuzz_once_in(f, 3);
	union {
		struct hgshm_info info;
		struct hgshm_poke poke;
		struct hgshm_set_signal set_signal;
		struct hgshm_set_eventfd set_eventfd;
		struct hgshm_export_dmabuf dmabuf;
		uint8_t bytes[256];
	} u;

	fill_words(f, &u, sizeof(u));
	switch (ioctl_->call) {
	case FUZZ_INFO:
		if (sense) {
			u.info.struct_bytes = HGSHM_INFO_BYTES_MIN + fuzz_below(f, 128);
			u.info.flags = 0;
		}
		break;
	case FUZZ_POKE:
		if (sense) {
			u.poke.index = some_index(f);
			u.poke.flags = 0;
		}
		break;
	case FUZZ_SET_SIGNAL:
		/* never what can't be caught */
		u.set_signal.signo = some_signal(f);
		break;
	case FUZZ_SET_EVENTFD:
		if (sense) {
			u.set_eventfd.fd = some_eventfd(f);
			u.set_eventfd.index = some_index(f);
			u.set_eventfd.flags = 0;
			u.set_eventfd.reserved = 0;
		}
		break;
	case FUZZ_EXPORT_DMABUF:
		u.dmabuf.offset_bytes = fuzz_offset(f);
		u.dmabuf.length_bytes = fuzz_length(f);
		if (sense)
			u.dmabuf.flags = fuzz_below(f, 2) * HGSHM_DMABUF_READ_ONLY;
		break;
	default:
		break;
	}
	memcpy(at, &u, ioctl_->bytes);
}

/* INFO's number holds the size of its struct, which may be larger than ours. */
static unsigned int some_number(struct fuzzer *f, const struct known_ioctl *ioctl_)
{
	unsigned int number = ioctl_->number;

	if (ioctl_->call != FUZZ_INFO || !fuzz_once_in(f, 4))
		return number;
	return _IOC(_IOC_DIR(number), _IOC_TYPE(number), _IOC_NR(number),
		    fuzz_below(f, 1 << _IOC_SIZEBITS));
}

static bool may_be_filled(struct fuzzer *f, uint8_t *at, size_t bytes)
{
	return at >= f->page && (size_t)(at - f->page) <= FUZZ_PAGE_BYTES - bytes;
}

/* What no driver of this contract may accept. */
static bool is_forbidden(const struct known_ioctl *ioctl_, unsigned int number,
			 const uint8_t *at)
{
	union {
		struct hgshm_info info;
		struct hgshm_poke poke;
		struct hgshm_irq_enable irq_enable;
		struct hgshm_set_signal set_signal;
		struct hgshm_set_eventfd set_eventfd;
		struct hgshm_export_dmabuf dmabuf;
	} u;

	memcpy(&u, at, ioctl_->bytes);
	switch (ioctl_->call) {
	case FUZZ_INFO:
		return u.info.flags || u.info.struct_bytes < HGSHM_INFO_BYTES_MIN ||
		       _IOC_SIZE(number) < HGSHM_INFO_BYTES_MIN;
	case FUZZ_POKE:
		return u.poke.flags ||
		       (u.poke.index >= HGSHM_CLIENTS_MAX && u.poke.index != HGSHM_POKE_ALL);
	case FUZZ_IRQ_ENABLE:
		return u.irq_enable.flags || u.irq_enable.enable > 1;
	case FUZZ_SET_SIGNAL:
		return u.set_signal.flags || u.set_signal.signo < 0 ||
		       u.set_signal.signo > FUZZ_SIGNAL_LAST;
	case FUZZ_SET_EVENTFD:
		return u.set_eventfd.flags || u.set_eventfd.reserved;
	case FUZZ_EXPORT_DMABUF:
		return u.dmabuf.flags & ~HGSHM_DMABUF_READ_ONLY || !u.dmabuf.length_bytes ||
		       u.dmabuf.length_bytes % FUZZ_PAGE_BYTES ||
		       u.dmabuf.offset_bytes % FUZZ_PAGE_BYTES;
	default:
		return false;
	}
}

static void keep_dmabuf(struct fuzzer *f, const uint8_t *at)
{
	struct hgshm_export_dmabuf export;

	memcpy(&export, at, sizeof(export));
	CHECK(export.fd >= 0);
	if (f->dmabuf >= 0)
		close(f->dmabuf);
	f->dmabuf = export.fd;
}

void fuzz_ioctl_known(struct fuzzer *f)
{
	const struct known_ioctl *ioctl_ = &known[fuzz_below(f, KNOWN)];
	uint8_t before[FUZZ_PAGE_BYTES];
	unsigned int number = some_number(f, ioctl_);
	uint8_t *at = fuzz_pointer(f, ioctl_->bytes);
	bool filled = may_be_filled(f, at, ioctl_->bytes);
	bool forbidden = false;
	int device = fuzz_device(f);
	int ret;

	memset(f->page, 0xA5, FUZZ_PAGE_BYTES);
	if (filled) {
		fill(f, ioctl_, at);
		forbidden = is_forbidden(ioctl_, number, at);
	}
	memcpy(before, f->page, FUZZ_PAGE_BYTES);
	ret = ioctl(device, number, at);
	if (ret) {
		CHECK_EQUAL(ret, -1);
		CHECK(is_allowed(errno));
		CHECK(!memcmp(before, f->page, FUZZ_PAGE_BYTES));
	} else {
		CHECK(!forbidden);
		if (ioctl_->call == FUZZ_EXPORT_DMABUF && filled)
			keep_dmabuf(f, at);
	}
	fuzz_count(f, ioctl_->call, !ret);
}

static bool is_known(unsigned int number)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (number == known[i].number)
			return true;
	/* INFO has any size that is large enough */
	return _IOC_TYPE(number) == HGSHM_IOC_TYPE &&
	       _IOC_NR(number) == _IOC_NR(HGSHM_IOC_INFO) &&
	       _IOC_DIR(number) == _IOC_DIR(HGSHM_IOC_INFO);
}

/* Of our type, so that no layer above the driver takes it. */
void fuzz_ioctl_unknown(struct fuzzer *f)
{
	unsigned int number = _IOC(fuzz_below(f, 4), HGSHM_IOC_TYPE,
				   fuzz_once_in(f, 2) ? fuzz_below(f, 8) : fuzz_below(f, 256),
				   fuzz_once_in(f, 2) ? known[fuzz_below(f, KNOWN)].bytes :
							fuzz_below(f, 1 << _IOC_SIZEBITS));
	uint8_t before[FUZZ_PAGE_BYTES];

	if (is_known(number))
		return;
	fill_words(f, f->page, FUZZ_PAGE_BYTES);
	memcpy(before, f->page, FUZZ_PAGE_BYTES);
	CHECK_EQUAL(ioctl(fuzz_device(f), number, fuzz_pointer(f, 64)), -1);
	CHECK(is_allowed(errno));
	CHECK(!memcmp(before, f->page, FUZZ_PAGE_BYTES));
}

/* The kernel checks the flags, the driver does the rest. */
void fuzz_sync_dmabuf(struct fuzzer *f)
{
	struct dma_buf_sync sync = {
		.flags = fuzz_once_in(f, 8) ? fuzz_random(f) :
			 fuzz_below(f, DMA_BUF_SYNC_VALID_FLAGS_MASK + 1),
	};

	if (f->dmabuf >= 0)
		fuzz_count(f, FUZZ_SYNC_DMABUF, !ioctl(f->dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
}
