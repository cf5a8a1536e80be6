/* SPDX-License-Identifier: MIT */
/*
 * The sequential specification, and whether a history obeys it: whether there is an order of its
 * events, in agreement with real time, in which each is legal and which ends in the state that was
 * found (linearizability: Herlihy, Wing, TOPLAS 1990; the search: Wing, Gong, JPDC 1993, with
 * states that failed remembered).
 *
 * What the header makes atomic is one event. What takes effect piece by piece is several, in the
 * order in which the pieces go:
 *
 *   allocation (block, run, at, within)   one: it holds the pages from the last piece on
 *   bulk allocation, bulk release         one a block
 *   release                               one a piece, a piece being a power of two of pages
 *   growth, hold                          one
 *   trim                                  the cut; then one a page
 *   free_range                            both cuts; then one a page
 *   release_range                         one a page
 *   release refused                       one that finds the reason
 *
 * An allocation that failed, or was refused with BUSY, has no event: it may always fail as far as
 * this goes, and judge.c asks whether it had to.
 */
#ifndef TESTS_INTERLEAVE_MODEL_H
#define TESTS_INTERLEAVE_MODEL_H

#include "lfbuddy.h"
#include "script.h"

enum { EVENTS_MOST = 192 };

/* Pages: free, out of use, the last ones of runs; and what a thread that releases a run of unknown
 * length has yet to make free. */
typedef struct model {
    uint64_t free, held, last;
    uint64_t rest[SCHEDULE_THREADS];
} model;

typedef enum event_kind {
    EVENT_TAKE,    /* free -> a run */
    EVENT_GROW,    /* free -> the end of the run before them */
    EVENT_HOLD,    /* free -> out of use */
    EVENT_PUT,     /* out of use -> free */
    EVENT_CUT,     /* the run ends before this page */
    EVENT_RELEASE, /* a run starts here; the first power of two of it -> free */
    EVENT_FREE,    /* allocated -> free */
    EVENT_REST,    /* what the thread's release of a run of any length left -> free */
    EVENT_REFUSE   /* a release finds the reason for its status */
} event_kind;

typedef struct event {
    event_kind kind;
    lfb_status status;
    unsigned thread;
    unsigned page, pages; /* a release of a run of any length: 0 pages */
    unsigned from, to;    /* first and last step of the call */
} event;

typedef struct history {
    event events[SCHEDULE_THREADS][EVENTS_MOST];
    unsigned count[SCHEDULE_THREADS];
} history;

typedef enum verdict { LINEARIZABLE, NOT_LINEARIZABLE, UNDECIDED } verdict;

bool model_apply(model *m, const event *e);
verdict history_judge(const history *h, unsigned threads, model start, model end);

#endif
