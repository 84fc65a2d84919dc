/* SPDX-License-Identifier: MIT */
/** DOC: what the launcher tells its user, one line each, on standard error */
#ifndef HGSHM_LAUNCH_REPORT_H
#define HGSHM_LAUNCH_REPORT_H

/** report() - "hgshm-launch: " and the text */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** report_errno() - the same, and what -@error means */
void report_errno(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
