/* SPDX-License-Identifier: MIT */
/*
 * Whether free memory stays in one piece: frag-50, frag-80. One thread, which uses lanes 0 and 1 in
 * turns, so that the result depends on the seed and the allocator alone.
 */
#include "workloads.h"

#include <stdlib.h>
#include <string.h>

enum {
    HUGE_PAGES = 512, /* a 2 MiB block */
    HUGE_ORDER = 9,
    FILL_PERCENT = 95,
    ROUNDS = 100,
    ROUNDS_A_SAMPLE = 20,
    LANES = 2
};

static size_t capacity(const cell *c)
{
    return (c->pages >> c->order) * FILL_PERCENT / 100;
}

static bool frag_open(run *r)
{
    r->shared = malloc(r->cell.pages / HUGE_PAGES);
    r->frag = (frag_outcome){.valid = true};
    return r->shared != NULL;
}

static void frag_close(run *r)
{
    free(r->shared);
}

/* Counted from what is held, so it is the same count for all allocators. */
static size_t count_huge(worker *w)
{
    unsigned char *in_use = w->run->shared;
    size_t blocks = w->run->cell.pages / HUGE_PAGES;
    size_t each = w->order > HUGE_ORDER ? (size_t)1 << (w->order - HUGE_ORDER) : 1;
    memset(in_use, 0, blocks);
    for (size_t i = 0; i < w->count; i++) {
        if (w->held[i] >= 0) {
            memset(in_use + w->held[i] / HUGE_PAGES, 1, each);
        }
    }
    size_t free_blocks = 0;
    for (size_t i = 0; i < blocks; i++) {
        free_blocks += !in_use[i];
    }
    return free_blocks;
}

static void prepare(worker *w, unsigned percent)
{
    for (size_t i = 0; i < w->count; i++) {
        w->held[i] = w->allocator->get(i % LANES, w->order);
    }
    xorshift_shuffle(&w->random, w->held, w->count);
    size_t kept = (w->run->cell.pages >> w->order) * percent / 100;
    for (size_t i = kept; i < w->count; i++) {
        if (w->held[i] >= 0) {
            w->allocator->put(i % LANES, w->held[i], w->order);
        }
    }
    w->count = kept;
    w->run->frag.huge[0] = count_huge(w);
    w->run->frag.ideal = (w->run->cell.pages - (kept << w->order)) / HUGE_PAGES;
}

/* Moves `count` random entries to the front. */
static void pick(worker *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t other = i + xorshift_below(&w->random, w->count - i);
        int64_t page = w->held[i];
        w->held[i] = w->held[other];
        w->held[other] = page;
    }
}

static void replace(worker *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (w->held[i] >= 0) {
            w->allocator->put(i % LANES, w->held[i], w->order);
        }
    }
    for (size_t i = 0; i < count; i++) {
        w->held[i] = w->allocator->get(i % LANES, w->order);
        w->failures += w->held[i] < 0;
    }
}

static size_t count_allocations(worker *w)
{
    size_t blocks = w->run->cell.pages / HUGE_PAGES;
    int64_t *pages = malloc(blocks * sizeof(*pages));
    size_t count = 0;
    while (pages != NULL && count < blocks &&
           (pages[count] = w->allocator->get(count % LANES, HUGE_ORDER)) >= 0) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        w->allocator->put(i % LANES, pages[i], HUGE_ORDER);
    }
    free(pages);
    return count;
}

/*
 * Fill to 95 % with blocks of one order, release at random down to 50 % (80 %) of the range; then
 * 100 rounds, in each of which a tenth of the held blocks, picked at random, is released and as
 * many are allocated. Every 20 rounds the wholly free 2 MiB blocks are counted; at the end, how
 * many order-9 allocations succeed. What is timed is the rounds' releases and allocations.
 */
static void work(worker *w)
{
    size_t tenth = w->count / 10;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        pick(w, tenth);
        harness_start_clock(w);
        replace(w, tenth);
        harness_stop_clock(w);
        w->operations += tenth;
        if (round % ROUNDS_A_SAMPLE == 0) {
            w->run->frag.huge[round / ROUNDS_A_SAMPLE] = count_huge(w);
        }
    }
    w->run->frag.allocated = count_allocations(w);
}

static void prepare50(worker *w)
{
    prepare(w, 50);
}

static void prepare80(worker *w)
{
    prepare(w, 80);
}

#define FRAG(percent)                                                                              \
    {                                                                                              \
        .name = "frag-" #percent,                                                                  \
        .about = "churn at " #percent " % of the range; 2 MiB blocks left whole",                  \
        .by_order = true, .range_only = true, .threads = LANES, .capacity = capacity,              \
        .open = frag_open, .close = frag_close, .prepare = prepare##percent, .work = work          \
    }

const workload workload_frag50 = FRAG(50);
const workload workload_frag80 = FRAG(80);
