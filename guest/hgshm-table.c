// SPDX-License-Identifier: MIT
/*
 * One line of a table that says what this VM sees of the shared memory. The
 * table's lines come from several VMs, hence the fixed widths.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hgshm/ioctl.h>
#include <hgshm/regs.h>

#define DEVICE	"/dev/hgshm0"
#define COLUMNS	"%-8s %-7s %-11s %-11s %-11s %-9s %-23s %s\n"

struct cell {
	char text[48];
};

/* In the largest unit that leaves no rest; "-" for nothing. */
static struct cell size_cell(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	struct cell cell;
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	if (bytes)
		snprintf(cell.text, sizeof(cell.text), "%" PRIu64 " %s", bytes, units[unit]);
	else
		strcpy(cell.text, "-");
	return cell;
}

static struct cell slice_cell(const struct hgshm_info *info)
{
	struct cell cell;

	snprintf(cell.text, sizeof(cell.text), "%.20s at %.20s", size_cell(info->slice_bytes).text,
		 info->index ? size_cell(info->index * info->slice_bytes).text : "0");
	return cell;
}

static struct cell peer_cell(const struct hgshm_info *info)
{
	struct cell cell;

	if (!info->memory_bytes && !info->peer_bytes)
		strcpy(cell.text, "no memory (guestmmap=0)");
	else if (info->index == 0)
		strcpy(cell.text, "all slices");
	else if (info->mapidx == HGSHM_INDEX_NONE)
		strcpy(cell.text, "none");
	else
		snprintf(cell.text, sizeof(cell.text), "slice %u", info->mapidx);
	return cell;
}

static void print_header(void)
{
	printf("%16s %-11s %-11s %-11s %s\n", "", "BAR 0", "BAR 1", "BAR 3", "BAR 5");
	printf(COLUMNS, "VM", "index", "registers", "memory", "peer slice", "MSI-X",
	       "own slice", "mapped peer");
}

static int print_row(void)
{
	struct hgshm_info info = { .struct_bytes = sizeof(info) };
	char host[64] = "";
	char index[16];
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, HGSHM_IOC_INFO, &info)) {
		fprintf(stderr, "hgshm-table: %s: %s\n", DEVICE, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_FAILURE;
	}
	close(fd);
	gethostname(host, sizeof(host) - 1);
	snprintf(index, sizeof(index), "%u", info.index);
	printf(COLUMNS, host, index, size_cell(info.bar_bytes[HGSHM_BAR_REGS]).text,
	       size_cell(info.bar_bytes[HGSHM_BAR_MEMORY]).text,
	       size_cell(info.bar_bytes[HGSHM_BAR_PEER]).text,
	       size_cell(info.bar_bytes[HGSHM_BAR_MSIX]).text,
	       slice_cell(&info).text, peer_cell(&info).text);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int status = EXIT_SUCCESS;

	if (argc == 2 && !strcmp(argv[1], "--header"))
		print_header();
	else if (argc == 1)
		status = print_row();
	else
		status = EXIT_FAILURE;
	if (argc > 1 && status)
		fprintf(stderr, "usage: hgshm-table [--header]\n");
	return fflush(stdout) ? EXIT_FAILURE : status;
}
