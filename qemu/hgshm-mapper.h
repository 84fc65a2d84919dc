/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hgshm: what the files of the mapper's side share */
#ifndef HW_MISC_HGSHM_MAPPER_H
#define HW_MISC_HGSHM_MAPPER_H

#include "hgshm.h"
#include "wire.h"

/* How long a client that lacks descriptors is kept: by then it has given up. */
#define HGSHM_HOLD_MAX_MS   HGSHM_MEET_CLIENT_TIMEOUT_MS

/* hgshm-mapper.c */
void G_GNUC_PRINTF(2, 3) hgshm_mapper_complain(HgshmState *s, const char *fmt,
                                               ...);
/* Soon: what failed with an error that passes. */
void hgshm_mapper_try_again(HgshmState *s);

/* hgshm-lines.c */
bool hgshm_lines_index_free(HgshmState *s, unsigned index);
/* Takes the file descriptors. */
void hgshm_lines_add(HgshmState *s, unsigned index, int doorbell_fd,
                     int own_doorbell_fd, int line);
void hgshm_lines_introduce_newcomers(HgshmState *s);
void hgshm_lines_stop(HgshmState *s);

#endif
