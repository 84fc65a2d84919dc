/* SPDX-License-Identifier: MIT */
/* A subcommand of hgshm, and how each begins and ends. */
#ifndef HGSHM_COMMAND_H
#define HGSHM_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "problem.h"

/* exit statuses besides 0, EXIT_FAILURE and 128 + a signal's number */
#define STATUS_USAGE	2
#define STATUS_TIMEOUT	3

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);	/* the exit status; argv[0] is "hgshm NAME" */
};

extern const struct command command_info;
extern const struct command command_peers;
extern const struct command command_ring;
extern const struct command command_wait;
extern const struct command command_put;
extern const struct command command_cat;
extern const struct command command_ls;
extern const struct command command_rm;
extern const struct command command_doctor;

/* keys of options that several subcommands have */
enum command_key {
	KEY_JSON = 'j',
	KEY_SYSROOT = 0x100,
	KEY_OWN,				/* a subcommand's own start here */
};

#define OPTION_JSON	{ "json", KEY_JSON, NULL, 0, "say it in JSON, one value a line", 0 }
#define OPTION_SYSROOT	\
	{ "sysroot", KEY_SYSROOT, "DIR", 0, "look below DIR in place of /", 0 }

#define PLACE_DOC	\
	"PLACE is a guest's device (/dev/hgshm0), the socket of a group on this host, the " \
	"group's name as hgshm ls shows it, or what hgshm_open(3) takes (join:..., found:...). " \
	"Left out: the guest's first device, else the only group on this host. On a host this " \
	"program takes a free place in the group for as long as it runs."

/* For options: ends the program with status 2 and a line that names option and value. */
uint64_t command_number(struct argp_state *state, const char *name, const char *text,
			uint64_t least, uint64_t most);
int64_t command_seconds(struct argp_state *state, const char *name, const char *text);

/* Says the problem's line, whatever bytes are in it. */
void command_complain(const char *name, const struct problem *problem);

/*
 * The exit status of a subcommand: 0 for ret 0; else the problem's line, and 1. Output
 * that could not be written is a failure, too.
 */
int command_end(const char *name, int ret, const struct problem *problem);

#endif /* HGSHM_COMMAND_H */
