// SPDX-License-Identifier: MIT
/* Output and messages on a guest's port, however they are cut and whatever they hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest.h"

struct fixture {
	struct guest guest;
	char *shown;
	size_t shown_bytes;
};

static void begin(struct fixture *f, bool prefix)
{
	memset(f, 0, sizeof(*f));
	f->guest.status = GUEST_NO_STATUS;
	f->guest.output.index = 2;
	f->guest.output.prefix = prefix;
	f->guest.output.stream = open_memstream(&f->shown, &f->shown_bytes);
	assert_non_null(f->guest.output.stream);
}

static int take(struct fixture *f, const char *text)
{
	return guest_take(&f->guest, text, strlen(text));
}

static void end(struct fixture *f, const char *shown)
{
	output_end(&f->guest.output);
	assert_string_equal(f->shown, shown);
	fclose(f->guest.output.stream);
	free(f->shown);
}

static void messages_are_not_shown(void **state)
{
	struct fixture f;

	begin(&f, false);
	assert_int_equal(take(&f, "a\001barrier one\nb\r\033[K"), 0);
	assert_string_equal(f.guest.barrier, "barrier one");
	assert_int_equal(f.guest.status, GUEST_NO_STATUS);
	assert_int_equal(take(&f, "\001status 255\n"), 0);
	assert_int_equal(f.guest.status, 255);
	end(&f, "ab\r\033[K");
}

static void a_message_may_come_in_pieces(void **state)
{
	static const char text[] = "x\001barrier two words\ny\001status 0\n";
	struct fixture f;

	begin(&f, false);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(guest_take(&f.guest, text + i, 1), 0);
	assert_string_equal(f.guest.barrier, "barrier two words");
	assert_int_equal(f.guest.status, 0);
	end(&f, "xy");
}

static void what_is_no_message_is_an_error(void **state)
{
	static const char *const bad[] = {
		"\001\n", "\001barrier\n", "\001barrier \n", "\001status\n", "\001status x\n",
		"\001status 256\n", "\001status -1\n", "\001status 1x\n", "\001status 1000\n",
		"\001halt 1\n", "\001\001\n",
	};
	struct fixture f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(&f, false);
		if (take(&f, bad[i]) != -EPROTO)
			fail_msg("taken for a message: %s", bad[i] + 1);
		assert_int_equal(f.guest.status, GUEST_NO_STATUS);
		assert_string_equal(f.guest.barrier, "");
		end(&f, "");
	}
}

static void an_endless_message_is_an_error(void **state)
{
	struct fixture f;
	char text[4 * GUEST_MESSAGE_BYTES];

	memset(text, 'a', sizeof(text));
	memcpy(text, "\001barrier ", 9);
	begin(&f, false);
	assert_int_equal(guest_take(&f.guest, text, sizeof(text)), -EPROTO);
	assert_string_equal(f.guest.barrier, "");
	output_end(&f.guest.output);
	fclose(f.guest.output.stream);
	free(f.shown);
}

static void a_prefix_is_before_each_line(void **state)
{
	struct fixture f;

	begin(&f, true);
	assert_int_equal(take(&f, "one\ntw"), 0);
	assert_int_equal(take(&f, "o\n\nlive 1\rlive 2\r\n\tbell\a esc\033[2J"), 0);
	end(&f, "VM 2: one\nVM 2: two\nVM 2: \nVM 2: live 1\nVM 2: live 2\n"
		"VM 2: \tbell? esc?[2J\n");
}

static void a_long_line_is_cut_and_not_lost(void **state)
{
	struct fixture f;
	char text[OUTPUT_LINE_BYTES + 4];
	char shown[sizeof(text) + 32];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	snprintf(shown, sizeof(shown), "VM 2: %.*s\nVM 2: xxx\n", OUTPUT_LINE_BYTES, text);
	begin(&f, true);
	assert_int_equal(take(&f, text), 0);
	end(&f, shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_not_shown),
		cmocka_unit_test(a_message_may_come_in_pieces),
		cmocka_unit_test(what_is_no_message_is_an_error),
		cmocka_unit_test(an_endless_message_is_an_error),
		cmocka_unit_test(a_prefix_is_before_each_line),
		cmocka_unit_test(a_long_line_is_cut_and_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
