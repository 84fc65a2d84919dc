/* SPDX-License-Identifier: MIT */
#ifndef HGSHM_UTF8_H
#define HGSHM_UTF8_H

/*
 * Bytes of the UTF-8 character at text, 0 if there is none: overlong forms, surrogates and
 * what is above U+10FFFF are none. The table is the one of RFC 3629, section 4.
 */
int utf8_length(const unsigned char *text);

#endif /* HGSHM_UTF8_H */
