/* SPDX-License-Identifier: MIT */
/*
 * The replay's threads: see replay.h.
 */
#include "replay.h"

#include "team.h"

#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW = 4096,   /* events that a thread may be ahead of the slowest */
    SPINS = 64,      /* looks before a waiting thread gives up its CPU */
    SEPARATION = 128 /* bytes that keep threads out of each other's cache lines */
};

/* In place of a block's address. */
#define NOT_YET LFB_NONE
#define FAILED  (LFB_NONE - 1)

typedef struct replay_block {
    _Atomic uintptr_t address;
    _Atomic uint32_t turn; /* parts released */
} replay_block;

typedef struct replay_worker {
    alignas(SEPARATION) _Atomic size_t position; /* all its events before this one are done */
    alignas(SEPARATION) size_t next;             /* of its list */
    size_t horizon;                              /* it may run up to here without looking around */
    size_t failures;
    size_t waits;
    size_t failed_event;
    histogram alloc;
    histogram release;
} replay_worker;

typedef struct replay_state {
    const script *script;
    subject *subject;
    const ticks *clock;
    picture *shown;
    replay_result *result;
    replay_block *blocks;
    replay_worker *workers;
    unsigned passes;
    team_gate gate;
    uint64_t started_ns;           /* the gate opened */
    size_t bounds[REPLAY_SAMPLES]; /* the first event behind each slice of time */
} replay_state;

/* --------------------------------------------------------------------------------- waiting ---- */

static void relax(unsigned *looks)
{
    if (++*looks % SPINS == 0) {
        sched_yield();
    }
}

static size_t slowest_position(const replay_state *r)
{
    size_t slowest = SIZE_MAX;
    for (unsigned i = 0; i < r->script->thread_count; i++) {
        size_t position = atomic_load_explicit(&r->workers[i].position, memory_order_acquire);
        slowest = position < slowest ? position : slowest;
    }
    return slowest;
}

/* Returns once all events before `event` are done, whoever does them. */
static void wait_until_done(const replay_state *r, size_t event)
{
    unsigned looks = 0;
    while (slowest_position(r) < event) {
        relax(&looks);
    }
}

static void enter_event(replay_state *r, replay_worker *w, size_t event)
{
    atomic_store_explicit(&w->position, event, memory_order_release);
    if (event > w->horizon) {
        wait_until_done(r, event - WINDOW);
        size_t slowest = slowest_position(r);
        w->horizon = slowest < SIZE_MAX - WINDOW ? slowest + WINDOW : SIZE_MAX;
    }
}

static uintptr_t wait_for_address(replay_block *block)
{
    unsigned looks = 0;
    uintptr_t address;
    while ((address = atomic_load_explicit(&block->address, memory_order_acquire)) == NOT_YET) {
        relax(&looks);
    }
    return address;
}

static void wait_for_turn(replay_block *block, uint32_t turn)
{
    unsigned looks = 0;
    while (atomic_load_explicit(&block->turn, memory_order_acquire) != turn) {
        relax(&looks);
    }
}

/* ------------------------------------------------------------------------------ operations ---- */

/* Nothing was free. A thread that lags may have pages that the trace had released by now, so only
 * another failure after it has caught up is the range's fault. */
static uintptr_t alloc_again(replay_state *r, replay_worker *w, unsigned lane, const script_op *op)
{
    wait_until_done(r, op->event);
    uintptr_t address = lfb_alloc_on(&r->subject->lfb, lane, op->order);
    w->waits += address != LFB_NONE;
    if (address == LFB_NONE) {
        w->failed_event = w->failures++ == 0 ? op->event : w->failed_event;
        return FAILED;
    }
    return address;
}

static void do_alloc(replay_state *r, replay_worker *w, unsigned lane, const script_op *op)
{
    uint64_t start = ticks_now(r->clock);
    uintptr_t address = lfb_alloc_on(&r->subject->lfb, lane, op->order);
    histogram_add(&w->alloc, ticks_now(r->clock) - start);
    if (address == LFB_NONE) {
        address = alloc_again(r, w, lane, op);
    }
    if (address != FAILED) {
        subject_claim(r->subject, address, (size_t)1 << op->order, op->block + 1);
        subject_expect_size(r->subject, address, (size_t)1 << op->order, op->block + 1);
    }
    atomic_store_explicit(&r->blocks[op->block].address, address, memory_order_release);
}

/* h: NULL when it isn't part of what is measured. */
static void free_whole(replay_state *r, histogram *h, unsigned lane, const script_op *op,
                       uintptr_t address)
{
    size_t pages = (size_t)1 << op->order;
    subject_expect_size(r->subject, address, pages, op->block + 1);
    subject_disclaim(r->subject, address, pages, op->block + 1);
    uint64_t start = ticks_now(r->clock);
    lfb_status status = lfb_free_on(&r->subject->lfb, lane, address);
    uint64_t took = ticks_now(r->clock) - start;
    subject_expect_ok(r->subject, status, "lfb_free", address, pages);
    if (h != NULL) {
        histogram_add(h, took);
    }
}

static void free_part(replay_state *r, histogram *h, unsigned lane, const script_op *op,
                      uintptr_t block_address)
{
    size_t pages = (size_t)1 << op->order;
    uintptr_t address = block_address + (uintptr_t)op->first * r->subject->config.page_size;
    subject_disclaim(r->subject, address, pages, op->block + 1);
    uint64_t start = ticks_now(r->clock);
    lfb_status status = lfb_free_range_on(&r->subject->lfb, lane, address, pages);
    uint64_t took = ticks_now(r->clock) - start;
    subject_expect_ok(r->subject, status, "lfb_free_range", address, pages);
    if (h != NULL) {
        histogram_add(h, took);
    }
}

static void do_free(replay_state *r, histogram *h, unsigned lane, const script_op *op)
{
    replay_block *block = &r->blocks[op->block];
    uintptr_t address = wait_for_address(block);
    if (op->kind == SCRIPT_FREE) {
        if (address != FAILED) {
            free_whole(r, h, lane, op, address);
        }
        return;
    }
    /* What one call cuts, another must not be cutting. */
    wait_for_turn(block, op->turn);
    if (address != FAILED) {
        free_part(r, h, lane, op, address);
    }
    atomic_store_explicit(&block->turn, op->turn + 1, memory_order_release);
}

/* Does the thread's events before `bound`. */
static void run_slice(replay_state *r, unsigned lane, size_t bound)
{
    replay_worker *w = &r->workers[lane];
    const script_list *list = &r->script->threads[lane];
    for (; w->next < list->count && list->ops[w->next].event < bound; w->next++) {
        const script_op *op = &list->ops[w->next];
        enter_event(r, w, op->event);
        if (op->kind == SCRIPT_ALLOC) {
            do_alloc(r, w, lane, op);
        } else {
            do_free(r, &w->release, lane, op);
        }
    }
    size_t next = w->next < list->count ? list->ops[w->next].event : SIZE_MAX;
    atomic_store_explicit(&w->position, next, memory_order_release);
}

/* ---------------------------------------------------------------------------------- passes ---- */

static void reset(replay_state *r)
{
    for (uint32_t i = 0; i < r->script->blocks; i++) {
        atomic_store_explicit(&r->blocks[i].address, NOT_YET, memory_order_relaxed);
        atomic_store_explicit(&r->blocks[i].turn, 0, memory_order_relaxed);
    }
    for (unsigned i = 0; i < r->script->thread_count; i++) {
        r->workers[i].next = 0;
        r->workers[i].horizon = WINDOW;
        atomic_store_explicit(&r->workers[i].position, 0, memory_order_relaxed);
    }
}

/* The leader's work between two slices, while the others wait. */
static void take_sample(replay_state *r, unsigned slice)
{
    picture_take(r->shown, &r->subject->lfb);
    r->result->used[slice] = picture_used_pages(r->shown);
    r->result->free_cells[slice] = picture_free_cells(r->shown);
}

static void finish_pass(replay_state *r, bool last)
{
    subject_expect_sound(r->subject, "at the end of the trace");
    if (last) {
        lfb_get_stats(&r->subject->lfb, &r->result->end);
    }
    for (size_t i = 0; i < r->script->left.count; i++) {
        do_free(r, NULL, 0, &r->script->left.ops[i]);
    }
    subject_expect_empty(r->subject, "with everything released");
    reset(r);
}

/* One slice on all threads, timed by the leader from gate to gate. */
static void run_together(replay_state *r, unsigned member, size_t bound)
{
    if (member == 0) {
        r->started_ns = ticks_monotonic_ns();
    }
    team_gate_pass(&r->gate);
    run_slice(r, member, bound);
    team_gate_pass(&r->gate);
    if (member == 0) {
        r->result->wall_ns += ticks_monotonic_ns() - r->started_ns;
    }
}

static void work(void *context, unsigned member)
{
    replay_state *r = context;
    for (unsigned pass = 1; pass < r->passes; pass++) {
        run_together(r, member, SIZE_MAX);
        if (member == 0) {
            finish_pass(r, false);
        }
    }
    for (unsigned slice = 0; slice < REPLAY_SAMPLES; slice++) {
        run_together(r, member, r->bounds[slice]);
        if (member == 0) {
            take_sample(r, slice);
        }
    }
    if (member == 0) {
        finish_pass(r, true);
    }
}

/* ------------------------------------------------------------------------------------ runs ---- */

/* Slices of equal length in time, whatever happened in them. */
static void set_bounds(replay_state *r, const trace *t)
{
    size_t event = 0;
    for (unsigned i = 0; i + 1 < REPLAY_SAMPLES; i++) {
        uint64_t end = t->events[0].time + r->script->duration / REPLAY_SAMPLES * (i + 1);
        while (event < t->count && t->events[event].time < end) {
            event++;
        }
        r->bounds[i] = event;
    }
    r->bounds[REPLAY_SAMPLES - 1] = SIZE_MAX;
}

static void collect(replay_state *r)
{
    replay_result *result = r->result;
    result->failed_event = SIZE_MAX;
    for (unsigned i = 0; i < r->script->thread_count; i++) {
        const replay_worker *w = &r->workers[i];
        histogram_merge(&result->alloc, &w->alloc);
        histogram_merge(&result->release, &w->release);
        result->failures += w->failures;
        result->waits += w->waits;
        if (w->failures > 0 && w->failed_event < result->failed_event) {
            result->failed_event = w->failed_event;
        }
    }
    result->metadata_size = r->subject->metadata_size;
}

static bool run_team(replay_state *r)
{
    team members;
    reset(r);
    team_gate_open(&r->gate, r->script->thread_count);
    if (!team_start(&members, r->script->thread_count, work, r)) {
        return false;
    }
    team_join(&members);
    collect(r);
    return true;
}

tool_status replay_run(const script *s, const trace *t, subject *under, unsigned passes,
                       const ticks *clock, picture *shown, replay_result *result)
{
    memset(result, 0, sizeof(*result));
    size_t workers_size = s->thread_count * sizeof(replay_worker);
    replay_state r = {
        .script = s,
        .subject = under,
        .clock = clock,
        .shown = shown,
        .result = result,
        .blocks = calloc((size_t)s->blocks + 1, sizeof(*r.blocks)),
        .workers = aligned_alloc(SEPARATION, workers_size),
        .passes = passes,
    };
    bool fine = r.blocks != NULL && r.workers != NULL;
    if (fine) {
        memset(r.workers, 0, workers_size);
        set_bounds(&r, t);
        fine = run_team(&r);
    }
    free(r.blocks);
    free(r.workers);
    return fine ? TOOL_OK
                : tool_fail(TOOL_FAILED, "no memory for %u threads and %u blocks", s->thread_count,
                            s->blocks);
}
