/* SPDX-License-Identifier: MIT */
/* libhgshm against a scripted driver. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h>
#include <cmocka.h>

#include <hgshm/hgshm.h>
#include <hgshm/regs.h>

#include "fake_device.h"

#define MS INT64_C(1000000)
#define SLICE 8192u
#define POISON 0xA5

static struct hgshm *open_as(uint32_t index, uint32_t clients)
{
	struct hgshm *h;

	fake_device_reset(index, clients, SLICE);
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	return h;
}

static void check_open_fails(const char *uri, int error, const char *words)
{
	struct hgshm *const poison = (struct hgshm *)(uintptr_t)POISON;
	struct hgshm *h = poison;

	assert_int_equal(hgshm_open(&h, uri, NULL), error);
	assert_ptr_equal(h, poison);
	assert_non_null(strstr(hgshm_strerror(error), words));
	assert_int_equal(fake_device.opens, fake_device.closes);
}

static void test_open_close(void **state)
{
	struct hgshm *h = open_as(0, 4);

	assert_string_equal(fake_device.opened_path, "/dev/hgshm0");
	assert_int_equal(fake_device.asked_struct_bytes, sizeof(struct hgshm_info));
	hgshm_close(h);
	assert_int_equal(fake_device.closes, 1);
	hgshm_close(NULL);
}

static void test_open_first(void **state)
{
	static const char *const some[] = { "hgshm10", "null", "hgshm3", "hgshm7", "hgshmx", "hgshm", NULL };
	static const char *const none[] = { "null", "hgshm1x", NULL };
	struct hgshm *h;

	fake_device_reset(0, 2, SLICE);
	fake_device.names = some;
	assert_int_equal(hgshm_open(&h, NULL, NULL), 0);
	assert_string_equal(fake_device.opened_path, "/dev/hgshm3");
	hgshm_close(h);

	fake_device_reset(0, 2, SLICE);
	fake_device.names = none;
	check_open_fails(NULL, -ENODEV, "no hgshm device");
	fake_device.names = NULL;
	check_open_fails(NULL, -EACCES, "/dev");
}

static void test_open_errors(void **state)
{
	static const int errors[] = { ENOENT, EACCES, EPERM, ENXIO, ENODEV, EMFILE };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_device_reset(0, 2, SLICE);
		fake_device.open_errno = errors[i];
		check_open_fails("/dev/hgshm5", -errors[i], "/dev/hgshm5");
	}
	fake_device_reset(0, 2, SLICE);
	fake_device.info_errno = ENOTTY;
	check_open_fails("/dev/null", -ENOTTY, "/dev/null is not an hgshm device");
	fake_device.info_errno = EINVAL;
	check_open_fails("/dev/null", -ENOTTY, "/dev/null is not an hgshm device");
	fake_device.info_errno = ENODEV;
	check_open_fails("/dev/hgshm0", -ENODEV, "/dev/hgshm0");
	assert_int_equal(hgshm_open(NULL, NULL, NULL), -EINVAL);
}

static void test_open_lying_driver(void **state)
{
	fake_device_reset(0, 4, SLICE);
	fake_device.info.version = HGSHM_VERSION + 1;
	check_open_fails("/dev/hgshm0", -EPROTO, "interface version 3");
	fake_device_reset(0, 4, SLICE);
	fake_device.info.struct_bytes = HGSHM_INFO_BYTES_MIN - 8;
	check_open_fails("/dev/hgshm0", -EPROTO, "120 bytes");
	fake_device_reset(0, 4, SLICE);
	fake_device.info.clients = 65;
	check_open_fails("/dev/hgshm0", -EPROTO, "clients=65");
	fake_device.info.clients = 0;
	check_open_fails("/dev/hgshm0", -EPROTO, "clients=0");
	fake_device_reset(0, 4, SLICE);
	fake_device.info.index = 4;
	check_open_fails("/dev/hgshm0", -EPROTO, "index=4");
	fake_device_reset(1, 4, SLICE);
	fake_device.info.mapidx = 4;
	check_open_fails("/dev/hgshm0", -EPROTO, "mapidx=4");
	fake_device_reset(0, 4, SLICE);
	fake_device.info.memory_bytes = 4 * SLICE - 1;
	check_open_fails("/dev/hgshm0", -EPROTO, "32767 bytes");
	fake_device.info.slice_bytes = UINT64_MAX / 2;
	check_open_fails("/dev/hgshm0", -EPROTO, "slices of");
	fake_device_reset(1, 4, SLICE);
	fake_device.info.peer_bytes = SLICE - 1;
	check_open_fails("/dev/hgshm0", -EPROTO, "peer");
}

static void test_options(void **state)
{
	struct {
		struct hgshm_options known;
		uint64_t later;
	} options = { { sizeof(options), 0, 0 }, 0 };
	struct hgshm *h;

	fake_device_reset(0, 2, SLICE);
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), 0);
	hgshm_close(h);
	options.later = 1;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), -E2BIG);
	options.known.struct_bytes = SIZE_MAX;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), -E2BIG);
	assert_non_null(strstr(hgshm_strerror(-E2BIG), "can be at most 4096"));
	options.known.struct_bytes = sizeof(options.known);
	options.known.flags = 4;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), -EINVAL);
	options.known.flags = 0;
	options.known.spin_us = 1000001;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), -EINVAL);
	assert_non_null(strstr(hgshm_strerror(-EINVAL), "1000001"));
	options.known.spin_us = 0;
	options.known.struct_bytes = 8;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", &options.known), -EINVAL);
	assert_int_equal(fake_device.opens, fake_device.closes);
}

static void test_info(void **state)
{
	struct hgshm *h = open_as(2, 4);
	struct hgshm_info info, poison;

	assert_int_equal(hgshm_get_info(h, &info), 0);
	assert_memory_equal(&info, &fake_device.info, sizeof(info));
	memset(&poison, POISON, sizeof(poison));
	info = poison;
	fake_device.info_errno = ENODEV;
	assert_int_equal(hgshm_get_info(h, &info), -ENODEV);
	assert_memory_equal(&info, &poison, sizeof(info));
	assert_int_equal(hgshm_get_info(NULL, &info), -EINVAL);
	assert_int_equal(hgshm_get_info(h, NULL), -EINVAL);
	hgshm_close(h);
}

static void test_slices_of_mapper(void **state)
{
	struct hgshm *h = open_as(0, 4);
	void *ptr[4];
	size_t bytes;

	for (uint32_t i = 0; i < 4; i++) {
		bytes = 0;
		assert_int_equal(hgshm_slice(h, i, &ptr[i], &bytes), 0);
		assert_int_equal(bytes, SLICE);
		assert_ptr_equal(ptr[i], (char *)ptr[0] + i * SLICE);
	}
	assert_int_equal(fake_device.maps, 1);
	assert_int_equal(fake_device.map_offset[0], HGSHM_MMAP_MEMORY);
	assert_int_equal(fake_device.map_bytes[0], 4 * SLICE);
	hgshm_close(h);
	assert_int_equal(fake_device.unmaps, 1);
}

static void check_slice_fails(struct hgshm *h, uint32_t index, int error, const char *words)
{
	void *ptr = h;
	size_t bytes = POISON;

	assert_int_equal(hgshm_slice(h, index, &ptr, &bytes), error);
	assert_ptr_equal(ptr, h);
	assert_int_equal(bytes, POISON);
	assert_non_null(strstr(hgshm_strerror(error), words));
}

static void test_slices_of_worker(void **state)
{
	struct hgshm *h = open_as(2, 4);
	void *own, *peer, *again;
	size_t bytes;

	assert_int_equal(hgshm_slice(h, 2, &own, &bytes), 0);
	assert_int_equal(hgshm_slice(h, 0, &peer, &bytes), 0);
	assert_int_equal(hgshm_slice(h, 2, &again, &bytes), 0);
	assert_ptr_equal(own, again);
	assert_ptr_not_equal(own, peer);
	assert_int_equal(fake_device.maps, 2);
	assert_int_equal(fake_device.map_offset[0], HGSHM_MMAP_MEMORY);
	assert_int_equal(fake_device.map_offset[1], HGSHM_MMAP_PEER);
	assert_int_equal(fake_device.map_bytes[1], SLICE);
	assert_int_equal(fake_device.map_protection[1], PROT_READ | PROT_WRITE);
	check_slice_fails(h, 1, -EACCES, "slice 0 only");
	check_slice_fails(h, 4, -ENXIO, "clients=4");
	assert_int_equal(hgshm_slice(h, 2, NULL, &bytes), -EINVAL);
	assert_int_equal(hgshm_slice(h, 2, &own, NULL), -EINVAL);
	hgshm_close(h);
	assert_int_equal(fake_device.unmaps, 2);
}

static void test_readonly_slice(void **state)
{
	struct hgshm *h;
	size_t bytes;
	void *ptr;

	fake_device_reset(2, 4, SLICE);
	fake_device.info.features |= HGSHM_FEATURE_PEER_SLICE | HGSHM_FEATURE_PEER_READONLY;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	assert_int_equal(hgshm_slice(h, 0, &ptr, &bytes), 0);
	assert_int_equal(hgshm_slice(h, 2, &ptr, &bytes), 0);
	assert_int_equal(fake_device.map_protection[0], PROT_READ);
	assert_int_equal(fake_device.map_protection[1], PROT_READ | PROT_WRITE);
	hgshm_close(h);
}

static void check_export_fails(struct hgshm *h, uint32_t index, size_t offset, size_t length,
			       uint32_t flags, int error, const char *words)
{
	int fd = POISON;

	assert_int_equal(hgshm_export_dmabuf(h, index, offset, length, flags, &fd), error);
	assert_int_equal(fd, POISON);
	assert_non_null(strstr(hgshm_strerror(error), words));
	assert_int_equal(fake_device.exported.length_bytes, 0);
}

static void test_dmabuf_errors(void **state)
{
	struct hgshm *h;
	int fd;

	fake_device_reset(2, 4, SLICE);
	fake_device.info.features |= HGSHM_FEATURE_PEER_SLICE | HGSHM_FEATURE_PEER_READONLY;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	check_export_fails(h, 4, 0, 4096, 0, -ENXIO, "slice 4");
	check_export_fails(h, 1, 0, 4096, 0, -EACCES, "slice 1");
	check_export_fails(h, 0, 0, 4096, 0, -EACCES, "read-only");
	check_export_fails(h, 2, 0, 4096, 2, -EINVAL, "flags 0x2");
	check_export_fails(h, 2, 0, 0, 0, -EINVAL, "0 bytes at 0");
	check_export_fails(h, 2, 1, 4096, 0, -EINVAL, "4096 bytes at 1 of slice 2");
	check_export_fails(h, 2, 0, 4097, 0, -EINVAL, "4097 bytes");
	check_export_fails(h, 2, 4096, 8192, 0, -EINVAL, "8192 bytes at 4096");
	check_export_fails(h, 2, (size_t)-4096, 8192, 0, -EINVAL, "within its 8192");
	fake_device.dmabuf_errno = ENOTTY;
	check_export_fails(h, 2, 0, 4096, 0, -EOPNOTSUPP, "no dma-buf");
	fake_device.dmabuf_errno = EMFILE;
	check_export_fails(h, 2, 0, 4096, 0, -EMFILE, "a dma-buf of 4096 bytes");
	assert_int_equal(hgshm_export_dmabuf(h, 2, 0, 4096, 0, NULL), -EINVAL);
	assert_int_equal(hgshm_export_dmabuf(NULL, 2, 0, 4096, 0, &fd), -EINVAL);
	hgshm_close(h);
}

static void test_dmabuf(void **state)
{
	struct hgshm *h;
	int fd;

	fake_device_reset(2, 4, SLICE);
	fake_device.info.features |= HGSHM_FEATURE_PEER_SLICE | HGSHM_FEATURE_PEER_READONLY;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	assert_int_equal(hgshm_export_dmabuf(h, 0, 4096, 4096, HGSHM_DMABUF_READ_ONLY, &fd), 0);
	assert_int_equal(fd, 4242);
	assert_true(fake_device.exported.offset_bytes == HGSHM_MMAP_PEER + 4096);
	assert_int_equal(fake_device.exported.length_bytes, 4096);
	assert_int_equal(fake_device.exported.flags, HGSHM_DMABUF_READ_ONLY);
	assert_int_equal(hgshm_export_dmabuf(h, 2, 0, 8192, 0, &fd), 0);
	assert_true(fake_device.exported.offset_bytes == HGSHM_MMAP_MEMORY);
	hgshm_close(h);

	h = open_as(0, 4);
	assert_int_equal(hgshm_export_dmabuf(h, 3, 4096, 4096, 0, &fd), 0);
	assert_true(fake_device.exported.offset_bytes == HGSHM_MMAP_MEMORY + 3 * SLICE + 4096);
	hgshm_close(h);
}

static void test_slice_errors(void **state)
{
	struct hgshm *h;

	fake_device_reset(1, 4, SLICE);
	fake_device.info.features = 0;
	fake_device.info.memory_bytes = 0;
	fake_device.info.peer_bytes = 0;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	check_slice_fails(h, 1, -EPERM, "guestmmap=0");
	assert_int_equal(fake_device.maps, 0);
	hgshm_close(h);

	fake_device_reset(1, 4, SLICE);
	fake_device.info.mapidx = HGSHM_INDEX_NONE;
	fake_device.info.peer_bytes = 0;
	assert_int_equal(hgshm_open(&h, "/dev/hgshm0", NULL), 0);
	check_slice_fails(h, 0, -EACCES, "mapidx=0");
	fake_device.mmap_errno = ENOMEM;
	check_slice_fails(h, 1, -ENOMEM, "8192 bytes");
	fake_device.mmap_errno = ENODEV;
	check_slice_fails(h, 1, -ENODEV, "/dev/hgshm0");
	hgshm_close(h);
	assert_int_equal(fake_device.unmaps, 0);
}

static void test_ring(void **state)
{
	struct hgshm *h = open_as(1, 4);
	struct hgshm_stats stats;

	assert_int_equal(hgshm_poke(h, 0), 0);
	assert_int_equal(hgshm_poke(h, 3), 0);
	assert_int_equal(hgshm_poke(h, 3), 0);
	assert_int_equal(fake_device.poked_used, 3);
	assert_int_equal(fake_device.poked[1], 3);
	assert_int_equal(hgshm_poke(h, 1), -EINVAL);
	assert_int_equal(hgshm_poke(h, 4), -EINVAL);
	assert_int_equal(hgshm_poke(NULL, 0), -EINVAL);
	assert_int_equal(fake_device.poked_used, 3);
	fake_device.poke_errno = ENOTCONN;
	assert_int_equal(hgshm_poke(h, 2), -ENOTCONN);
	assert_non_null(strstr(hgshm_strerror(-ENOTCONN), "VM 2"));
	fake_device.poke_errno = ENODEV;
	assert_int_equal(hgshm_poke(h, 2), -ENODEV);
	assert_int_equal(hgshm_get_stats(h, &stats), 0);
	assert_int_equal(stats.sent[0], 1);
	assert_int_equal(stats.sent[2], 0);
	assert_int_equal(stats.sent[3], 2);
	assert_int_equal(hgshm_get_stats(NULL, &stats), -EINVAL);
	assert_int_equal(hgshm_get_stats(h, NULL), -EINVAL);
	hgshm_close(h);
}

static void test_ring_all(void **state)
{
	struct hgshm *h = open_as(1, 4);
	struct hgshm_stats stats;

	fake_device.info.peers = 0x7;
	assert_int_equal(hgshm_poke_all(h), 0);
	assert_int_equal(fake_device.poked_used, 1);
	assert_int_equal(fake_device.poked[0], HGSHM_POKE_ALL);
	hgshm_get_stats(h, &stats);
	assert_int_equal(stats.sent[0], 1);
	assert_int_equal(stats.sent[1], 0);
	assert_int_equal(stats.sent[2], 1);
	assert_int_equal(stats.sent[3], 0);
	fake_device.poke_errno = ENODEV;
	assert_int_equal(hgshm_poke_all(h), -ENODEV);
	assert_int_equal(hgshm_poke_all(NULL), -EINVAL);
	hgshm_close(h);
}

static void test_wait_finds_events(void **state)
{
	struct hgshm *h = open_as(0, 64);
	struct hgshm_events events;
	struct hgshm_stats stats;

	fake_device_event(HGSHM_EVENT_DOORBELL, 3, 5);
	fake_device_event(HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX, 1);
	fake_device_event(HGSHM_EVENT_DOORBELL, 63, 1);
	assert_int_equal(hgshm_wait(h, -1, &events), 0);
	assert_true(events.rung == (UINT64_C(1) << 3 | UINT64_C(1) << 63));
	assert_int_equal(events.counts[3], 5);
	assert_int_equal(events.counts[63], 1);
	assert_int_equal(events.counts[0], 0);
	assert_int_equal(events.peers_changed, 1);
	assert_int_equal(events.epoch, 9);
	assert_int_equal(fake_device.polls, 0);
	fake_device_event(HGSHM_EVENT_DOORBELL, 3, 2);
	assert_int_equal(hgshm_wait(h, 0, NULL), 0);
	hgshm_get_stats(h, &stats);
	assert_int_equal(stats.received[3], 7);
	assert_int_equal(stats.received[63], 1);
	assert_int_equal(stats.waits, 2);
	assert_int_equal(stats.sleeps, 0);
	hgshm_close(h);
}

static void test_wait_tells_who(void **state)
{
	struct hgshm *h = open_as(0, 8);
	struct hgshm_events events;

	fake_device_event(HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX, 3);
	fake_device_event(HGSHM_EVENT_PEER_UP, 2, 1);
	fake_device_event(HGSHM_EVENT_PEER_DOWN, 5, 1);
	fake_device_event(HGSHM_EVENT_PEER_UP, 6, 1);
	fake_device_event(HGSHM_EVENT_PEER_DOWN, 6, 1);
	fake_device_event(HGSHM_EVENT_PEER_DOWN, 7, 1);
	fake_device_event(HGSHM_EVENT_PEER_UP, 7, 1);
	assert_int_equal(hgshm_wait(h, -1, &events), 0);
	assert_int_equal(events.peers_changed, 1);
	assert_int_equal(events.came, 1 << 2);
	assert_int_equal(events.went, 1 << 5);
	assert_int_equal(events.rung, 0);
	fake_device_event(HGSHM_EVENT_PEER_UP, 8, 1);
	assert_int_equal(hgshm_wait(h, -1, &events), -EPROTO);
	hgshm_close(h);
}

/* As many at once as a driver can have to tell. */
static void test_wait_takes_all(void **state)
{
	struct hgshm *h = open_as(0, 64);
	struct hgshm_events events;

	fake_device_event(HGSHM_EVENT_PEERS, HGSHM_EVENT_NO_INDEX, 63);
	for (int i = 1; i < 64; i++)
		fake_device_event(HGSHM_EVENT_PEER_UP, i, 1);
	for (int i = 1; i < 64; i++)
		fake_device_event(HGSHM_EVENT_DOORBELL, i, 1);
	assert_int_equal(hgshm_wait(h, -1, &events), 0);
	assert_true(events.came == (UINT64_MAX & ~UINT64_C(1)));
	assert_true(events.rung == (UINT64_MAX & ~UINT64_C(1)));
	hgshm_close(h);
}

static void ring_during_sleep(struct fake_device *device)
{
	/* the first wake-up is for nothing */
	if (device->polls > 1)
		fake_device_event(HGSHM_EVENT_DOORBELL, 1, 1);
	else
		device->events_used = 0;
}

static void test_wait_sleeps(void **state)
{
	struct hgshm *h = open_as(0, 2);
	struct hgshm_events events, poison;
	struct hgshm_stats stats;

	memset(&poison, POISON, sizeof(poison));
	events = poison;
	assert_int_equal(hgshm_wait(h, 0, &events), -ETIMEDOUT);
	assert_int_equal(fake_device.polls, 0);
	assert_int_equal(hgshm_wait(h, MS, &events), -ETIMEDOUT);
	assert_int_equal(fake_device.polls, 1);
	assert_memory_equal(&events, &poison, sizeof(events));
	fake_device.on_poll = ring_during_sleep;
	assert_int_equal(hgshm_wait(h, -1, &events), 0);
	assert_int_equal(events.counts[1], 1);
	fake_device.on_poll = NULL;
	fake_device.poll_errno = EINTR;
	assert_int_equal(hgshm_wait(h, MS, &events), -EINTR);
	hgshm_get_stats(h, &stats);
	assert_int_equal(stats.waits, 4);
	assert_true(stats.sleeps >= 3);
	assert_int_equal(hgshm_wait(NULL, 0, NULL), -EINVAL);
	hgshm_close(h);
}

static void test_wait_errors(void **state)
{
	struct hgshm *h = open_as(0, 2);
	struct hgshm_stats stats;

	fake_device.read_errno = ENODEV;
	assert_int_equal(hgshm_wait(h, -1, NULL), -ENODEV);
	fake_device.read_errno = 0;
	fake_device_event(7, 0, 1);
	assert_int_equal(hgshm_wait(h, -1, NULL), -EPROTO);
	fake_device_event(HGSHM_EVENT_DOORBELL, 2, 1);
	assert_int_equal(hgshm_wait(h, -1, NULL), -EPROTO);
	fake_device_event(HGSHM_EVENT_DOORBELL, 1, 1);
	fake_device.odd_bytes = 3;
	assert_int_equal(hgshm_wait(h, -1, NULL), -EPROTO);
	hgshm_get_stats(h, &stats);
	assert_int_equal(stats.received[1], 0);
	hgshm_close(h);
}

static void test_fd_and_words(void **state)
{
	struct hgshm *h = open_as(0, 2);

	assert_true(hgshm_fd(h) >= 0);
	assert_int_equal(hgshm_fd(NULL), -EINVAL);
	assert_non_null(strstr(hgshm_strerror(-EINVAL), "hgshm_fd"));
	assert_non_null(strstr(hgshm_strerror(-EPERM), "guestmmap"));
	assert_string_equal(hgshm_strerror(0), "success");
	assert_non_null(hgshm_strerror(-99999));
	assert_non_null(strchr(hgshm_version(), '.'));
	hgshm_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_close),
		cmocka_unit_test(test_open_first),
		cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_open_lying_driver),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_slices_of_mapper),
		cmocka_unit_test(test_slices_of_worker),
		cmocka_unit_test(test_readonly_slice),
		cmocka_unit_test(test_slice_errors),
		cmocka_unit_test(test_dmabuf),
		cmocka_unit_test(test_dmabuf_errors),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_ring_all),
		cmocka_unit_test(test_wait_finds_events),
		cmocka_unit_test(test_wait_tells_who),
		cmocka_unit_test(test_wait_takes_all),
		cmocka_unit_test(test_wait_sleeps),
		cmocka_unit_test(test_wait_errors),
		cmocka_unit_test(test_fd_and_words),
	};

	return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
