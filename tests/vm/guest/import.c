// SPDX-License-Identifier: MIT
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hgshm/ioctl.h>

#include "check.h"

int dmabuf_try_export(int device, uint64_t offset, uint64_t bytes, uint32_t flags)
{
	struct hgshm_export_dmabuf request = {
		.offset_bytes = offset, .length_bytes = bytes, .flags = flags, .fd = -77,
	};
	struct hgshm_export_dmabuf before = request;

	if (ioctl(device, HGSHM_IOC_EXPORT_DMABUF, &request)) {
		int error = errno;

		CHECK(!memcmp(&request, &before, sizeof(request)));
		errno = error;
		return -1;
	}
	return request.fd;
}

int dmabuf_export(int device, uint64_t offset, uint64_t bytes, uint32_t flags)
{
	int fd = dmabuf_try_export(device, offset, bytes, flags);

	if (fd < 0)
		check_abort("EXPORT_DMABUF of %llu bytes at %#llx, flags %u: %s",
			    (unsigned long long)bytes, (unsigned long long)offset,
			    flags, strerror(errno));
	return fd;
}

int import_attach(int dmabuf)
{
	int importer = open("/dev/importer", O_RDWR | O_CLOEXEC);
	int32_t fd = dmabuf;

	if (importer < 0 || ioctl(importer, IMPORTER_ATTACH, &fd))
		check_abort("/dev/importer does not attach: %s", strerror(errno));
	return importer;
}

int import_try_map(int importer, uint32_t direction, struct importer_map *map)
{
	*map = (struct importer_map){ .direction = direction };
	return ioctl(importer, IMPORTER_MAP, map);
}

void import_map(int importer, uint32_t direction)
{
	struct importer_map map;

	if (import_try_map(importer, direction, &map))
		check_abort("/dev/importer does not map: %s", strerror(errno));
}

static void import_copy(int importer, uint64_t offset, uint8_t *value,
			bool to_buffer)
{
	struct importer_copy copy = {
		.user = (uintptr_t)value, .offset = offset, .bytes = 1,
		.to_buffer = to_buffer,
	};

	if (ioctl(importer, IMPORTER_COPY, &copy))
		check_abort("/dev/importer does not copy: %s", strerror(errno));
}

uint8_t import_load(int importer, uint64_t offset)
{
	uint8_t value;

	import_copy(importer, offset, &value, false);
	return value;
}

void import_store(int importer, uint64_t offset, uint8_t value)
{
	import_copy(importer, offset, &value, true);
}
