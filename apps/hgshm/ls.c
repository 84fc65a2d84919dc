/* SPDX-License-Identifier: MIT */
/* hgshm ls: the groups of this host, the devices of a guest. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "devices.h"
#include "groups.h"
#include "json.h"
#include "text.h"

struct options {
	const char *sysroot;
	bool json;
};

static const struct argp_option option_list[] = {
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
		options->sysroot = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = option_list,
	.parser = parse_option,
	.doc = "List the groups of this host: name, state, size, where the mapper listens, who is in; and "
	       "the devices of a guest.\v"
	       "live: the mapper is there. orphaned: it is not, others are and wait for it. stale: "
	       "nobody has the memory, or listens at the socket; hgshm rm removes it. unused: nobody "
	       "has the memory, but its name does not say that it is a group's; hgshm rm removes it "
	       "by name. unknown: only root can see. Sockets that nobody listens at are looked for in "
	       "/tmp, /run, the user's runtime directory, and directly below these, if their path says "
	       "hgshm and this user may remove them. No member notices.",
};

static const char *backing_name(const struct group *group)
{
	return group->object ? "shm" : group->sealed ? "memfd" : NULL;
}

static void json_members(struct json *json, const struct group *group)
{
	json_array(json, "members");
	for (size_t i = 0; i < group->member_count; i++) {
		const struct member *member = &group->members[i];

		json_object(json, NULL);
		json_number(json, "pid", member->pid);
		json_string(json, "program", member->program);
		json_string(json, "kind", process_kind_name(member->kind));
		if (member->index < 0)
			json_null(json, "index");
		else
			json_number(json, "index", member->index);
		json_object_end(json);
	}
	json_array_end(json);
}

static void json_devices(struct json *json, const struct devices *devices)
{
	json_array(json, "devices");
	for (size_t i = 0; i < devices->count; i++) {
		const struct device *device = &devices->items[i];

		json_object(json, NULL);
		json_string(json, "path", device->path);
		json_string(json, "error", device->error ? device->problem.text : NULL);
		if (!device->error) {
			json_string(json, "name", (const char *)device->info.shmid);
			json_number(json, "index", device->info.index);
			json_number(json, "clients", device->info.clients);
			json_number(json, "bytes", device->info.size_bytes);
		}
		json_object_end(json);
	}
	json_array_end(json);
}

static void print_json(const struct groups *groups, const struct devices *devices)
{
	struct json json = { .out = stdout };

	json_object(&json, NULL);
	json_array(&json, "groups");
	for (size_t i = 0; i < groups->count; i++) {
		const struct group *group = &groups->items[i];

		json_object(&json, NULL);
		json_string(&json, "name", group->name);
		json_string(&json, "state", group_state_name(group->state));
		json_string(&json, "backing", backing_name(group));
		if (group->bytes)
			json_number(&json, "bytes", group->bytes);
		else
			json_null(&json, "bytes");
		if (group->owner == (uid_t)-1)
			json_null(&json, "owner");
		else
			json_number(&json, "owner", group->owner);
		json_string(&json, "socket", group->socket[0] ? group->socket : NULL);
		json_members(&json, group);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_array(&json, "stale_sockets");
	for (size_t i = 0; i < groups->stale_sockets.count; i++)
		json_string(&json, NULL, groups->stale_sockets.items[i]);
	json_array_end(&json);
	json_devices(&json, devices);
	json_number(&json, "hidden_processes", groups->hidden);
	json_object_end(&json);
}

struct widths {
	size_t name;
	size_t socket;
};

static void widen(size_t *width, const char *text)
{
	if (strlen(text) > *width)
		*width = strlen(text);
}

static struct widths find_widths(const struct groups *groups)
{
	struct widths widths = { strlen("GROUP"), strlen("SOCKET") };

	for (size_t i = 0; i < groups->count; i++) {
		widen(&widths.name, groups->items[i].name);
		widen(&widths.socket, groups->items[i].socket);
	}
	return widths;
}

static void print_column(const char *text, size_t width)
{
	text_print(stdout, text);
	printf("%*s  ", (int)(width - strlen(text)), "");
}

static void print_group(const struct group *group, const struct widths *widths)
{
	print_column(group->name, widths->name);
	printf("%-8s  %-9s  %-7s  ", group_state_name(group->state),
	       group->bytes ? text_size(group->bytes).text : "-",
	       backing_name(group) ? backing_name(group) : "-");
	print_column(group->socket[0] ? group->socket : "-", widths->socket);
	for (size_t i = 0; i < group->member_count; i++) {
		const struct member *member = &group->members[i];

		if (i)
			printf(", ");
		if (member->index >= 0)
			printf("%d:", member->index);
		text_print(stdout, member->program);
		printf("(%d)", member->pid);
	}
	printf("%s\n", group->member_count ? "" : "nobody");
}

static void print_device(const struct device *device)
{
	if (device->error) {
		printf("device  ");
		text_print(stdout, device->problem.text);
	} else {
		printf("device  %s  member %u of %u  %s  ", device->path, device->info.index,
		       device->info.clients, text_size(device->info.size_bytes).text);
		text_print(stdout, (const char *)device->info.shmid);
	}
	putchar('\n');
}

static void print_text(const struct groups *groups, const struct devices *devices)
{
	struct widths widths = find_widths(groups);

	if (groups->count)
		printf("%-*s  %-8s  %-9s  %-7s  %-*s  MEMBERS\n", (int)widths.name, "GROUP", "STATE",
		       "SIZE", "BACKING", (int)widths.socket, "SOCKET");
	for (size_t i = 0; i < groups->count; i++)
		print_group(&groups->items[i], &widths);
	for (size_t i = 0; i < groups->stale_sockets.count; i++) {
		printf("stale socket  ");
		text_print(stdout, groups->stale_sockets.items[i]);
		putchar('\n');
	}
	for (size_t i = 0; i < devices->count; i++)
		print_device(&devices->items[i]);
	if (!groups->count && !groups->stale_sockets.count && !devices->count)
		printf("no group on this host%s\n", groups->hidden && geteuid() ?
		       " that this user can see; root sees all" : "");
}

static int run(int argc, char **argv)
{
	struct options options = { .sysroot = "" };
	struct devices devices = { 0 };
	struct problem problem;
	struct groups groups;
	int ret;

	argp_err_exit_status = STATUS_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	ret = groups_read(&groups, options.sysroot, &problem);
	if (!ret) {
		if (!*options.sysroot)
			ret = devices_read(&devices, &problem);
		if (!ret && options.json)
			print_json(&groups, &devices);
		else if (!ret)
			print_text(&groups, &devices);
		devices_free(&devices);
		groups_free(&groups);
	}
	return command_end(argv[0], ret, &problem);
}

const struct command command_ls = {
	.name = "ls",
	.summary = "the groups of this host, who is in, what is stale",
	.run = run,
};
