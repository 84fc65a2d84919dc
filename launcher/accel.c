// SPDX-License-Identifier: MIT
#include "accel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int accel_parse(const char *text, enum accel *accel)
{
	if (!strcmp(text, "auto"))
		*accel = ACCEL_AUTO;
	else if (!strcmp(text, "kvm"))
		*accel = ACCEL_KVM;
	else if (!strcmp(text, "tcg"))
		*accel = ACCEL_TCG;
	else
		return -EINVAL;
	return 0;
}

/* A whole word of a "flags" line: "avx512_vpopcntdq" holds no "vmx". */
static bool line_has_virtualization(char *line)
{
	char *rest;

	if (strncmp(line, "flags", 5))
		return false;
	for (char *word = strtok_r(line, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		if (!strcmp(word, "svm") || !strcmp(word, "vmx"))
			return true;
	}
	return false;
}

enum accel accel_detect(const char *kvm_path, const char *cpuinfo_path)
{
	FILE *cpuinfo;
	char *line = NULL;
	size_t line_bytes = 0;
	bool found = false;

	if (access(kvm_path, R_OK | W_OK))
		return ACCEL_TCG;
	cpuinfo = fopen(cpuinfo_path, "re");
	if (!cpuinfo)
		return ACCEL_TCG;
	while (!found && getline(&line, &line_bytes, cpuinfo) >= 0)
		found = line_has_virtualization(line);
	free(line);
	fclose(cpuinfo);
	return found ? ACCEL_KVM : ACCEL_TCG;
}
