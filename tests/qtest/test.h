/* SPDX-License-Identifier: MIT */
/* What every qtest includes: cmocka, and the headers that it needs first. */
#ifndef QTEST_TEST_H
#define QTEST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Longest wait for anything that should happen: a loaded machine, not a hang. */
#define WAIT_MS		30000

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* meson's and automake's word for a test that can't run here */
#define EXIT_SKIP	77

#endif
