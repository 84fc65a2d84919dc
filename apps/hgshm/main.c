/* SPDX-License-Identifier: MIT */
/* hgshm: look at groups that share memory, ring their members, move bytes between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "standard_files.h"

const char *argp_program_version = "hgshm " HGSHM_APPS_VERSION;

static const struct command *const commands[] = {
	&command_info, &command_peers, &command_ring, &command_wait, &command_put,
	&command_cat, &command_ls, &command_rm, &command_doctor,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out, "Usage: hgshm COMMAND [OPTION...] [ARGUMENT...]\n"
		"Memory and doorbells shared by the virtual machines of a host, and its processes.\n"
		"\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n"
		"hgshm COMMAND --help tells a command's options; each has --json.\n"
		"\n"
		"  hgshm ls                          which groups are on this host?\n"
		"  hgshm info /run/group.sock        what is shared there?\n"
		"  hgshm put 1 </var/log/big.log     in VM 0, and in VM 1 at the same time:\n"
		"  hgshm cat 0 >big.log\n"
		"\n"
		"Exit status: 0 done, 1 it could not be done (doctor: something is missing), 2 wrong\n"
		"options, 3 hgshm wait saw nothing in time, 128 + N after signal N.\n");
}

static int run(const struct command *command, int argc, char **argv)
{
	char name[32];

	snprintf(name, sizeof(name), "hgshm %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	const char *word = argv[1];

	standard_files_fill();
	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-?") || !strcmp(word, "help")) {
		print_help(stdout);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts(argp_program_version);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(word, commands[i]->name))
			return run(commands[i], argc - 1, argv + 1);
	fprintf(stderr, "hgshm: %s: there is no such command; hgshm --help lists them\n", word);
	return STATUS_USAGE;
}
