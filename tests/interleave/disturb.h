/* SPDX-License-Identifier: MIT */
/*
 * Threads that stop for good, and handlers that interrupt: each thread in turn makes so many steps,
 * then it happens, then the others run to their ends.
 */
#ifndef TESTS_INTERLEAVE_DISTURB_H
#define TESTS_INTERLEAVE_DISTURB_H

#include "scene.h"

typedef enum disturb_kind {
    DISTURB_STOP,      /* what the thread withholds is released page by page */
    DISTURB_STOP_RUNS, /* the same, by whole runs where they are wholly the thread's */
    DISTURB_INTERRUPT, /* a handler on the thread's lane allocates and releases */
    DISTURB_HEIR,      /* another thread pauses, an heir releases all that the thread withholds */
    DISTURB_KINDS
} disturb_kind;

typedef struct disturbance {
    disturb_kind kind;
    unsigned thread;
    unsigned steps;      /* that the thread makes before */
    unsigned other;      /* heir: the one that pauses */
    unsigned more_steps; /* that it makes before */
} disturbance;

/* "stop", "stop-runs", "interrupt", "heir" */
const char *disturb_name(disturb_kind kind);

/* Returns whether the thread made all these steps; complaints are in the scene. */
bool disturb(scene *s, const schedule_task *task, disturbance d);

/* At every step of each thread. Returns how often; at the first complaint *d is the culprit. */
unsigned long disturb_everywhere(scene *s, const schedule_task *task, disturbance *d);

#endif
