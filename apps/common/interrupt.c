/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stddef.h>

#include "interrupt.h"

atomic_int interrupted;

static void remember(int signo)
{
	interrupted = signo;
}

void interrupt_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = remember, .sa_flags = SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}
