/* SPDX-License-Identifier: MIT */
/*
 * Blocks that one thread allocates and another one frees: remote, larson.
 */
#include "workloads.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------- remote ---- */

static size_t half(const cell *c)
{
    return (c->pages >> c->order) / 2 / c->threads;
}

/* Frees what the neighbour holds. */
static void empty_neighbour(worker *w)
{
    worker hand = *w;
    const worker *neighbour = &w->run->workers[(w->thread + 1) % w->run->size];
    hand.held = neighbour->held;
    harness_empty(&hand, 0, neighbour->count);
}

static void remote_prepare(worker *w)
{
    harness_fill(w, 0, w->count);
    harness_meet(w);
    empty_neighbour(w);
}

/*
 * All threads allocate until half the range is held; when all are done, each frees what its
 * neighbour allocated, in the order of allocation. Waiting isn't counted. Thread 0 says when it's
 * over, for all must leave in the same turn.
 */
static void remote_work(worker *w)
{
    do {
        harness_start_clock(w);
        w->failures += harness_fill(w, 0, w->count);
        harness_stop_clock(w);
        harness_meet(w);
        harness_start_clock(w);
        empty_neighbour(w);
        harness_stop_clock(w);
        w->operations += w->count;
        if (w->thread == 0 && harness_is_over(w)) {
            atomic_store(&w->run->stop, true);
        }
        harness_meet(w);
    } while (!atomic_load(&w->run->stop));
    w->count = 0;
}

const workload workload_remote = {
    .name = "remote",
    .about = "allocate half the range; each thread frees what its neighbour allocated",
    .by_order = true,
    .takes_bulk = true,
    .capacity = half,
    .prepare = remote_prepare,
    .work = remote_work,
};

/* --------------------------------------------------------------------------------- larson ---- */

enum { BATCHES_TO_HAND_OVER = 16 };

/* There is one array of blocks more than there are threads: it lies here. */
typedef _Atomic(int64_t *) mailbox;

static size_t larson_capacity(const cell *c)
{
    return draw_capacity(workloads_even_orders(), c, 0.5, c->threads + 1);
}

static bool larson_open(run *r)
{
    size_t count = r->workers[0].count;
    mailbox *box = malloc(sizeof(*box));
    int64_t *spare = malloc(count * sizeof(*spare));
    if (box == NULL || spare == NULL) {
        free(box);
        free(spare);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        spare[i] = HARNESS_NONE;
    }
    atomic_init(box, spare);
    r->shared = box;
    return true;
}

static void larson_close(run *r)
{
    mailbox *box = r->shared;
    free(atomic_load(box));
    free(box);
}

/* Puts the array into the mailbox and takes the one that another thread has put there: the way in
 * which Larson's threads inherit each other's blocks, without waiting. */
static void hand_over(worker *w)
{
    mailbox *box = w->run->shared;
    w->held = atomic_exchange(box, w->held);
}

static void larson_prepare(worker *w)
{
    workloads_replace_sized(w, workloads_even_orders(), w->count);
    hand_over(w);
    workloads_replace_sized(w, workloads_even_orders(), w->count);
    w->failures = 0;
}

/* The array in the mailbox is emptied by thread 0; the others keep theirs. */
static void larson_end(worker *w)
{
    harness_meet(w);
    if (w->thread == 0) {
        int64_t *spare = atomic_load((mailbox *)w->run->shared);
        for (size_t i = 0; i < w->count; i++) {
            if (spare[i] >= 0) {
                workloads_put_sized(w, spare[i]);
            }
        }
    }
}

/*
 * After Larson and Krishnan, "Memory allocation for long-running server applications" (ISMM 1998):
 * each thread replaces random blocks of its array by new ones of random orders (0 to 9, each order
 * with the same number of pages), and every now and then hands its array over to another thread. At
 * most half the range is held.
 */
static void larson_work(worker *w)
{
    const draw_table *table = workloads_even_orders();
    harness_start_clock(w);
    unsigned batches = 0;
    do {
        workloads_replace_sized(w, table, HARNESS_BATCH);
        w->operations += HARNESS_BATCH;
        if (++batches % BATCHES_TO_HAND_OVER == 0) {
            hand_over(w);
        }
    } while (!harness_is_over(w));
    harness_stop_clock(w);
    w->wall_end = harness_now();
    larson_end(w);
}

const workload workload_larson = {
    .name = "larson",
    .about = "replace random blocks of mixed orders; threads hand their blocks over",
    .capacity = larson_capacity,
    .open = larson_open,
    .close = larson_close,
    .prepare = larson_prepare,
    .work = larson_work,
    .put = workloads_put_sized,
};
