/* SPDX-License-Identifier: MIT */
/*
 * Runs a few fibers in every order that can make a difference. A step is one atomic access and the
 * code up to the next one. Executions that differ only in the order of independent accesses are run
 * once: dynamic partial-order reduction (Flanagan, Godefroid, POPL 2005) with sleep sets.
 *
 * Where there are too many orders, random priorities find a bug of depth d with a probability that
 * is known: PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).
 */
#ifndef TESTS_INTERLEAVE_SCHEDULE_H
#define TESTS_INTERLEAVE_SCHEDULE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

enum { SCHEDULE_THREADS = 3, SCHEDULE_STEPS = 6000 };

typedef struct schedule_task {
    unsigned threads;
    void (*reset)(void *context);                   /* before each execution */
    void (*thread)(void *context, unsigned number); /* what each fiber runs */
    bool (*step)(void *context);   /* after each step; false: a violation. What it saw of a time
                                      stays so in the executions that begin with the same steps, and
                                      it isn't called for those again */
    bool (*finish)(void *context); /* after each execution */
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

/* Runs `rounds` executions with random priorities and `depth` - 1 points at which one drops; stops
 * at one that is wrong. */
schedule_result schedule_random(const schedule_task *task, uint64_t seed, unsigned depth,
                                unsigned long rounds);

/* By hand: starts an execution; lets one thread make up to `most` steps (fewer if one is
 * wrong), and returns how many it made. Between the calls accesses pass freely. */
void schedule_begin(const schedule_task *task);
unsigned schedule_run(unsigned thread, unsigned most);

/* A time that grows with every step: during step i, and in the state before it, it is i. */
unsigned schedule_now(void);

/* For a fiber: forgets its steps; the time of its first step since, or now if it made none. */
void schedule_open(void);
unsigned schedule_opened(void);

/* For a fiber: after so many more steps, and before the next one, it goes on at `death`, as if what
 * it was doing had been killed there. NULL: it lives on. */
void schedule_doom(unsigned steps, jmp_buf *death);

/* For a fiber: whether its accesses are steps (they are, until this says otherwise). */
void schedule_show(bool steps);

/* The thread that made the last step. */
unsigned schedule_running(void);

#endif
