/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: fibers of one thread, each with a clock that runs on by what the model charges for
 * each access. The one whose clock is lowest runs, of several the one with the lowest number; so a
 * simulation is a pure function of its input. The accesses take effect in that order, each as a
 * whole and when its line has arrived, which makes an execution of the allocator's own code:
 * sequentially consistent, and as fine as single accesses.
 *
 * A hit may come before what other CPUs do up to model_lookahead() earlier: the news of that
 * couldn't have arrived. This saves most switches between fibers.
 *
 * A CPU that reads the same word again and again, alone in its own cache, is spinning: it sleeps
 * until another CPU writes that line.
 */
#ifndef SCALE_CPU_H
#define SCALE_CPU_H

#include "model.h"

typedef void (*cpu_work)(void *context, unsigned cpu);

typedef enum cpu_outcome {
    CPU_DONE,
    CPU_STUCK,     /* all that haven't ended spin, or wait for each other */
    CPU_NO_MEMORY, /* of the host, or the directory is full */
} cpu_outcome;

/* Runs work(context, 0 to count - 1) on as many CPUs; model_open was called for them. */
cpu_outcome cpu_run(unsigned count, cpu_work work, void *context);

/* Whether accesses take time; at first they don't. Until they do, CPUs take turns only in cpu_pass
 * and cpu_meet, and each line goes to the cache of the CPU that writes it. */
void cpu_charge(bool on);

/* The following are for the work. Outside of cpu_run, cpu_access does nothing. */

/* Called before an access to `bytes` bytes. Accesses to the stack aren't shared: they are free. */
void cpu_access(model_op op, const volatile void *address, size_t bytes);

/* This CPU computes that long. */
void cpu_pass(model_time time);

/* Waits for all CPUs that haven't ended. */
void cpu_meet(void);

model_time cpu_now(void);

#endif
