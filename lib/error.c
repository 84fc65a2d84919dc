/* SPDX-License-Identifier: MIT */
/* Errors in words. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static _Thread_local struct {
	int error;
	char text[512];
	char general[128];
} last;

int hgshm_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last.text, sizeof(last.text), format, args);
	va_end(args);
	last.error = error;
	return error;
}

int hgshm_fail_plain(int error)
{
	last.error = 0;
	return error;
}

static const char *general_meaning(int error)
{
	switch (error) {
	case 0:
		return "success";
	case -EACCES:
		return "not given to this member, or not permitted for this user";
	case -EAGAIN:
		return "there is none now";
	case -EPERM:
		return "the device shares no memory with this VM (guestmmap=0)";
	case -ENODEV:
		return "the hgshm device is gone";
	case -ENOENT:
	case -ENXIO:
		return "no such hgshm device, socket or slice";
	case -ENOTCONN:
		return "that member is not there";
	case -ENOTTY:
		return "not an hgshm device";
	case -EPROTO:
		return "the driver or mapper speaks another version of the interface";
	case -ECONNREFUSED:
		return "no mapper listens at the socket";
	case -ECONNRESET:
		return "the mapper hung up";
	case -EADDRINUSE:
		return "the index, the socket or the memory's name is held by another member";
	case -ERANGE:
		return "the group has no such index";
	case -ESTALE:
		return "the mapper shares another memory";
	case -EOPNOTSUPP:
		return "not to be had on this side";
	case -ETIMEDOUT:
		return "nothing happened in time";
	}
	return NULL;
}

const char *hgshm_strerror(int error)
{
	const char *text;

	if (error && error == last.error)
		return last.text;
	text = general_meaning(error);
	if (text)
		return text;
	return strerror_r(-error, last.general, sizeof(last.general));
}

const char *hgshm_version(void)
{
	return HGSHM_LIB_VERSION;
}
