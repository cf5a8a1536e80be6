/* SPDX-License-Identifier: MIT */
/*
 * Runs a few fibers in every order that can make a difference. A step is one atomic access and the
 * code up to the next one. Executions that differ only in the order of independent accesses are run
 * once: dynamic partial-order reduction (Flanagan, Godefroid, POPL 2005) with sleep sets.
 */
#ifndef TESTS_INTERLEAVE_SCHEDULE_H
#define TESTS_INTERLEAVE_SCHEDULE_H

#include <stdbool.h>

enum { SCHEDULE_THREADS = 3, SCHEDULE_STEPS = 2000 };

typedef struct schedule_task {
    unsigned threads;
    void (*reset)(void *context);                   /* before each execution */
    void (*thread)(void *context, unsigned number); /* what each fiber runs */
    bool (*step)(void *context);                    /* after each step; false: a violation */
    bool (*finish)(void *context);                  /* after each execution */
    void *context;
} schedule_task;

typedef struct schedule_result {
    unsigned long executions;
    unsigned long steps;
    bool complete; /* every order was run */
    bool violated; /* the last execution was wrong; its order: */
    unsigned length;
    unsigned char order[SCHEDULE_STEPS];
} schedule_result;

/* Runs executions until all are done, one is wrong, or `most` were run. */
schedule_result schedule_explore(const schedule_task *task, unsigned long most);

/* Runs one execution in this order, and beyond it thread by thread. */
schedule_result schedule_replay(const schedule_task *task, const unsigned char *order,
                                unsigned length);

/* By hand: starts an execution; lets one thread make up to `most` steps, and returns how many it
 * made. Between the calls accesses pass freely. */
void schedule_begin(const schedule_task *task);
unsigned schedule_run(unsigned thread, unsigned most);

/* A time that grows with every step. */
unsigned schedule_now(void);

/* The thread that made the last step. */
unsigned schedule_running(void);

#endif
