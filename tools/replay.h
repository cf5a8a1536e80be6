/* SPDX-License-Identifier: MIT */
/*
 * Runs a script through an allocator, each of its threads in a thread of its own, and measures.
 *
 * Threads do their own operations in the trace's order. Between threads only this is kept: a
 * release comes after its allocation, parts of one block are released in their order, and nobody
 * runs more than a few thousand events ahead of the slowest. Waiting can't go in circles: whoever
 * waits does so for an earlier event of the trace, so the thread with the earliest event never
 * waits.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "histogram.h"
#include "picture.h"
#include "script.h"
#include "subject.h"
#include "ticks.h"

enum { REPLAY_SAMPLES = 32 };

typedef struct replay_result {
    uint64_t wall_ns; /* of all passes; looking at the range between operations is not in it */
    histogram alloc;  /* in ticks */
    histogram release;
    size_t failures;                   /* allocations that got nothing */
    size_t waits;                      /* that got nothing until the other threads had caught up */
    size_t failed_event;               /* the first failure */
    size_t used[REPLAY_SAMPLES];       /* pages, over the trace's time, in the last pass */
    size_t free_cells[REPLAY_SAMPLES]; /* wholly free cells of the picture */
    lfb_stats end;                     /* at the end of the trace */
    size_t metadata_size;
} replay_result;

/*
 * Replays `passes` times. `shown` is taken over and over, the last time at the end of the trace,
 * before what it leaves allocated is released. The trace is the one that the script was made of.
 * Complains and returns TOOL_FAILED when it can't run; violations are left in the subject.
 */
tool_status replay_run(const script *s, const trace *t, subject *under, unsigned passes,
                       const ticks *clock, picture *shown, replay_result *result);

#endif
