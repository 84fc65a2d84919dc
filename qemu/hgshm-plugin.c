/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hgshm plug-in: what makes the device a preloaded object
 *
 * LD_PRELOAD brings it into the distribution's QEMU before main; type_init has
 * the device registered there. This file makes sure that it is the QEMU whose
 * headers the device was compiled against, and that children of QEMU do not
 * inherit the preload.
 */
#include "qemu/osdep.h"
#include "qapi/qapi-types-machine.h"
#include "qapi/qapi-commands-control.h"

#include <dlfcn.h>
#include <link.h>

#include "hgshm-qemu-version.h"

static void G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN refuse(const char *fmt, ...)
{
    va_list args;

    fputs("hgshm: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    _exit(1);
}

/* Takes this object's path out of LD_PRELOAD and leaves others there. */
static void forget_preload(void)
{
    const char *preload = getenv("LD_PRELOAD");
    g_autoptr(GString) rest = g_string_new(NULL);
    g_auto(GStrv) paths = NULL;
    Dl_info self;

    if (!preload || !dladdr(forget_preload, &self)) {
        return;
    }
    paths = g_strsplit_set(preload, " :", -1);
    for (char **path = paths; *path; path++) {
        if (**path && strcmp(*path, self.dli_fname)) {
            g_string_append_printf(rest, "%s%s", rest->len ? ":" : "", *path);
        }
    }
    if (rest->len) {
        g_setenv("LD_PRELOAD", rest->str, true);
    } else {
        g_unsetenv("LD_PRELOAD");
    }
}

static void check_version(void)
{
    VersionInfo *(*query)(Error **errp) = dlsym(RTLD_DEFAULT,
                                                "qmp_query_version");
    g_autofree char *version = NULL;
    VersionInfo *running;

    if (!query) {
        refuse("the plug-in was loaded into a program that is no QEMU with "
               "modules; start QEMU by hgshm-qemu, with the distribution's "
               "own binary");
    }
    running = query(NULL);
    version = g_strdup_printf("%" PRId64 ".%" PRId64 ".%" PRId64,
                              running->qemu->major, running->qemu->minor,
                              running->qemu->micro);
    if (strcmp(version, HGSHM_QEMU_VERSION) ||
        !strstr(running->package, HGSHM_QEMU_PACKAGE)) {
        refuse("the plug-in was built for QEMU %s (%s), but this is QEMU %s "
               "(%s); build hgshm again with this QEMU installed",
               HGSHM_QEMU_VERSION, HGSHM_QEMU_PACKAGE, version,
               running->package);
    }
    qapi_free_VersionInfo(running);
}

static void __attribute__((constructor)) hgshm_plugin_init(void)
{
    forget_preload();
    check_version();
}
