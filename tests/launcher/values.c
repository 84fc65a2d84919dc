// SPDX-License-Identifier: MIT
/* Options whose value may differ from VM to VM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "values.h"

static void the_own_value_wins(void **state)
{
	struct values v = { 0 };

	assert_string_equal(values_get(&v, 3, "default"), "default");
	assert_int_equal(values_add(&v, "3:own"), 0);
	assert_string_equal(values_get(&v, 2, "default"), "default");
	assert_int_equal(values_add(&v, "every"), 0);
	assert_string_equal(values_get(&v, 2, "default"), "every");
	assert_string_equal(values_get(&v, 3, "default"), "own");
	assert_int_equal(values_add(&v, "3:later"), 0);
	assert_int_equal(values_add(&v, "every later"), 0);
	assert_string_equal(values_get(&v, 3, "default"), "later");
	assert_string_equal(values_get(&v, 0, "default"), "every later");
	values_free(&v);
	assert_string_equal(values_get(&v, 3, "default"), "default");
}

static void only_short_numbers_are_indices(void **state)
{
	struct values v = { 0 };

	values_add(&v, "/a/path:with");
	assert_string_equal(values_get(&v, 0, ""), "/a/path:with");
	values_add(&v, "123:file");
	assert_string_equal(values_get(&v, 0, ""), "123:file");
	values_add(&v, ":file");
	assert_string_equal(values_get(&v, 0, ""), ":file");
	assert_int_equal(values_highest_index(&v), VALUES_EVERY_VM);
	values_add(&v, "63:");
	assert_string_equal(values_get(&v, 63, "x"), "");
	values_add(&v, "7:b");
	assert_int_equal(values_highest_index(&v), 63);
	values_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_own_value_wins),
		cmocka_unit_test(only_short_numbers_are_indices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
