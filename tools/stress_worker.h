/* SPDX-License-Identifier: MIT */
/*
 * One of the processes of a stress: see stress.h.
 */
#ifndef STRESS_WORKER_H
#define STRESS_WORKER_H

#include "stress.h"

#include <stdatomic.h>

typedef enum stress_phase { STRESS_WORK, STRESS_STOP, STRESS_LEAVE } stress_phase;

/* What one process tells the others, in shared memory; its successors go on with it. */
typedef struct stress_record {
    atomic_uint_fast64_t operations;
    atomic_uint_fast64_t exhausted;
    atomic_size_t pages_held; /* once it has stopped */
    atomic_bool stopped;
    atomic_size_t violations;
    char text[VERDICT_LENGTH]; /* the first one */
} stress_record;

typedef struct stress_shared {
    pid_t parent;
    _Atomic(stress_phase) phase;
    stress_record records[STRESS_PROCESSES_MOST];
} stress_shared;

/* In a child made by fork: works until the phase says STOP, then waits for LEAVE. */
_Noreturn void stress_work(const lfb_pool *pool, const stress_shared *shared, stress_record *record,
                           uint64_t seed);

/* From 0 to below the bound; *state isn't 0. */
uint64_t stress_random(uint64_t *state, uint64_t bound);

#endif
