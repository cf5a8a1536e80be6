/* SPDX-License-Identifier: MIT */
/*
 * One line on standard error that says what is being measured. Nothing when that isn't a terminal.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stddef.h>

/* Given in place of a round. */
enum { PROGRESS_VERIFY = 1000, PROGRESS_LATENCY, PROGRESS_COUNTS };

void progress_open(size_t cells);
void progress_show(const char *what, unsigned round);
void progress_next(void);

/* Before anything else is written. */
void progress_clear(void);

#endif
