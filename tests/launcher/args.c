// SPDX-License-Identifier: MIT
/* What is printed means the same to a shell; commas survive QEMU's options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "args.h"

static const char *const words[] = {
	"-plain", "two words", "it's", "\"double\"", "$HOME", "`id`", "a\\b", "", "*", "~",
	"#", "new\nline", "a;b&c|d>e", "'", "-q=1,2", "!x", "{a,b}",
};

/* Lets a real shell take the printed command apart again. */
static void a_shell_reads_it_back(void **state)
{
	struct args a = { 0 };
	char *printed = NULL;
	size_t printed_bytes;
	FILE *stream;
	char *back = NULL;
	size_t back_bytes = 0;

	args_add(&a, "printf");
	args_add(&a, "%s\\0");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		args_add(&a, words[i]);
	stream = open_memstream(&printed, &printed_bytes);
	args_print(&a, stream);
	fclose(stream);

	stream = popen(printed, "r");
	assert_non_null(stream);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_true(getdelim(&back, &back_bytes, '\0', stream) >= 0);
		assert_string_equal(back, words[i]);
	}
	assert_true(getdelim(&back, &back_bytes, '\0', stream) < 0);
	assert_int_equal(pclose(stream), 0);
	free(back);
	free(printed);
	args_free(&a);
}

static void one_option_a_line(void **state)
{
	struct args a = { 0 };
	char *printed = NULL;
	size_t printed_bytes;
	FILE *stream;

	args_add(&a, "qemu");
	args_add(&a, "-m");
	args_addf(&a, "%dm", 512);
	args_add(&a, "-nodefaults");
	stream = open_memstream(&printed, &printed_bytes);
	args_print(&a, stream);
	fclose(stream);
	assert_string_equal(printed, "qemu \\\n\t-m 512m \\\n\t-nodefaults\n");
	free(printed);
	args_free(&a);
}

static void the_list_ends_with_null(void **state)
{
	struct args a = { 0 };

	args_add(&a, "a");
	args_add(&a, "b");
	assert_string_equal(args_list(&a)[1], "b");
	assert_null(args_list(&a)[2]);
	a.failed = true;
	assert_null(args_list(&a));
	args_free(&a);
}

static void commas_are_doubled(void **state)
{
	char *escaped = qemu_escape(",a,,b");

	assert_string_equal(escaped, ",,a,,,,b");
	free(escaped);
	escaped = qemu_escape("");
	assert_string_equal(escaped, "");
	free(escaped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shell_reads_it_back),
		cmocka_unit_test(one_option_a_line),
		cmocka_unit_test(the_list_ends_with_null),
		cmocka_unit_test(commas_are_doubled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
