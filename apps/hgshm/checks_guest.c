/* SPDX-License-Identifier: MIT */
/* What a guest needs. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hgshm/hgshm.h>

#include "checks.h"
#include "text.h"

#define PCI_FOLDER	"/sys/bus/pci/devices"

typedef void visit(struct checks *checks, const char *name, void *arg);

static unsigned long read_id(const char *root, const char *device, const char *name)
{
	char path[PATH_MAX], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s" PCI_FOLDER "/%s/%s", root, device, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strtoul(text, NULL, 16);
}

static bool is_pci_device(const char *root, const char *name)
{
	return name[0] != '.' && read_id(root, name, "vendor") == HGSHM_PCI_VENDOR_ID &&
	       read_id(root, name, "device") == HGSHM_PCI_DEVICE_ID;
}

static bool is_node(const char *root, const char *name)
{
	return !strncmp(name, "hgshm", 5) && name[5] &&
	       strspn(name + 5, "0123456789") == strlen(name + 5);
}

/* Calls visit, if there is one, for each that fits; how many there are. */
static unsigned int each(struct checks *checks, const char *folder,
			 bool (*fits)(const char *root, const char *name), visit *visit, void *arg)
{
	char path[PATH_MAX];
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s", checks->root, folder);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (!fits(checks->root, entry->d_name))
			continue;
		count++;
		if (visit)
			visit(checks, entry->d_name, arg);
	}
	closedir(dir);
	return count;
}

bool checks_is_guest(const char *root)
{
	struct checks checks = { .root = root };

	return each(&checks, PCI_FOLDER, is_pci_device, NULL, NULL) ||
	       each(&checks, "/dev", is_node, NULL, NULL);
}

static void check_bound(struct checks *checks, const char *name, void *module_loaded)
{
	char path[PATH_MAX], driver[PATH_MAX];
	struct check *check;
	ssize_t length;

	snprintf(path, sizeof(path), "%s" PCI_FOLDER "/%s/driver", checks->root, name);
	length = readlink(path, driver, sizeof(driver) - 1);
	if (length > 0) {
		driver[length] = '\0';
		check_add(checks, "device", CHECK_OK, "PCI %s is driven by %.64s", name,
			  strrchr(driver, '/') ? strrchr(driver, '/') + 1 : driver);
		return;
	}
	check = check_add(checks, "device", CHECK_PROBLEM, "PCI %s has no driver", name);
	if (*(bool *)module_loaded)
		check_mend(check, "dmesg says why hgshm.ko refused it");
	else
		check_mend(check, "load the driver, as the line on it says");
}

/* The node's rights, and what the device itself says. */
static void check_node(struct checks *checks, const char *name, void *arg)
{
	struct hgshm_info info;
	struct check *check;
	char path[PATH_MAX];
	struct hgshm *h;
	int ret;

	snprintf(path, sizeof(path), "%s/dev/%s", checks->root, name);
	if (access(path, R_OK | W_OK)) {
		check = check_add(checks, "node", CHECK_PROBLEM, "/dev/%.64s: %s", name,
				  strerror(errno));
		check_mend(check, "chmod or chown it, for good by a udev rule");
		return;
	}
	if (*checks->root) {
		check_add(checks, "node", CHECK_OK, "/dev/%.64s may be opened", name);
		return;
	}
	ret = hgshm_open(&h, path, NULL);
	if (!ret) {
		ret = hgshm_get_info(h, &info);
		hgshm_close(h);
	}
	if (ret) {
		check = check_add(checks, "node", CHECK_PROBLEM, "%.200s", hgshm_strerror(ret));
		check_mend(check, "use driver and hgshm of one version; dmesg may say more");
		return;
	}
	check_add(checks, "node", CHECK_OK, "/dev/%.64s: member %u of %u, memory %s", name,
		  info.index, info.clients, text_size(info.memory_bytes).text);
	if (info.status & HGSHM_STATUS_MEMORY_STALE) {
		check = check_add(checks, "memory", CHECK_PROBLEM,
				  "the mapper came back with another memory, this guest has the old one");
		check_mend(check, "unplug the device and plug it in anew, or restart this VM");
	} else if (info.cache == HGSHM_CACHE_NONE) {
		check = check_add(checks, "memory", CHECK_PROBLEM, "it is not cached, and slow");
		check_mend(check, "dmesg says why");
	} else if (!info.memory_bytes) {
		check = check_add(checks, "memory", CHECK_ADVICE, "none: only doorbells");
		check_mend(check, "start the VM with guestmmap=1 if it is to have memory");
	} else if (info.cache == HGSHM_CACHE_WRITE_BACK) {
		check_add(checks, "memory", CHECK_OK, "cached write-back");
	} else {
		check = check_add(checks, "memory", CHECK_ADVICE, "the driver does not tell how it is "
				  "cached");
		check_mend(check, "a driver of this version does");
	}
}

void checks_guest(struct checks *checks)
{
	char path[PATH_MAX];
	struct check *check;
	bool loaded;

	snprintf(path, sizeof(path), "%s/sys/module/hgshm", checks->root);
	loaded = !access(path, F_OK);
	if (loaded) {
		check_add(checks, "driver", CHECK_OK, "hgshm.ko is loaded");
	} else {
		check = check_add(checks, "driver", CHECK_PROBLEM, "hgshm.ko is not loaded");
		check_mend(check, "modprobe hgshm; if there is none for this kernel, driver/build makes "
			   "it");
	}
	if (!each(checks, PCI_FOLDER, is_pci_device, check_bound, &loaded)) {
		check = check_add(checks, "device", CHECK_PROBLEM, "no hgshm device on the PCI bus");
		check_mend(check, "start this VM by hgshm-qemu with -device hgshm,...");
	}
	if (!each(checks, "/dev", is_node, check_node, NULL)) {
		check = check_add(checks, "node", CHECK_PROBLEM, "no /dev/hgshm0");
		check_mend(check, "it appears once the driver has the device");
	}
	checks_memlock(checks);
}
