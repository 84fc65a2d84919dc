/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hgshm: how a client joins a group, step by step; see hgshm-join.c */
#ifndef HW_MISC_HGSHM_JOIN_H
#define HW_MISC_HGSHM_JOIN_H

#include "hgshm-memory.h"
#include "wire.h"

typedef enum HgshmJoinStep {
    HGSHM_JOIN_MORE,        /* wait until hgshm_join_fd() is readable */
    HGSHM_JOIN_DONE,
    HGSHM_JOIN_FAILED,      /* errp says why */
} HgshmJoinStep;

struct HgshmJoin {
    int sock;               /* the meeting socket */
    int line;               /* own end of the private line */
    int line_mapper;        /* the end that goes to the mapper */
    int own_doorbell_fd;
    bool greeted;           /* WELCOME has come */
    int error;              /* of the connection, 0 where that was not at fault */
    struct hgshm_wire_message message;
};

/* hgshm-join.c; the join owns sock from begin to end */
/* deadline_ns: until when it may block to say HELLO; 0: it must not */
bool hgshm_join_begin(HgshmState *s, HgshmJoin *j, int sock,
                      int64_t deadline_ns, Error **errp);
HgshmJoinStep hgshm_join_step(HgshmState *s, HgshmJoin *j, Error **errp);
int hgshm_join_fd(const HgshmJoin *j);
int hgshm_join_take_line(HgshmJoin *j);
void hgshm_join_explain(HgshmState *s, HgshmJoin *j, int error, Error **errp);
void hgshm_join_end(HgshmJoin *j);

/* hgshm-client.c, for it */
bool hgshm_client_take_offer(HgshmState *s, const HgshmOffer *offer,
                             Error **errp);
bool hgshm_client_take_news(HgshmState *s, struct hgshm_wire_message *m);
void hgshm_client_settle(HgshmState *s, HgshmJoin *j);

/* hgshm-rejoin.c */
void hgshm_rejoin_start(HgshmState *s);
void hgshm_rejoin_stop(HgshmState *s);

#endif
