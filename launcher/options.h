/* SPDX-License-Identifier: MIT */
/** DOC: what the user asked for, checked, with the defaults filled in */
#ifndef HGSHM_LAUNCH_OPTIONS_H
#define HGSHM_LAUNCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "accel.h"
#include "values.h"

#define LAUNCH_CLIENTS_MAX	64
#define LAUNCH_WHOLE_GROUP	(-1)

struct launch_options {
	int index;		/* the one VM to start, or LAUNCH_WHOLE_GROUP */
	unsigned int clients;
	bool print;
	int prefix;		/* 0 or 1: name the VM before each line of its output */
	unsigned int timeout_s;	/* 0: none */

	const char *size;
	const char *shmid;	/* NULL: made from the directory */
	const char *socket;	/* NULL: inside the directory */
	bool unlink;
	struct values guestmmap;
	struct values mapidx;
	struct values props;

	const char *qemu;	/* NULL: search */
	enum accel accel;
	struct values memory;
	struct values cpus;
	const char *kernel;	/* NULL: the guest image's */
	struct values initrds;	/* in this order; indices are not looked at */
	const char *append;
	struct values disks;
	struct values runs;
	struct values results;
	bool network;
	unsigned int mtu;
	char **qemu_args;	/* after "--" */
	int qemu_args_count;

	const char *dir;	/* NULL: made for this run, or a default */
	const char *log_dir;	/* NULL: the directory */
};

/**
 * options_parse() - read the command line and the environment
 * @o: filled in, zeroed before
 *
 * An error ends the process with status 2 after one line that names the
 * option and its value.
 */
void options_parse(struct launch_options *o, int argc, char **argv);

/** options_first(), options_end() - the range of VMs to start */
static inline unsigned int options_first(const struct launch_options *o)
{
	return o->index == LAUNCH_WHOLE_GROUP ? 0 : (unsigned int)o->index;
}

static inline unsigned int options_end(const struct launch_options *o)
{
	return o->index == LAUNCH_WHOLE_GROUP ? o->clients :
						(unsigned int)o->index + 1;
}

void options_free(struct launch_options *o);

#endif
