/* SPDX-License-Identifier: MIT */
/*
 * Processes at work in one pool, killed at random. Each marks every page of its runs and finds the
 * marks before it releases them; who is killed is recovered and replaced. In the end the survivors
 * stop, and the pool must hold exactly what they hold, and what it held before.
 */
#ifndef STRESS_H
#define STRESS_H

#include "tool.h"
#include "verdict.h"

#include <lfbuddy/pool.h>

enum { STRESS_PROCESSES_MOST = LFB_POOL_PROCESSES_MAX - 1 };

typedef struct stress_plan {
    unsigned processes; /* 1 to STRESS_PROCESSES_MOST */
    double seconds;
    uint64_t kills; /* at most so many, spread over the time */
} stress_plan;

typedef struct stress_result {
    double seconds;
    uint64_t operations; /* allocations and releases */
    uint64_t exhausted;  /* allocations that found no room */
    uint64_t kills;
    uint64_t recovered_runs;
    uint64_t recovered_pages;
    uint64_t undecided;     /* recoveries that left runs to a later one */
    size_t pages_before;    /* allocated before it began */
    size_t survivors_pages; /* held in the end */
    size_t pages_at_end;    /* allocated then */
} stress_result;

/* The pool has owner tags and a free slot for each process, and no other process works in it.
 * Complains, returns TOOL_FAILED, when it can't be done; what is wrong goes to the verdict. */
tool_status stress_run(lfb_pool *pool, const stress_plan *plan, stress_result *result,
                       verdict *found);

#endif
