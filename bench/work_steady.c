/* SPDX-License-Identifier: MIT */
/*
 * Blocks of one order, every thread with its own: bulk, repeat, empty, rand, full.
 */
#include "workloads.h"

enum { WARM_UP = 10000, HALF = 50, MOST = 97 /* percent */ };

static size_t share_of_range(const cell *c, unsigned percent)
{
    return (c->pages >> c->order) * percent / 100 / c->threads;
}

static size_t half(const cell *c)
{
    return share_of_range(c, HALF);
}

/* ----------------------------------------------------------------------------------- bulk ---- */

/* Allocate half the range (each thread its share), free it in the same order, again and again. */
static void bulk_prepare(worker *w)
{
    harness_fill(w, 0, w->count);
    harness_empty(w, 0, w->count);
}

static void bulk_work(worker *w)
{
    do {
        harness_start_clock(w);
        w->failures += harness_fill(w, 0, w->count);
        harness_empty(w, 0, w->count);
        harness_stop_clock(w);
        w->operations += w->count;
    } while (!harness_is_over(w));
    w->count = 0;
}

const workload workload_bulk = {
    .name = "bulk",
    .about = "allocate half the range, then free it",
    .by_order = true,
    .takes_bulk = true,
    .capacity = half,
    .prepare = bulk_prepare,
    .work = bulk_work,
};

/* -------------------------------------------------------------------------- repeat, empty ---- */

static void repeat_batch(worker *w, size_t count)
{
    int64_t (*const get)(unsigned, unsigned) = w->allocator->get;
    void (*const put)(unsigned, int64_t, unsigned) = w->allocator->put;
    for (size_t i = 0; i < count; i++) {
        int64_t page = get(w->thread, w->order);
        if (page >= 0) {
            put(w->thread, page, w->order);
        } else {
            w->failures++;
        }
    }
}

static void repeat_work(worker *w)
{
    harness_start_clock(w);
    do {
        repeat_batch(w, HARNESS_BATCH);
        w->operations += HARNESS_BATCH;
    } while (!harness_is_over(w));
    harness_stop_clock(w);
}

/* Half the range is held, shared out among the threads; allocate one, free it. */
static void repeat_prepare(worker *w)
{
    harness_fill(w, 0, w->count);
    harness_meet(w);
    repeat_batch(w, WARM_UP);
    w->failures = 0;
}

const workload workload_repeat = {
    .name = "repeat",
    .about = "half the range held; allocate one, free it",
    .by_order = true,
    .capacity = half,
    .prepare = repeat_prepare,
    .work = repeat_work,
};

/* Nothing is held; allocate one, free it. The one entry is never used. */
static size_t one(const cell *c)
{
    return (c->pages >> c->order) >= c->threads;
}

static void empty_prepare(worker *w)
{
    w->count = 0;
    repeat_batch(w, WARM_UP);
    w->failures = 0;
}

const workload workload_empty = {
    .name = "empty",
    .about = "nothing held; allocate one, free it",
    .by_order = true,
    .capacity = one,
    .prepare = empty_prepare,
    .work = repeat_work,
};

/* ----------------------------------------------------------------------------- rand, full ---- */

/* The next entry is known, and on its way from memory, while this one is replaced: the array is
 * larger than the caches near the CPU, and isn't what is to be measured. */
static void replace_batch(worker *w, size_t count)
{
    int64_t (*const get)(unsigned, unsigned) = w->allocator->get;
    void (*const put)(unsigned, int64_t, unsigned) = w->allocator->put;
    int64_t *held = w->held;
    size_t at = xorshift_below(&w->random, w->count);
    for (size_t i = 0; i < count; i++) {
        size_t next = xorshift_below(&w->random, w->count);
        __builtin_prefetch(&held[next], 1);
        if (held[at] >= 0) {
            put(w->thread, held[at], w->order);
        }
        int64_t page = get(w->thread, w->order);
        w->failures += page < 0;
        held[at] = page;
        at = next;
    }
}

/* Keeps `wanted` of the blocks and releases the others. */
static void trim(worker *w, size_t wanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++) {
        int64_t page = w->held[i];
        w->held[i] = HARNESS_NONE;
        if (page >= 0 && kept < wanted) {
            w->held[kept++] = page;
        } else if (page >= 0) {
            w->allocator->put(w->thread, page, w->order);
        }
    }
    w->count = wanted;
}

/* The whole range is allocated and all but a share of it released at random, so that free and held
 * pages are mixed from the beginning, in the same way for those allocators that give out the block
 * they got last as for those that go through the range. Then, to arrive at each one's own way of
 * mixing them, as many replacements as there are blocks. */
static void replace_prepare(worker *w, unsigned percent)
{
    harness_fill(w, 0, w->count);
    xorshift_shuffle(&w->random, w->held, w->count);
    harness_meet(w);
    trim(w, share_of_range(&w->run->cell, percent));
    harness_meet(w);
    replace_batch(w, w->count);
    w->failures = 0;
}

static void replace_work(worker *w)
{
    harness_start_clock(w);
    do {
        replace_batch(w, HARNESS_BATCH);
        w->operations += HARNESS_BATCH;
    } while (!harness_is_over(w));
    harness_stop_clock(w);
}

static size_t everything(const cell *c)
{
    return share_of_range(c, HALF) == 0 ? 0 : share_of_range(c, 100);
}

/* Half the range is held, shuffled; free a random block of one's own, allocate one. */
static void rand_prepare(worker *w)
{
    replace_prepare(w, HALF);
}

const workload workload_rand = {
    .name = "rand",
    .about = "half the range held; free a random block, allocate one",
    .by_order = true,
    .capacity = everything,
    .prepare = rand_prepare,
    .work = replace_work,
};

/* The same with 97 % held. */
static void full_prepare(worker *w)
{
    replace_prepare(w, MOST);
}

const workload workload_full = {
    .name = "full",
    .about = "97 % of the range held; free a random block, allocate one",
    .by_order = true,
    .capacity = everything,
    .prepare = full_prepare,
    .work = replace_work,
};
