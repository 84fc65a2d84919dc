/* SPDX-License-Identifier: MIT */
/* The coordinator over TCP. */
#ifndef CLIENTSERVER_CLIENT_H
#define CLIENTSERVER_CLIENT_H

#include "crew_tcp.h"
#include "job_options.h"

/* One job, from options to printed report. */
int client_run(const struct job_options *options, const struct tcp_crew_options *servers,
	       struct problem *problem);

#endif /* CLIENTSERVER_CLIENT_H */
