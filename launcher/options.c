// SPDX-License-Identifier: MIT
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE	2

const char *argp_program_version = "hgshm-launch " HGSHM_PROJECT_VERSION;

static const char doc[] =
	"Start virtual machines that share memory: one of a group by its index, or "
	"the whole group.\v"
	"Values marked [N:] may be given several times: VALUE for every VM, N:VALUE "
	"for VM N alone.\n\n"
	"What stands after -- is handed to every QEMU as it is. HGSHM_ACCEL, "
	"HGSHM_QEMU and HGSHM_GUEST give defaults for --accel, --qemu and the "
	"directory of the guest image.\n\n"
	"Exit status: 0 when every VM ended well, 1 when one did not, 2 for a bad "
	"option, 128 + N after signal N.";

enum option_key {
	KEY_PRINT = 'P',
	KEY_INDEX = 'i',
	KEY_CLIENTS = 'c',
	KEY_SIZE = 's',
	KEY_MEMORY = 'm',
	KEY_CPUS = 'u',
	KEY_DIR = 'd',
	KEY_RUN = 'r',
	KEY_SHMID = 0x100,
	KEY_SOCKET,
	KEY_UNLINK,
	KEY_GUESTMMAP,
	KEY_MAPIDX,
	KEY_PROPS,
	KEY_QEMU,
	KEY_ACCEL,
	KEY_KERNEL,
	KEY_INITRD,
	KEY_APPEND,
	KEY_DISK,
	KEY_RESULT,
	KEY_NETWORK,
	KEY_MTU,
	KEY_LOG_DIR,
	KEY_TIMEOUT,
	KEY_PREFIX,
};

static const struct argp_option descriptions[] = {
	{ 0, 0, 0, 0, "Which VMs", 1 },
	{ "index", KEY_INDEX, "N", 0,
	  "start VM N alone; the others of its group are started with the same --dir", 0 },
	{ "clients", KEY_CLIENTS, "COUNT", 0, "VMs in the group, 1 to 64 (4)", 0 },
	{ "print", KEY_PRINT, 0, 0,
	  "start nothing; print the QEMU command lines, ready to be pasted into a shell", 0 },

	{ 0, 0, 0, 0, "Shared memory", 2 },
	{ "size", KEY_SIZE, "BYTES", 0, "shared memory of the group; suffixes k m g t (512m)", 0 },
	{ "shmid", KEY_SHMID, "NAME", 0, "name of the memory (made from --dir)", 0 },
	{ "socket", KEY_SOCKET, "PATH", 0, "where VMs meet (hgshm.sock in --dir)", 0 },
	{ "unlink", KEY_UNLINK, "0|1", 0,
	  "1: start with fresh memory and delete it at the end; 0: keep it (1)", 0 },
	{ "guestmmap", KEY_GUESTMMAP, "[N:]0|1", 0, "whether the guest gets the memory (1)", 0 },
	{ "mapidx", KEY_MAPIDX, "[N:]K|none", 0, "slice that BAR 3 shows, not for VM 0 (0)", 0 },
	{ "props", KEY_PROPS, "[N:]P=V,...", 0, "more properties of the hgshm device", 0 },

	{ 0, 0, 0, 0, "Machine", 3 },
	{ "memory", KEY_MEMORY, "[N:]BYTES", 0, "memory of its own; suffixes m g (512m)", 0 },
	{ "cpus", KEY_CPUS, "[N:]COUNT", 0, "virtual CPUs (1)", 0 },
	{ "accel", KEY_ACCEL, "auto|kvm|tcg", 0,
	  "auto: KVM if /dev/kvm opens and the CPU has svm or vmx, otherwise TCG (auto)", 0 },
	{ "disk", KEY_DISK, "[N:]FILE", 0, "a raw file as read-only virtio-blk disk (none)", 0 },
	{ "network", KEY_NETWORK, "star|none", 0,
	  "virtio-net: a wire from VM 0 to each other VM N, 10.77.N.1 and 10.77.N.2 (star)", 0 },
	{ "mtu", KEY_MTU, "BYTES", 0, "MTU of the wires, 68 to 65535 (65535)", 0 },
	{ "qemu", KEY_QEMU, "PROGRAM", 0, "QEMU to run (hgshm-qemu)", 0 },

	{ 0, 0, 0, 0, "Guest", 4 },
	{ "kernel", KEY_KERNEL, "FILE", 0, "Linux kernel (the guest image's)", 0 },
	{ "initrd", KEY_INITRD, "FILE", 0,
	  "initial file system; several are joined (the guest image's)", 0 },
	{ "append", KEY_APPEND, "TEXT", 0, "more words for the kernel command line", 0 },
	{ "run", KEY_RUN, "[N:]FILE", 0,
	  "shell script that the guest runs, to power off when it ends (none)", 0 },
	{ "result", KEY_RESULT, "[N:]FILE", 0, "where $HGSHM_RESULT goes (vmN.result in --log-dir)", 0 },

	{ 0, 0, 0, 0, "This run", 5 },
	{ "dir", KEY_DIR, "DIR", 0,
	  "for sockets and logs (a new one for a group; one per user for --index)", 0 },
	{ "log-dir", KEY_LOG_DIR, "DIR", 0,
	  "for logs, kept at the end (--dir; then kept only after a failure)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "stop everything after so long, as a failure (0: never)", 0 },
	{ "prefix", KEY_PREFIX, "0|1", 0, "name the VM in front of each line (1 for a group)", 0 },
	{ 0 },
};

static unsigned int parse_number(const struct argp_state *state, const char *name,
				 const char *text, unsigned int min, unsigned int max)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *text == '+' ||
	    number < min || number > max)
		argp_error(state, "--%s=%s: a number from %u to %u is wanted",
			   name, text, min, max);
	return number;
}

static void add_value(const struct argp_state *state, struct values *v, const char *text)
{
	if (values_add(v, text))
		argp_failure(state, EXIT_FAILURE, ENOMEM, "%s", text);
}

static void parse_accel(const struct argp_state *state, const char *name,
			const char *text, enum accel *accel)
{
	if (accel_parse(text, accel))
		argp_error(state, "%s=%s: it is auto, kvm or tcg", name, text);
}

/* Each value must suit, whichever VM it is meant for. */
static void check_numbers(const struct argp_state *state, const char *name,
			  const struct values *v, unsigned int min, unsigned int max)
{
	for (size_t i = 0; i < v->count; i++)
		parse_number(state, name, v->items[i].text, min, max);
}

static void check_files(const struct argp_state *state, const char *name,
			const struct values *v)
{
	for (size_t i = 0; i < v->count; i++) {
		if (access(v->items[i].text, R_OK))
			argp_error(state, "--%s=%s: %s", name, v->items[i].text,
				   strerror(errno));
	}
}

static void check_index(const struct argp_state *state, const char *name,
			const struct values *v, unsigned int clients)
{
	int highest = values_highest_index(v);

	if (highest >= (int)clients)
		argp_error(state, "--%s=%d:...: there is no VM %d with --clients=%u",
			   name, highest, highest, clients);
}

static void check(const struct argp_state *state, const struct launch_options *o)
{
	const struct {
		const char *name;
		const struct values *v;
	} per_vm[] = {
		{ "guestmmap", &o->guestmmap }, { "mapidx", &o->mapidx },
		{ "props", &o->props },		{ "memory", &o->memory },
		{ "cpus", &o->cpus },		{ "disk", &o->disks },
		{ "run", &o->runs },		{ "result", &o->results },
	};

	if (o->index >= (int)o->clients)
		argp_error(state, "--index=%d: there is no such VM with --clients=%u",
			   o->index, o->clients);
	for (size_t i = 0; i < sizeof(per_vm) / sizeof(per_vm[0]); i++)
		check_index(state, per_vm[i].name, per_vm[i].v, o->clients);
	check_numbers(state, "guestmmap", &o->guestmmap, 0, 1);
	check_numbers(state, "cpus", &o->cpus, 1, 255);
	for (size_t i = 0; i < o->mapidx.count; i++) {
		if (strcmp(o->mapidx.items[i].text, "none"))
			parse_number(state, "mapidx", o->mapidx.items[i].text, 0,
				     o->clients - 1);
	}
	check_files(state, "disk", &o->disks);
	check_files(state, "run", &o->runs);
	check_files(state, "initrd", &o->initrds);
	if (o->kernel && access(o->kernel, R_OK))
		argp_error(state, "--kernel=%s: %s", o->kernel, strerror(errno));
}

static error_t parse_one(int key, char *text, struct argp_state *state)
{
	struct launch_options *o = state->input;

	switch (key) {
	case KEY_INDEX:
		o->index = parse_number(state, "index", text, 0, LAUNCH_CLIENTS_MAX - 1);
		break;
	case KEY_CLIENTS:
		o->clients = parse_number(state, "clients", text, 1, LAUNCH_CLIENTS_MAX);
		break;
	case KEY_PRINT:
		o->print = true;
		break;
	case KEY_SIZE:
		o->size = text;
		break;
	case KEY_SHMID:
		if (!*text || strchr(text, '/'))
			argp_error(state, "--shmid=%s: a name without slashes is wanted", text);
		o->shmid = text;
		break;
	case KEY_SOCKET:
		o->socket = text;
		break;
	case KEY_UNLINK:
		o->unlink = parse_number(state, "unlink", text, 0, 1);
		break;
	case KEY_GUESTMMAP:
		add_value(state, &o->guestmmap, text);
		break;
	case KEY_MAPIDX:
		add_value(state, &o->mapidx, text);
		break;
	case KEY_PROPS:
		add_value(state, &o->props, text);
		break;
	case KEY_MEMORY:
		add_value(state, &o->memory, text);
		break;
	case KEY_CPUS:
		add_value(state, &o->cpus, text);
		break;
	case KEY_ACCEL:
		parse_accel(state, "--accel", text, &o->accel);
		break;
	case KEY_DISK:
		add_value(state, &o->disks, text);
		break;
	case KEY_NETWORK:
		if (strcmp(text, "star") && strcmp(text, "none"))
			argp_error(state, "--network=%s: it is star or none", text);
		o->network = !strcmp(text, "star");
		break;
	case KEY_MTU:
		o->mtu = parse_number(state, "mtu", text, 68, 65535);
		break;
	case KEY_QEMU:
		o->qemu = text;
		break;
	case KEY_KERNEL:
		o->kernel = text;
		break;
	case KEY_INITRD:
		add_value(state, &o->initrds, text);
		break;
	case KEY_APPEND:
		o->append = text;
		break;
	case KEY_RUN:
		add_value(state, &o->runs, text);
		break;
	case KEY_RESULT:
		add_value(state, &o->results, text);
		break;
	case KEY_DIR:
		o->dir = text;
		break;
	case KEY_LOG_DIR:
		o->log_dir = text;
		break;
	case KEY_TIMEOUT:
		o->timeout_s = parse_number(state, "timeout", text, 0, INT_MAX / 1000);
		break;
	case KEY_PREFIX:
		o->prefix = parse_number(state, "prefix", text, 0, 1);
		break;
	case ARGP_KEY_ARG:
		if (!state->quoted)
			argp_error(state, "%s: what is meant for QEMU stands after --", text);
		return ARGP_ERR_UNKNOWN;
	case ARGP_KEY_ARGS:
		o->qemu_args = state->argv + state->next;
		o->qemu_args_count = state->argc - state->next;
		state->next = state->argc;
		break;
	case ARGP_KEY_END:
		check(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void options_parse(struct launch_options *o, int argc, char **argv)
{
	static const struct argp parser = {
		.options = descriptions,
		.parser = parse_one,
		.args_doc = "[-- QEMU-OPTION...]",
		.doc = doc,
	};
	const char *accel = getenv("HGSHM_ACCEL");

	argp_err_exit_status = EXIT_USAGE;
	*o = (struct launch_options){
		.index = LAUNCH_WHOLE_GROUP,
		.clients = 4,
		.prefix = -1,
		.size = "512m",
		.unlink = true,
		.network = true,
		.mtu = 65535,
		.append = "",
	};
	if (accel && *accel && accel_parse(accel, &o->accel)) {
		fprintf(stderr, "hgshm-launch: HGSHM_ACCEL=%s: it is auto, kvm or tcg\n", accel);
		exit(EXIT_USAGE);
	}
	if (argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, o))
		exit(EXIT_USAGE);
	if (o->prefix < 0)
		o->prefix = o->index == LAUNCH_WHOLE_GROUP;
	if (o->accel == ACCEL_AUTO)
		o->accel = accel_detect(ACCEL_KVM_PATH, ACCEL_CPUINFO_PATH);
}

void options_free(struct launch_options *o)
{
	struct values *all[] = { &o->guestmmap, &o->mapidx, &o->props, &o->memory,
				 &o->cpus, &o->initrds, &o->disks, &o->runs, &o->results };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		values_free(all[i]);
}
