/* SPDX-License-Identifier: MIT */
/**
 * DOC: members of a group on the host, in the test's process and beside it
 *
 * A URI's "%s" stands for the group's socket. Functions fail the running test where
 * something takes longer than WAIT_MS.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <hgshm/hgshm.h>

#include "group.h"

/** host_test() - group_test(), which also leaves no file descriptor in this process */
#define host_test(function) \
	cmocka_unit_test_setup_teardown(function, host_setup, host_teardown)

int host_setup(void **state);
int host_teardown(void **state);

/** host_open() - Return: a handle; the test fails if there is none */
struct hgshm *host_open(const struct group *g, const char *uri);

/** host_found() - the same for a mapper of the group's shmid, with these parameters */
struct hgshm *host_found(const struct group *g, const char *parameters);

/** host_expect_refusal() - opening must fail so, in these words */
void host_expect_refusal(const struct group *g, const char *uri, int error, const char *words,
			 ...) __attribute__((format(printf, 4, 5)));

/** host_wait_peers() - wait until these members are there */
void host_wait_peers(struct hgshm *h, uint64_t peers);

/** host_wait_ring() - wait until member @from has rung */
void host_wait_ring(struct hgshm *h, uint32_t from);

/** host_expect_quiet() - nothing waits to be told */
void host_expect_quiet(struct hgshm *h);

/** host_take_all() - take what there is to tell, forget it */
void host_take_all(struct hgshm *h);

/** host_expect_echo() - ring @to, which is an echo, and be rung */
void host_expect_echo(struct hgshm *h, uint32_t to);

/** host_expect_rings() - each of the two rings the other, and nobody else hears it */
void host_expect_rings(struct hgshm *a, uint32_t index_a, struct hgshm *b, uint32_t index_b);

/** host_slice() - Return: slice @index, which must be given */
unsigned char *host_slice(struct hgshm *h, uint32_t index);

/** host_info() - Return: INFO */
struct hgshm_info host_info(struct hgshm *h);

/**
 * host_start_echo() - a member in a process of its own, which rings back who rings it
 *
 * Returns when it has its place.
 */
void host_start_echo(struct process *p, const struct group *g, const char *uri);

/** host_kill_echo() - SIGKILL, and wait for the end */
void host_kill_echo(struct process *p);

/** host_wait_fds() - wait until this process has so many file descriptors at most */
void host_wait_fds(unsigned int count);

/** host_count_fds() - Return: how many file descriptors this process has */
unsigned int host_count_fds(void);

#endif
