// SPDX-License-Identifier: MIT
/* The plug-in in the programs that it is for, and in those that it is not for. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"
#include "test.h"

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail_msg("%s is not set", name);
	return value;
}

/* Runs a program to its end; the caller frees what it wrote. */
static char *run(const struct group *g, const char *const *argv,
		 const char *const *environment, int *exit_code)
{
	struct process p;
	char path[96];
	char *text;

	snprintf(path, sizeof(path), "%s/run.output", g->folder);
	process_start(&p, NULL, argv, environment, path);
	process_wait(&p);
	text = process_take_output(&p);
	*exit_code = process_exit_code(&p);
	process_close(&p);
	return text;
}

/* "7.2.22" and "Debian 1:7.2+dfsg-7" of the QEMU that hgshm-qemu starts. */
static void installed_qemu(const struct group *g, char version[static 64],
			   char package[static 128])
{
	const char *binary = getenv("HGSHM_QEMU_BINARY");
	const char *const argv[] = {
		binary ? binary : "qemu-system-x86_64", "--version", NULL,
	};
	int exit_code;
	char *text = run(g, argv, NULL, &exit_code);

	assert_int_equal(exit_code, 0);
	assert_int_equal(sscanf(text, "QEMU emulator version %63[0-9.] "
				"(%127[^)\n])", version, package), 2);
	free(text);
}

static void test_serves_the_installed_qemu(void **state)
{
	const char *const argv[] = {
		setting("HGSHM_QEMU"), "-device", "hgshm,help", NULL,
	};
	static const char *const properties[] = {
		"index", "size", "clients", "chardev", "shmid", "unlink",
		"guestmmap", "mapidx",
	};
	int exit_code;
	char *text = run(*state, argv, NULL, &exit_code);

	assert_int_equal(exit_code, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(properties); i++) {
		char start[64];

		snprintf(start, sizeof(start), "\n  %s=<", properties[i]);
		if (!strstr(text, start))
			fail_msg("-device hgshm,help does not tell of %s",
				 properties[i]);
	}
	free(text);
}

static void expect_refusal(const struct group *g, const char *setting_name,
			   const char *version, const char *package)
{
	const char *const argv[] = {
		setting("HGSHM_QEMU"), "-machine", "none", NULL,
	};
	char environment[512], here[64], here_package[128], expected[768];
	int exit_code;
	char *text;

	installed_qemu(g, here, here_package);
	snprintf(environment, sizeof(environment), "HGSHM_PLUGIN=%s",
		 setting(setting_name));
	snprintf(expected, sizeof(expected), "hgshm: the plug-in was built for "
		 "QEMU %s (%s), but this is QEMU %s (%s); build hgshm again "
		 "with this QEMU installed\n", version ? version : here, package,
		 here, here_package);
	text = run(g, argv, (const char *const []) { environment, NULL },
		   &exit_code);
	assert_string_equal(text, expected);
	assert_int_equal(exit_code, 1);
	free(text);
}

static void test_refuses_another_version(void **state)
{
	expect_refusal(*state, "HGSHM_OTHER_VERSION_PLUGIN", "1.2.3",
		       "Elsewhere 1.2.3-4");
}

static void test_refuses_another_package(void **state)
{
	expect_refusal(*state, "HGSHM_OTHER_PACKAGE_PLUGIN", NULL,
		       "Elsewhere 1.2.3-4");
}

/* The dynamic loader stops such a program, since it lacks QEMU's variables. */
static void test_no_qemu(void **state)
{
	static const char *const argv[] = { "true", NULL };
	char environment[512], expected[600];
	int exit_code;
	char *text;

	snprintf(environment, sizeof(environment), "LD_PRELOAD=%s",
		 setting("HGSHM_PLUGIN"));
	snprintf(expected, sizeof(expected), "true: symbol lookup error: %s: "
		 "undefined symbol: ", setting("HGSHM_PLUGIN"));
	text = run(*state, argv, (const char *const []) { environment, NULL },
		   &exit_code);
	assert_ptr_equal(strstr(text, expected), text);
	assert_int_equal(exit_code, 127);
	free(text);
}

static void test_plugin_is_not_there(void **state)
{
	const char *const argv[] = { setting("HGSHM_QEMU"), "--version", NULL };
	static const char *const environment[] = {
		"HGSHM_PLUGIN=/nonexistent/hgshm.so", NULL,
	};
	int exit_code;
	char *text = run(*state, argv, environment, &exit_code);

	assert_string_equal(text, "hgshm-qemu: HGSHM_PLUGIN=/nonexistent/"
			    "hgshm.so can't be read; name the built hgshm.so\n");
	assert_int_equal(exit_code, 1);
	free(text);
}

static void test_qemu_is_not_there(void **state)
{
	const char *const argv[] = {
		setting("HGSHM_QEMU"), "qemu-system-nowhere", "--version", NULL,
	};
	int exit_code;
	char *text = run(*state, argv, NULL, &exit_code);

	assert_string_equal(text, "hgshm-qemu: qemu-system-nowhere is not "
			    "installed; install qemu-system-x86\n");
	assert_int_equal(exit_code, 1);
	free(text);
}

/* A program that is none, by the wrapper: its words come before the loader's. */
static void test_wrapper_refuses_no_qemu(void **state)
{
	const char *const argv[] = { setting("HGSHM_QEMU"), "/bin/true", NULL };
	int exit_code;
	char *text = run(*state, argv, NULL, &exit_code);

	assert_string_equal(text, "hgshm-qemu: /bin/true can't take the plug-in: it is a "
			    "script, or a QEMU built without modules; give a QEMU binary, "
			    "as qemu-system-x86_64\n");
	assert_int_equal(exit_code, 1);
	free(text);
}

/* Reads until all writers have closed it. */
static char *read_fifo(int fd)
{
	static char text[65536];
	size_t have = 0;

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pfd, 1, WAIT_MS) == 0)
			fail_msg("no child of QEMU wrote within %d ms", WAIT_MS);
		n = read(fd, text + have, sizeof(text) - 1 - have);
		assert_true(n >= 0);
		if (n == 0)
			break;
		have += n;
	}
	text[have] = '\0';
	return text;
}

/*
 * QEMU runs an incoming migration's command as its child; this one tells its
 * environment.
 */
static char *environment_of_child(struct group *g,
				  const char *const *environment)
{
	char fifo[96], incoming[160], *text;
	const char *const options[] = { "-incoming", incoming, NULL };
	const struct vm_spec spec = {
		.options = options,
		.environment = environment,
	};
	int fd;

	snprintf(fifo, sizeof(fifo), "%s/environment", g->folder);
	snprintf(incoming, sizeof(incoming), "exec:env >%s", fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	group_spawn(g, &spec);
	text = read_fifo(fd);
	close(fd);
	/* It waits for a migration that does not come. */
	vm_shoot(g->vm[0]);
	free(process_take_output(&g->vm[0]->process));
	return text;
}

static void test_children_do_not_inherit_it(void **state)
{
	char *text = environment_of_child(*state, NULL);

	assert_non_null(strstr(text, "HGSHM_PLUGIN="));
	assert_null(strstr(text, "LD_PRELOAD="));
}

static void test_other_preloads_stay(void **state)
{
	char environment[512], expected[512];
	char *text;

	snprintf(environment, sizeof(environment), "LD_PRELOAD=%s",
		 setting("HGSHM_BYSTANDER"));
	snprintf(expected, sizeof(expected), "\nLD_PRELOAD=%s\n",
		 setting("HGSHM_BYSTANDER"));
	text = environment_of_child(*state, (const char *const []) {
		environment, NULL });
	assert_non_null(strstr(text, expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		group_test(test_serves_the_installed_qemu),
		group_test(test_refuses_another_version),
		group_test(test_refuses_another_package),
		group_test(test_no_qemu),
		group_test(test_wrapper_refuses_no_qemu),
		group_test(test_plugin_is_not_there),
		group_test(test_qemu_is_not_there),
		group_test(test_children_do_not_inherit_it),
		group_test(test_other_preloads_stay),
	};

	group_needs_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
