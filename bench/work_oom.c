/* SPDX-License-Identifier: MIT */
/*
 * Allocations that fail: oom-full, oom-pieces. An operation is one call, and fails.
 */
#include "workloads.h"

enum { ATTEMPTS = 16 }; /* between two looks at the clock: a failure may take long */

/* Single pages up to the last, by all threads. The first to find nothing may have been early (other
 * threads hold pages for a moment, in some allocators), hence twice. */
static void fill_up(worker *w)
{
    size_t count = 0;
    for (unsigned turn = 0; turn < 2; turn++) {
        int64_t page;
        while (count < w->count && (page = w->allocator->get(w->thread, 0)) >= 0) {
            w->held[count++] = page;
        }
        harness_meet(w);
    }
    w->count = count;
    w->order = 0; /* that is what is held */
}

static void fail_work(worker *w)
{
    unsigned order = w->run->cell.order;
    harness_start_clock(w);
    do {
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            int64_t page = w->allocator->get(w->thread, order);
            if (page >= 0) { /* it should have failed */
                w->allocator->put(w->thread, page, order);
            } else {
                w->failures++;
            }
        }
        w->operations += ATTEMPTS;
    } while (!harness_is_over(w));
    harness_stop_clock(w);
}

/* Any thread may end up with all pages. */
static size_t all_pages(const cell *c)
{
    return c->pages;
}

/* Every page is held, as a block of order 0; allocate. */
const workload workload_oom_full = {
    .name = "oom-full",
    .about = "allocations that fail: every page is held",
    .by_order = true,
    .range_only = true,
    .fails = true,
    .capacity = all_pages,
    .prepare = fill_up,
    .work = fail_work,
};

/* Every page but the first of each aligned 2^order pages is released. */
static void pieces_prepare(worker *w)
{
    fill_up(w);
    int64_t mask = ((int64_t)1 << w->run->cell.order) - 1;
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++) {
        int64_t page = w->held[i];
        if ((page & mask) == 0) {
            w->held[kept++] = page;
        } else {
            w->allocator->put(w->thread, page, 0);
        }
    }
    w->count = kept;
}

/* Of each block of the order, the first page is held and the rest is free; allocate such blocks. */
const workload workload_oom_pieces = {
    .name = "oom-pieces",
    .about = "allocations that fail: free, but in pieces too small",
    .by_order = true,
    .range_only = true,
    .fails = true,
    .least_order = 1,
    .capacity = all_pages,
    .prepare = pieces_prepare,
    .work = fail_work,
};
