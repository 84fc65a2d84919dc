// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of QEMU's errors and reports: each text is looked at. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/timer.h"

#include "stand-in.h"

struct Error {
	char *text;
};

static bool limited;
static int64_t last_line_ns;

void words_begin(bool limit)
{
	limited = limit;
	last_line_ns = -NANOSECONDS_PER_SECOND;
}

void words_check(const char *text)
{
	fuzz_check(*text, "it says nothing");
	for (const char *c = text; *c; c++)
		fuzz_check(g_ascii_isprint(*c), "byte 0x%02x would reach the terminal",
			   (uint8_t)*c);
}

static void set_error(Error **errp, int os_errno, const char *fmt, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(fmt, args);

	words_check(text);
	if (!errp)
		return;
	fuzz_check(!*errp, "an error over another: '%s'", text);
	*errp = g_new0(Error, 1);
	(*errp)->text = os_errno ? g_strdup_printf("%s: %s", text, strerror(os_errno))
				 : g_strdup(text);
}

void error_setg_internal(Error **errp, const char *src, int line, const char *func,
			 const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(errp, 0, fmt, args);
	va_end(args);
}

void error_setg_errno_internal(Error **errp, const char *src, int line,
			       const char *func, int os_errno, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_error(errp, os_errno, fmt, args);
	va_end(args);
}

void error_free(Error *err)
{
	if (err) {
		g_free(err->text);
		g_free(err);
	}
}

void error_propagate(Error **errp, Error *err)
{
	if (errp && !*errp)
		*errp = err;
	else
		error_free(err);
}

void words_take_error(Error *err)
{
	fuzz_check(err, "it fails and does not say why");
	error_free(err);
}

static void say(const char *fmt, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(fmt, args);
	int64_t now_ns = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);

	words_check(text);
	fuzz_check(!limited || now_ns - last_line_ns >= NANOSECONDS_PER_SECOND,
		   "the second line in a second: %s", text);
	last_line_ns = now_ns;
}

void warn_report(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void info_report(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void warn_report_err(Error *err)
{
	fuzz_check(err, "a warning about nothing");
	warn_report("%s", err->text);
	error_free(err);
}
