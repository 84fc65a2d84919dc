/* SPDX-License-Identifier: MIT */
/* What a host of VMs needs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "checks.h"
#include "groups.h"
#include "text.h"

#define HUGE_PAGES	"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_PAGE_BYTES	(UINT64_C(2) << 20)

#define IPC_LOCK_MASK	(1u << CAP_IPC_LOCK)

static bool has_flag(const char *root)
{
	char path[PATH_MAX];
	size_t line_bytes = 0;
	char *line = NULL;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && getline(&line, &line_bytes, file) > 0) {
		char *rest = strchr(line, ':');

		if (strncmp(line, "flags", 5) || !rest)
			continue;
		rest++;
		for (char *word; (word = strsep(&rest, " \t\n"));)
			found |= !strcmp(word, "svm") || !strcmp(word, "vmx");
	}
	free(line);
	fclose(file);
	return found;
}

static void check_cpu(struct checks *checks)
{
	struct check *check;

	if (has_flag(checks->root)) {
		check_add(checks, "cpu", CHECK_OK, "it has svm or vmx");
		return;
	}
	check = check_add(checks, "cpu", CHECK_PROBLEM,
			  "no svm or vmx in /proc/cpuinfo: VMs run under emulation");
	check_mend(check, "switch virtualization on in the firmware; if this is a VM itself, let its "
		   "host nest (CPU model host)");
}

/* Where programs may be run, the kernel has the last word. */
static int try_kvm(const char *root, const char *path)
{
	int fd, version;

	if (access(path, R_OK | W_OK))
		return errno;
	if (*root)
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	return version == KVM_API_VERSION ? 0 : ENOTTY;
}

static void check_kvm(struct checks *checks)
{
	struct check *check;
	char path[PATH_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/dev/kvm", checks->root);
	error = try_kvm(checks->root, path);
	if (!error) {
		check_add(checks, "kvm", CHECK_OK, "/dev/kvm opens");
		return;
	}
	check = check_add(checks, "kvm", CHECK_PROBLEM, "/dev/kvm: %s", strerror(error));
	if (error == ENOENT)
		check_mend(check, "load the kernel's module: modprobe kvm_intel, or kvm_amd");
	else if (error == EACCES || error == EPERM)
		check_mend(check, "add the user to its group: adduser USER kvm, and log in anew");
	else
		check_mend(check, "see what dmesg says of kvm");
}

static void check_shm(struct checks *checks)
{
	struct check *check;
	char path[PATH_MAX];
	struct statvfs vfs;
	uint64_t free_bytes;

	snprintf(path, sizeof(path), "%s" SHM_FOLDER, checks->root);
	if (statvfs(path, &vfs) || access(path, W_OK | X_OK)) {
		check = check_add(checks, "shm", CHECK_PROBLEM, SHM_FOLDER ": %s", strerror(errno));
		check_mend(check, "mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs " SHM_FOLDER);
		return;
	}
	free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	if (free_bytes >= checks->size_bytes) {
		check_add(checks, "shm", CHECK_OK, SHM_FOLDER " has %s free",
			  text_about(free_bytes).text);
		return;
	}
	check = check_add(checks, "shm", CHECK_PROBLEM, SHM_FOLDER " has %s free, %s is wanted",
			  text_about(free_bytes).text, text_about(checks->size_bytes).text);
	check_mend(check, "hgshm rm --stale, or mount -o remount,size=... " SHM_FOLDER);
}

static bool read_number(const char *root, const char *name, uint64_t *number)
{
	char path[PATH_MAX];
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "%s%s", root, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fscanf(file, "%" SCNu64, number) == 1;
	fclose(file);
	return read;
}

static void check_huge_pages(struct checks *checks)
{
	uint64_t wanted = (checks->size_bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES;
	struct check *check;
	uint64_t free_pages, promised_pages, all_pages;

	if (!read_number(checks->root, HUGE_PAGES "free_hugepages", &free_pages) ||
	    !read_number(checks->root, HUGE_PAGES "resv_hugepages", &promised_pages) ||
	    !read_number(checks->root, HUGE_PAGES "nr_hugepages", &all_pages)) {
		check = check_add(checks, "huge pages", CHECK_ADVICE, "this kernel has none of 2 MiB");
		check_mend(check, "none are needed; a kernel with CONFIG_HUGETLBFS has them");
		return;
	}
	/* mapped by somebody who has not touched them yet */
	free_pages -= promised_pages < free_pages ? promised_pages : free_pages;
	if (free_pages >= wanted) {
		check_add(checks, "huge pages", CHECK_OK, "%" PRIu64 " of 2 MiB are free", free_pages);
		return;
	}
	check = check_add(checks, "huge pages", CHECK_ADVICE, "%" PRIu64 " of 2 MiB are free, %"
			  PRIu64 " would hold %s", free_pages, wanted,
			  text_about(checks->size_bytes).text);
	check_mend(check, "sysctl vm.nr_hugepages=%" PRIu64 ", then the device's memdev= with "
		   "memory-backend-memfd,share=on,hugetlb=on", all_pages - free_pages + wanted);
}

/* The kernel does not hold root, and who else has that capability, to the limit. */
static bool may_lock_all(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &header, data) && (data[0].effective & IPC_LOCK_MASK);
}

void checks_memlock(struct checks *checks)
{
	struct check *check;
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (may_lock_all()) {
		check_add(checks, "memlock", CHECK_OK, "this user may lock any amount, whatever the "
			  "limit");
		return;
	}
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= checks->size_bytes) {
		check_add(checks, "memlock", CHECK_OK, "%s may be locked",
			  limit.rlim_cur == RLIM_INFINITY ? "any amount" :
			  text_about(limit.rlim_cur).text);
		return;
	}
	check = check_add(checks, "memlock", CHECK_ADVICE,
			  "%s may be locked, too little to pin %s for DMA (vfio, RDMA, io_uring)",
			  text_about(limit.rlim_cur).text, text_about(checks->size_bytes).text);
	check_mend(check, "ulimit -l unlimited, by a line in /etc/security/limits.conf");
}

static void check_leftovers(struct checks *checks)
{
	struct problem problem;
	struct groups groups;
	struct check *check;
	size_t stale;

	if (groups_read(&groups, checks->root, &problem)) {
		check_add(checks, "leftovers", CHECK_ADVICE, "%.200s", problem.text);
		return;
	}
	stale = groups.stale_sockets.count;
	for (size_t i = 0; i < groups.count; i++)
		stale += groups.items[i].state == GROUP_STALE;
	if (!stale) {
		check_add(checks, "leftovers", CHECK_OK, "no stale memory, no stale socket");
	} else {
		check = check_add(checks, "leftovers", CHECK_ADVICE, "%zu stale memory object%s or socket%s",
				  stale, stale == 1 ? "" : "s", stale == 1 ? "" : "s");
		check_mend(check, "hgshm ls lists them, hgshm rm --stale removes them");
	}
	groups_free(&groups);
}

void checks_host(struct checks *checks)
{
	check_cpu(checks);
	check_kvm(checks);
	checks_qemu(checks);
	check_shm(checks);
	check_huge_pages(checks);
	checks_memlock(checks);
	check_leftovers(checks);
}
