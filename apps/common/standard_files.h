/* SPDX-License-Identifier: MIT */
#ifndef COMMON_STANDARD_FILES_H
#define COMMON_STANDARD_FILES_H

/*
 * Fills the places of standard input, output and error that the parent has left closed,
 * so that no socket or memory opened later gets one of them and takes what is printed.
 * Reading and writing them fails with EBADF as before.
 */
void standard_files_fill(void);

#endif /* COMMON_STANDARD_FILES_H */
