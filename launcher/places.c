// SPDX-License-Identifier: MIT
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "tsc.h"

/* "out" and the rest of what VMs write here; all of them in places_clean() */
static const char *const log_kinds[] = { "log", "out", "dmesg", "qemu", "result" };

static char *path_of(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static char *path_of_vm(const char *dir, const char *stem, unsigned int index,
			const char *ending)
{
	char *path;

	return asprintf(&path, "%s/%s%u.%s", dir, stem, index, ending) < 0 ? NULL : path;
}

char *places_wire(const struct places *p, unsigned int index)
{
	return path_of_vm(p->dir, "wire", index, "sock");
}

char *places_log(const struct places *p, unsigned int index, const char *what)
{
	return path_of_vm(p->log_dir, "vm", index, what);
}

char *places_console(const struct places *p, unsigned int index)
{
	return path_of_vm(p->dir, "vm", index, "console");
}

/* FNV-1a: any hash would do, it only has to be the same each time. */
static char *shmid_of(const char *dir)
{
	uint64_t hash = 0xcbf29ce484222325;
	char *shmid;

	for (; *dir; dir++)
		hash = (hash ^ (unsigned char)*dir) * 0x100000001b3;
	if (asprintf(&shmid, "hgshm-%u-%016" PRIx64, getuid(), hash) < 0)
		return NULL;
	return shmid;
}

static const char *runtime_dir(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	return dir && *dir && !access(dir, W_OK) ? dir : "/tmp";
}

/* An absolute path, since QEMU may be started elsewhere, and it is hashed. */
static char *absolute(const char *path)
{
	char here[PATH_MAX];

	if (*path == '/')
		return strdup(path);
	if (!getcwd(here, sizeof(here)))
		return NULL;
	return path_of(here, path);
}

static int choose_dir(struct places *p, const struct launch_options *o)
{
	if (o->dir) {
		p->dir = absolute(o->dir);
	} else if (o->index == LAUNCH_WHOLE_GROUP && !o->print) {
		p->dir = path_of(runtime_dir(), "hgshm.XXXXXX");
		if (p->dir && !mkdtemp(p->dir)) {
			int error = -errno;

			report_errno(error, "can't make a directory in %s", runtime_dir());
			return error;
		}
		p->dir_is_private = true;
		p->dir_is_made = true;
	} else if (asprintf(&p->dir, "%s/hgshm-%u", runtime_dir(), getuid()) < 0) {
		p->dir = NULL;
	}
	if (!p->dir)
		return -ENOMEM;
	/* the longest name of a socket in it is "/vm63.console" */
	if (strlen(p->dir) + 13 >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		report("--dir=%s: too long for the name of a socket; choose a shorter one",
		       p->dir);
		return -ENAMETOOLONG;
	}
	return 0;
}

/* The directory of our own program: in a build tree what belongs to us is near. */
static int own_dir(char *dir, size_t dir_bytes)
{
	ssize_t bytes = readlink("/proc/self/exe", dir, dir_bytes - 1);
	char *slash;

	if (bytes < 0)
		return -errno;
	dir[bytes] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return 0;
}

static char *first_that_exists(const char *const *candidates, const char *name)
{
	char near[PATH_MAX];

	if (own_dir(near, sizeof(near)))
		return NULL;
	for (; *candidates; candidates++) {
		char *path;

		if (asprintf(&path, "%s/%s/%s", near, *candidates, name) < 0)
			return NULL;
		if (!access(path, R_OK)) {
			char *canonical = realpath(path, NULL);

			free(path);
			return canonical;
		}
		free(path);
	}
	return NULL;
}

static char *choose_qemu(const struct launch_options *o)
{
	static const char *const candidates[] = { ".", "../../../qemu", NULL };
	const char *asked = o->qemu ? o->qemu : getenv("HGSHM_QEMU");
	char *found;

	if (asked && *asked)
		return strdup(asked);
	found = first_that_exists(candidates, "hgshm-qemu");
	return found ? found : strdup("hgshm-qemu");
}

static char *choose_guest_file(const char *asked, const char *name)
{
	static const char *const candidates[] = { "../share/hgshm/guest", "../../guest", NULL };
	const char *guest_dir = getenv("HGSHM_GUEST");

	if (asked)
		return strdup(asked);
	if (guest_dir && *guest_dir)
		return path_of(guest_dir, name);
	return first_that_exists(candidates, name);
}

int places_choose(struct places *p, const struct launch_options *o)
{
	int error;

	memset(p, 0, sizeof(*p));
	error = choose_dir(p, o);
	if (error)
		return error;
	p->keep_logs = o->log_dir || !p->dir_is_private;
	p->log_dir = o->log_dir ? absolute(o->log_dir) : strdup(p->dir);
	p->socket = o->socket ? absolute(o->socket) : path_of(p->dir, "hgshm.sock");
	p->shmid = o->shmid ? strdup(o->shmid) : shmid_of(p->dir);
	p->qemu = choose_qemu(o);
	if (!p->log_dir || !p->socket || !p->shmid || !p->qemu)
		return -ENOMEM;

	if (o->accel == ACCEL_TCG)
		p->guest_tsc_khz = tsc_measure_khz();
	p->kernel = choose_guest_file(o->kernel, "vmlinuz");
	p->initrd_is_joined = o->initrds.count > 1;
	if (p->initrd_is_joined)
		p->initrd = path_of(p->dir, "initrd.img");
	else
		p->initrd = choose_guest_file(o->initrds.count ? o->initrds.items[0].text : NULL,
					      "initrd.img");
	if (!p->kernel || !p->initrd) {
		report("there is no guest image; run make, or give --kernel and --initrd");
		return -ENOENT;
	}
	return 0;
}

static int make_dir(const char *dir, bool *made)
{
	int error;

	if (!mkdir(dir, 0700)) {
		if (made)
			*made = true;
		return 0;
	}
	error = -errno;
	if (error == -EEXIST && !access(dir, W_OK | X_OK))
		return 0;
	report_errno(error == -EEXIST ? -errno : error, "can't use the directory %s", dir);
	return error == -EEXIST ? -EACCES : error;
}

/* Someone else's directory would let them put a socket of theirs in our way. */
static int check_default_dir(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st)) {
		int error = -errno;

		report_errno(error, "can't use the directory %s", dir);
		return error;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != getuid() || (st.st_mode & 022)) {
		report("%s is not a directory that only you can write to; choose one by --dir", dir);
		return -EPERM;
	}
	return 0;
}

static int copy_file(const char *from, FILE *to)
{
	static char buffer[1 << 16];
	FILE *in = fopen(from, "re");
	size_t bytes;
	int error;

	if (!in)
		return -errno;
	while ((bytes = fread(buffer, 1, sizeof(buffer), in)) > 0) {
		if (fwrite(buffer, 1, bytes, to) != bytes)
			break;
	}
	error = ferror(in) || ferror(to) ? -EIO : 0;
	fclose(in);
	return error;
}

static int join_initrds(const struct places *p, const struct launch_options *o)
{
	FILE *out = fopen(p->initrd, "we");
	int error = out ? 0 : -errno;

	for (size_t i = 0; !error && i < o->initrds.count; i++)
		error = copy_file(o->initrds.items[i].text, out);
	if (out && fclose(out) && !error)
		error = -errno;
	if (error)
		report_errno(error, "can't write %s", p->initrd);
	return error;
}

int places_make(struct places *p, const struct launch_options *o)
{
	int error = 0;

	if (!p->dir_is_made)
		error = make_dir(p->dir, &p->dir_is_made);
	if (!error && !o->dir && !p->dir_is_private)
		error = check_default_dir(p->dir);
	if (!error && o->log_dir)
		error = make_dir(p->log_dir, NULL);
	if (!error && p->initrd_is_joined)
		error = join_initrds(p, o);
	return error;
}

static void remove_wires(const struct places *p, const struct launch_options *o)
{
	for (unsigned int i = 1; i < o->clients; i++) {
		char *wire = places_wire(p, i);

		if (wire)
			unlink(wire);
		free(wire);
	}
}

static void remove_consoles(const struct places *p, const struct launch_options *o)
{
	for (unsigned int i = options_first(o); i < options_end(o); i++) {
		char *console = places_console(p, i);

		if (console)
			unlink(console);
		free(console);
	}
}

static void remove_logs(const struct places *p, const struct launch_options *o)
{
	for (unsigned int i = options_first(o); i < options_end(o); i++) {
		for (size_t k = 0; k < sizeof(log_kinds) / sizeof(log_kinds[0]); k++) {
			char *log = places_log(p, i, log_kinds[k]);

			if (log)
				unlink(log);
			free(log);
		}
	}
}

void places_clean(const struct places *p, const struct launch_options *o, bool failed)
{
	if (p->initrd_is_joined && p->initrd)
		unlink(p->initrd);
	if (options_first(o) == 0 && p->socket && p->shmid) {
		/* QEMU removes these itself, unless it was killed */
		unlink(p->socket);
		remove_wires(p, o);
		if (o->unlink)
			shm_unlink(p->shmid);
	}
	if (p->dir)
		remove_consoles(p, o);
	if (failed && p->log_dir)
		report("logs are kept in %s", p->log_dir);
	else if (!p->keep_logs && p->log_dir)
		remove_logs(p, o);
	if (p->dir_is_made && p->dir)
		rmdir(p->dir);
}

void places_free(struct places *p)
{
	free(p->dir);
	free(p->log_dir);
	free(p->socket);
	free(p->shmid);
	free(p->qemu);
	free(p->kernel);
	free(p->initrd);
}
