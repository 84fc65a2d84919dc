// SPDX-License-Identifier: MIT
#include "sigbus.h"

#include <setjmp.h>
#include <signal.h>

static sigjmp_buf after_sigbus;

static void on_sigbus(int signo)
{
	siglongjmp(after_sigbus, 1);
}

void sigbus_catch(void)
{
	signal(SIGBUS, on_sigbus);
}

bool load_gives_sigbus(volatile uint8_t *at)
{
	if (sigsetjmp(after_sigbus, 1))
		return true;
	(void)*at;
	return false;
}

bool store_gives_sigbus(volatile uint32_t *at)
{
	if (sigsetjmp(after_sigbus, 1))
		return true;
	*at = 1;
	return false;
}
