/* SPDX-License-Identifier: MIT */
/**
 * DOC: the speed of the CPU's time stamp counter
 *
 * Under TCG a guest reads the host's counter. Its kernel measures that counter's
 * speed while it boots, and on a busy host gets it wrong, up to several times:
 * then every time that the guest measures is wrong as well. So it is told.
 */
#ifndef HGSHM_LAUNCH_TSC_H
#define HGSHM_LAUNCH_TSC_H

/**
 * tsc_measure_khz() - compare the counter with the host's clock
 *
 * Takes about 20 ms.
 *
 * Return: thousands of ticks a second, or 0 if this CPU has no such counter.
 */
unsigned int tsc_measure_khz(void);

#endif
