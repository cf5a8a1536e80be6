/* SPDX-License-Identifier: MIT */
/*
 * A recording of what a handle allocates and releases (lfb_pool_record). An allocation is noted
 * after it succeeded, a release before it begins, and crossed out if it is refused: so of two notes
 * about the same page the earlier one has the earlier time.
 */
#ifndef LFB_POOL_RECORD_H
#define LFB_POOL_RECORD_H

#include "state.h"

typedef struct record_event record_event;

/* If LFBUDDY_RECORD is in the environment, starts a recording; if it can't, says so on stderr: the
 * program did nothing wrong, and whoever set the variable waits for a trace. */
void record_begin(lfb_pool *pool);

/* Writes the trace. */
void record_end(lfb_pool *pool);

record_event *record_add(const lfb_pool *pool, uintptr_t offset, size_t pages, bool release);

/* What the event says didn't happen. */
void record_cross_out(record_event *event);

static inline void pool_record_alloc(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->recording) {
        record_add(pool, offset, pages, false);
    }
}

/* pages, 0: the run that starts there. NULL: nothing is recorded. */
static inline record_event *pool_record_free(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    return pool->recording ? record_add(pool, offset, pages, true) : NULL;
}

static inline void pool_record_refused(record_event *event)
{
    if (event) {
        record_cross_out(event);
    }
}

#endif
