/* SPDX-License-Identifier: MIT */
/*
 * Orders as text, and one execution shown step by step. An order is "0x12,1x3,2": thread 0 makes 12
 * steps, thread 1 three, thread 2 one; a disturbance is "stop:T,N", "stop-runs:T,N" or
 * "interrupt:T,N": thread T after N steps; or "heir:T,N,P,M": then M steps of P, then the heir.
 */
#ifndef TESTS_INTERLEAVE_REPLAY_H
#define TESTS_INTERLEAVE_REPLAY_H

#include <stdio.h>

#include "disturb.h"

void replay_print_order(FILE *to, const schedule_result *result);
void replay_print_disturbance(FILE *to, const disturbance *d);

/* Shows the tree after each step that changed it. Returns 0: nothing was wrong, 1: something was,
 * 2: the order can't be read. */
int replay(scene *s, const schedule_task *task, const char *order);

#endif
