// SPDX-License-Identifier: MIT
/*
 * A slot of PCI Express:
 *
 *   slot pull CONFIG         pulls the device out: it is gone from one moment to the
 *                            next, and the kernel hears of it afterwards
 *   slot wait-off CONFIG     waits until the kernel has done with the empty slot
 *
 * CONFIG is the file of the root port's configuration space in sysfs. The emulated
 * port lets go of its device when power and its indicator are off. To pull, that
 * happens behind the kernel's back, with the port's interrupt disabled; when that and
 * the power are back, what the kernel finds is an empty slot. It then turns power and
 * indicator off in its turn, and a device that came before that would be gone again.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "device.h"

#define OFF	(PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF)
#define STEP_MS	20

static uint16_t load(int fd, unsigned int offset, unsigned int bytes)
{
	uint16_t value = 0;

	if (pread(fd, &value, bytes, offset) != (ssize_t)bytes)
		check_abort("configuration space at %#x: %s", offset, strerror(errno));
	return value;
}

static unsigned int find_express(int fd)
{
	unsigned int at = load(fd, PCI_CAPABILITY_LIST, 1);

	while (at && load(fd, at + PCI_CAP_LIST_ID, 1) != PCI_CAP_ID_EXP)
		at = load(fd, at + PCI_CAP_LIST_NEXT, 1);
	if (!at)
		check_abort("it is no PCI Express port");
	return at;
}

static void store(int fd, unsigned int offset, uint16_t value)
{
	CHECK_EQUAL(pwrite(fd, &value, sizeof(value), offset), sizeof(value));
}

static void pull(int fd, unsigned int express)
{
	unsigned int control = express + PCI_EXP_SLTCTL;
	uint16_t before = load(fd, control, 2);

	CHECK(load(fd, express + PCI_EXP_SLTSTA, 2) & PCI_EXP_SLTSTA_PDS);
	store(fd, control, (before & ~PCI_EXP_SLTCTL_HPIE) | OFF);
	CHECK(!(load(fd, express + PCI_EXP_SLTSTA, 2) & PCI_EXP_SLTSTA_PDS));
	store(fd, control, before);
}

static void wait_off(int fd, unsigned int express)
{
	int left_ms = DEVICE_PATIENCE_MS;

	while ((load(fd, express + PCI_EXP_SLTCTL, 2) & OFF) != OFF && left_ms > 0)
		left_ms -= STEP_MS + poll(NULL, 0, STEP_MS);
	CHECK(left_ms > 0);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 3)
		check_abort("usage: slot pull CONFIG | wait-off CONFIG");
	fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		check_abort("open %s: %s", argv[2], strerror(errno));
	if (!strcmp(argv[1], "pull"))
		pull(fd, find_express(fd));
	else if (!strcmp(argv[1], "wait-off"))
		wait_off(fd, find_express(fd));
	else
		check_abort("unknown word %s", argv[1]);
	return check_status();
}
