/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/**
 * DOC: compile-time checks of the contract's struct layouts
 *
 * Works in C11, C++11 and Kbuild. Every struct that crosses a process, VM or
 * kernel boundary states its size and the offset of at least its last member.
 */
#ifndef HGSHM_LAYOUT_H
#define HGSHM_LAYOUT_H

#ifdef __cplusplus
#define HGSHM_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define HGSHM_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

#define HGSHM_ASSERT_SIZE(type, bytes) \
	HGSHM_STATIC_ASSERT(sizeof(type) == (bytes), #type " has the wrong size")

#define HGSHM_ASSERT_OFFSET(type, member, bytes) \
	HGSHM_STATIC_ASSERT(__builtin_offsetof(type, member) == (bytes), \
			    #type "." #member " is at the wrong offset")

#endif /* HGSHM_LAYOUT_H */
