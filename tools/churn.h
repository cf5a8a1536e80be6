/* SPDX-License-Identifier: MIT */
/*
 * Threads that do all an allocator can do at random, on one range, for as long as they are let, and
 * judge each answer: blocks and runs, at places of their choice too, resized, released whole, in
 * parts, and by other threads.
 */
#ifndef CHURN_H
#define CHURN_H

#include "subject.h"

typedef enum churn_kind {
    CHURN_ALLOC,
    CHURN_ALLOC_RUN,
    CHURN_ALLOC_AT,
    CHURN_RESIZE,
    CHURN_FREE,
    CHURN_FREE_RANGE,
    CHURN_EXCHANGE, /* handed to whoever comes next */
    CHURN_KINDS
} churn_kind;

typedef struct churn_count {
    uint64_t done[CHURN_KINDS];
    uint64_t refused[CHURN_KINDS]; /* exhausted, or a page that was wanted is in use */
} churn_count;

typedef struct churn churn; /* one run of it */

/* Starts the threads. NULL: complained. The subject has as many lanes as there are threads, and
 * verifies. */
churn *churn_start(subject *under, unsigned threads);

/* So far; may run beside the threads. */
churn_count churn_look(const churn *c);

/* Stops and joins the threads, releases all that is left, and gives the final count. */
churn_count churn_stop(churn *c);

const char *churn_kind_name(churn_kind kind);

#endif
