// SPDX-License-Identifier: MIT
#include "command.h"

#include <stdlib.h>
#include <string.h>

#define NIC_FIRST_SLOT		0x10
#define NIC_FUNCTIONS		8
#define MAC_PREFIX		"52:54:00:4d"

/* An option with a path in it, whose commas QEMU wants doubled. */
static void add_path(struct args *a, const char *format, const char *path)
	__attribute__((format(printf, 2, 0)));

static void add_path(struct args *a, const char *format, const char *path)
{
	char *escaped = path ? qemu_escape(path) : NULL;

	if (escaped)
		args_addf(a, format, escaped);
	else
		a->failed = true;
	free(escaped);
}

static void add_machine(struct args *a, const struct launch_options *o,
			const struct places *p, unsigned int index)
{
	bool kvm = o->accel == ACCEL_KVM;
	const char *run = values_get(&o->runs, index, NULL);
	char tsc[32] = "";
	const char *tcg = "";

	args_add(a, "-nodefaults");
	args_add(a, "-no-user-config");
	args_add(a, "-no-reboot");
	args_add(a, "-display");
	args_add(a, "none");
	args_add(a, "-machine");
	args_add(a, "q35");
	args_add(a, "-accel");
	args_add(a, kvm ? "kvm" : "tcg,thread=multi");
	args_add(a, "-cpu");
	/*
	 * TCG runs "rep movsb" byte by byte, which erms and fsrm make kernel and
	 * libc take for the fastest copy: without them virtio-net is three times
	 * as fast. Of QEMU 7.2's cmpxchg16b the flags may come out wrong, by which
	 * kernels crash that branch on them, as 6.12 does.
	 */
	args_add(a, kvm ? "host" : "max,-erms,-fsrm,-cx16");
	args_add(a, "-smp");
	args_add(a, values_get(&o->cpus, index, "1"));
	args_add(a, "-m");
	args_add(a, values_get(&o->memory, index, "512m"));
	args_add(a, "-kernel");
	args_add(a, p->kernel);
	args_add(a, "-initrd");
	args_add(a, p->initrd);
	args_add(a, "-append");
	/* a kernel panics if a busy host starves it while it tries its timer */
	if (!kvm)
		tcg = " no_timer_check";
	if (p->guest_tsc_khz)
		snprintf(tsc, sizeof(tsc), " tsc_early_khz=%u", p->guest_tsc_khz);
	args_addf(a, "console=ttyS0 quiet loglevel=5 panic=-1%s%s hgshm.index=%u hgshm.clients=%u%s%s%s",
		  tcg, tsc, index, o->clients, run ? "" : " hgshm.shell",
		  *o->append ? " " : "", o->append);
	if (run) {
		args_add(a, "-fw_cfg");
		add_path(a, "name=opt/hgshm/run,file=%s", run);
	}
}

static void add_memory(struct args *a, const struct launch_options *o,
		       const struct places *p, unsigned int index)
{
	const char *guestmmap = values_get(&o->guestmmap, index, "1");
	const char *mapidx = values_get(&o->mapidx, index, "0");
	const char *props = values_get(&o->props, index, NULL);
	const char *comma = props ? "," : "";
	char *shmid = qemu_escape(p->shmid);

	if (!props)
		props = "";
	if (!shmid) {
		a->failed = true;
		return;
	}
	args_add(a, "-chardev");
	if (index == 0)
		add_path(a, "socket,id=hgshm,path=%s,server=on,wait=off,nodelay=on", p->socket);
	else
		add_path(a, "socket,id=hgshm,path=%s", p->socket);
	args_add(a, "-device");
	if (index == 0)
		args_addf(a, "hgshm,size=%s,chardev=hgshm,guestmmap=%s,unlink=%d,shmid=%s,index=0,clients=%u%s%s",
			  o->size, guestmmap, o->unlink, shmid, o->clients, comma, props);
	else if (!strcmp(mapidx, "none"))
		args_addf(a, "hgshm,shmid=%s,chardev=hgshm,guestmmap=%s,index=%u%s%s",
			  shmid, guestmmap, index, comma, props);
	else
		args_addf(a, "hgshm,shmid=%s,chardev=hgshm,guestmmap=%s,index=%u,mapidx=%s%s%s",
			  shmid, guestmmap, index, mapidx, comma, props);
	free(shmid);
}

/* One end of the wire between VM 0, which listens, and VM @wire. */
static void add_wire(struct args *a, const struct launch_options *o,
		     const struct places *p, unsigned int index, unsigned int wire)
{
	bool listens = index == 0;
	/* up to 63 cards at VM 0: eight to a slot */
	unsigned int place = listens ? wire - 1 : 0;
	char *path = places_wire(p, wire);
	char *escaped = path ? qemu_escape(path) : NULL;

	free(path);
	if (!escaped) {
		a->failed = true;
		return;
	}
	args_add(a, "-netdev");
	args_addf(a, "stream,id=wire%u,server=%s,addr.type=unix,addr.path=%s",
		  wire, listens ? "on" : "off", escaped);
	args_add(a, "-device");
	args_addf(a, "virtio-net-pci,netdev=wire%u,mac=" MAC_PREFIX ":%02x:%02x,host_mtu=%u,romfile=,addr=%x.%x,multifunction=on",
		  wire, wire, listens ? 0 : 1, o->mtu,
		  NIC_FIRST_SLOT + place / NIC_FUNCTIONS, place % NIC_FUNCTIONS);
	free(escaped);
}

static void add_network(struct args *a, const struct launch_options *o,
			const struct places *p, unsigned int index)
{
	if (!o->network)
		return;
	if (index > 0) {
		add_wire(a, o, p, index, index);
		return;
	}
	for (unsigned int wire = 1; wire < o->clients; wire++)
		add_wire(a, o, p, index, wire);
}

static void add_disk(struct args *a, const struct launch_options *o, unsigned int index)
{
	const char *disk = values_get(&o->disks, index, NULL);

	if (!disk)
		return;
	args_add(a, "-drive");
	add_path(a, "if=none,id=disk,format=raw,readonly=on,file=%s", disk);
	args_add(a, "-device");
	args_add(a, "virtio-blk-pci,drive=disk");
}

static void add_port(struct args *a, const char *name)
{
	args_add(a, "-device");
	args_addf(a, "virtserialport,chardev=%s,name=hgshm.%s", name, name);
}

static void add_file_port(struct args *a, const char *name, char *path)
{
	char *escaped = path ? qemu_escape(path) : NULL;

	free(path);
	if (!escaped) {
		a->failed = true;
		return;
	}
	args_add(a, "-chardev");
	args_addf(a, "file,id=%s,path=%s", name, escaped);
	free(escaped);
	add_port(a, name);
}

static void add_channels(struct args *a, const struct launch_options *o,
			 const struct places *p, unsigned int index,
			 const struct channels *fds)
{
	const char *result = values_get(&o->results, index, NULL);

	args_add(a, "-device");
	args_add(a, "virtio-serial-pci");
	if (fds) {
		args_add(a, "-chardev");
		args_addf(a, "socket,id=out,fd=%d", fds->out);
		add_port(a, "out");
		args_add(a, "-chardev");
		args_addf(a, "socket,id=qmp,fd=%d", fds->qmp);
		args_add(a, "-mon");
		args_add(a, "chardev=qmp,mode=control");
	} else {
		add_file_port(a, "out", places_log(p, index, "out"));
	}
	add_file_port(a, "dmesg", places_log(p, index, "dmesg"));
	add_file_port(a, "result",
		      result ? strdup(result) : places_log(p, index, "result"));
}

static void add_console(struct args *a, const struct launch_options *o,
			const struct places *p, unsigned int index, bool is_terminal)
{
	char *log = places_log(p, index, "log");
	char *escaped = log ? qemu_escape(log) : NULL;

	if (!is_terminal && !values_get(&o->runs, index, NULL)) {
		char *console = places_console(p, index);
		char *console_escaped = console ? qemu_escape(console) : NULL;

		args_add(a, "-chardev");
		if (escaped && console_escaped)
			args_addf(a, "socket,id=console,path=%s,server=on,wait=off,logfile=%s",
				  console_escaped, escaped);
		else
			a->failed = true;
		args_add(a, "-serial");
		args_add(a, "chardev:console");
		free(console);
		free(console_escaped);
	} else {
		args_add(a, "-serial");
		if (is_terminal)
			args_add(a, "mon:stdio");
		else
			add_path(a, "file:%s", log);
	}
	free(log);
	free(escaped);
}

void command_build(struct args *a, const struct launch_options *o,
		   const struct places *p, unsigned int index,
		   const struct channels *fds, bool console_is_terminal)
{
	args_add(a, p->qemu);
	args_add(a, "-name");
	args_addf(a, "hgshm%u", index);
	add_machine(a, o, p, index);
	add_console(a, o, p, index, console_is_terminal);
	add_memory(a, o, p, index);
	add_network(a, o, p, index);
	add_disk(a, o, index);
	add_channels(a, o, p, index, fds);
	for (int i = 0; i < o->qemu_args_count; i++)
		args_add(a, o->qemu_args[i]);
}

static void print_preparation(const struct launch_options *o, const struct places *p)
{
	printf("mkdir -p -m 0700 ");
	shell_quote_print(p->dir, stdout);
	if (strcmp(p->dir, p->log_dir)) {
		printf(" ");
		shell_quote_print(p->log_dir, stdout);
	}
	printf("\n");
	if (!p->initrd_is_joined)
		return;
	printf("cat");
	for (size_t i = 0; i < o->initrds.count; i++) {
		printf(" ");
		shell_quote_print(o->initrds.items[i].text, stdout);
	}
	printf(" >");
	shell_quote_print(p->initrd, stdout);
	printf("\n");
}

void command_print(const struct launch_options *o, const struct places *p)
{
	print_preparation(o, p);
	for (unsigned int i = options_first(o); i < options_end(o); i++) {
		struct args a = { 0 };

		command_build(&a, o, p, i, NULL, true);
		printf("\n# VM %u\n", i);
		args_print(&a, stdout);
		args_free(&a);
	}
}
