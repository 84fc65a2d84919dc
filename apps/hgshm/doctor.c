/* SPDX-License-Identifier: MIT */
/* hgshm doctor: what is missing on this machine, and how to mend it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "checks.h"
#include "command.h"
#include "json.h"
#include "size.h"
#include "text.h"

#define SIZE_DEFAULT	(64 * UINT64_C(1048576))

struct options {
	struct checks checks;
	bool json;
	bool host;
	bool guest;
};

enum {
	KEY_GUEST = KEY_OWN,
	KEY_HOST,
};

static const struct argp_option option_list[] = {
	{ "size", 's', "BYTES", 0, "memory that a group is to have; suffixes k m g t (64m)", 0 },
	{ "host", KEY_HOST, NULL, 0, "check it as a host of VMs, whatever it is", 0 },
	{ "guest", KEY_GUEST, NULL, 0, "check it as a guest", 0 },
	OPTION_JSON,
	OPTION_SYSROOT,
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_JSON:
		options->json = true;
		break;
	case KEY_SYSROOT:
		options->checks.root = arg;
		break;
	case KEY_HOST:
		options->host = true;
		break;
	case KEY_GUEST:
		options->guest = true;
		break;
	case 's':
		if (parse_size(arg, &options->checks.size_bytes) || !options->checks.size_bytes)
			argp_error(state, "--size=%s: bytes are wanted, as 64m", arg);
		break;
	case ARGP_KEY_END:
		if (options->host && options->guest)
			argp_error(state, "--host and --guest: one of them");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Say what this machine lacks for hgshm, and how to mend it. On a host: KVM, QEMU and "
	       "the plug-in, /dev/shm, huge pages, limits. In a guest: the device, the driver, the "
	       "rights, how fast the memory is.\v"
	       "Each line is ok, advice (works without, better with) or problem. Exit status: 1 if "
	       "there is a problem, otherwise 0. It is a guest if it has an hgshm device or driver. "
	       "HGSHM_QEMU names an hgshm-qemu other than the one beside this program or in PATH.",
};

struct check *check_add(struct checks *checks, const char *name, enum check_result result,
			const char *format, ...)
{
	static struct check surplus;
	struct check *check = &surplus;
	va_list args;

	if (checks->count < CHECKS_MAX)
		check = &checks->items[checks->count++];
	*check = (struct check){ .name = name, .result = result };
	va_start(args, format);
	vsnprintf(check->found, sizeof(check->found), format, args);
	va_end(args);
	return check;
}

void check_mend(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(check->mend, sizeof(check->mend), format, args);
	va_end(args);
}

static const char *const result_names[] = {
	[CHECK_OK] = "ok",
	[CHECK_ADVICE] = "advice",
	[CHECK_PROBLEM] = "problem",
};

static void print_json(const struct checks *checks, bool guest, unsigned int problems)
{
	struct json json = { .out = stdout };

	json_object(&json, NULL);
	json_string(&json, "side", guest ? "guest" : "host");
	json_array(&json, "checks");
	for (unsigned int i = 0; i < checks->count; i++) {
		const struct check *check = &checks->items[i];

		json_object(&json, NULL);
		json_string(&json, "name", check->name);
		json_string(&json, "result", result_names[check->result]);
		json_string(&json, "found", check->found);
		json_string(&json, "mend", check->mend[0] ? check->mend : NULL);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_number(&json, "problems", problems);
	json_object_end(&json);
}

static void print_text(const struct checks *checks, bool guest, unsigned int problems)
{
	for (unsigned int i = 0; i < checks->count; i++) {
		const struct check *check = &checks->items[i];

		printf("%-8s %-11s ", result_names[check->result], check->name);
		text_print(stdout, check->found);
		putchar('\n');
		if (check->mend[0])
			printf("%21smend: %s\n", "", check->mend);
	}
	if (problems)
		printf("%u problem%s on this %s\n", problems, problems == 1 ? "" : "s",
		       guest ? "guest" : "host");
	else
		printf("this %s has what it needs\n", guest ? "guest" : "host");
}

static int run(int argc, char **argv)
{
	struct options options = { .checks = { .root = "", .size_bytes = SIZE_DEFAULT } };
	struct problem problem;
	unsigned int problems = 0;
	bool guest;
	int status;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	guest = options.guest || (!options.host && checks_is_guest(options.checks.root));
	if (guest)
		checks_guest(&options.checks);
	else
		checks_host(&options.checks);
	for (unsigned int i = 0; i < options.checks.count; i++)
		problems += options.checks.items[i].result == CHECK_PROBLEM;
	if (options.json)
		print_json(&options.checks, guest, problems);
	else
		print_text(&options.checks, guest, problems);
	status = command_end(argv[0], 0, &problem);
	return status ? status : problems ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "what this machine lacks, and how to mend it",
	.run = run,
};
