/* SPDX-License-Identifier: MIT */
/*
 * Clocks, phases and their sum: see harness.h.
 */
#include "harness.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------- clocks ---- */

static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void harness_start_clock(worker *w)
{
    if (w->allocator->counts != NULL) {
        w->allocator->counts(&w->counts_start);
    }
    if (w->allocator->watch != NULL) {
        w->allocator->watch(true);
    }
    w->cpu_start = thread_ns();
}

void harness_stop_clock(worker *w)
{
    w->cpu_ns += thread_ns() - w->cpu_start;
    if (w->allocator->watch != NULL) {
        w->allocator->watch(false);
    }
    if (w->allocator->counts != NULL) {
        allocator_counts now;
        w->allocator->counts(&now);
        w->counts.updates += now.updates - w->counts_start.updates;
        w->counts.cas_failures += now.cas_failures - w->counts_start.cas_failures;
        w->counts.lines += now.lines - w->counts_start.lines;
    }
}

void harness_meet(worker *w)
{
    team_gate_pass(&w->run->gate);
}

/* --------------------------------------------------------------------------------- blocks ---- */

static size_t fill_in_bulk(worker *w, size_t from, size_t to)
{
    for (size_t i = from; i < to;) {
        size_t wanted = to - i < w->allocator->bulk ? to - i : w->allocator->bulk;
        size_t got = w->allocator->get_bulk(w->thread, w->order, wanted, w->held + i);
        i += got;
        if (got < wanted) {
            for (size_t rest = i; rest < to; rest++) {
                w->held[rest] = HARNESS_NONE;
            }
            return to - i;
        }
    }
    return 0;
}

size_t harness_fill(worker *w, size_t from, size_t to)
{
    if (w->allocator->get_bulk != NULL) {
        return fill_in_bulk(w, from, to);
    }
    int64_t (*const get)(unsigned, unsigned) = w->allocator->get;
    size_t failures = 0;
    for (size_t i = from; i < to; i++) {
        int64_t page = get(w->thread, w->order);
        failures += page < 0;
        w->held[i] = page;
    }
    return failures;
}

/* What failed is at the end: see fill_in_bulk. */
static void empty_in_bulk(worker *w, size_t from, size_t to)
{
    while (to > from && w->held[to - 1] < 0) {
        to--;
    }
    for (size_t i = from, count; i < to; i += count) {
        count = to - i < w->allocator->bulk ? to - i : w->allocator->bulk;
        w->allocator->put_bulk(w->thread, count, w->held + i);
    }
}

void harness_empty(worker *w, size_t from, size_t to)
{
    if (w->allocator->put_bulk != NULL) {
        empty_in_bulk(w, from, to);
        return;
    }
    void (*const put)(unsigned, int64_t, unsigned) = w->allocator->put;
    for (size_t i = from; i < to; i++) {
        if (w->held[i] >= 0) {
            put(w->thread, w->held[i], w->order);
        }
    }
}

static void give_back(worker *w)
{
    const workload *wl = w->run->cell.workload;
    if (wl->put == NULL) {
        harness_empty(w, 0, w->count);
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        if (w->held[i] >= 0) {
            wl->put(w, w->held[i]);
        }
    }
}

/* -------------------------------------------------------------------------------- one run ---- */

static void work(void *context, unsigned member)
{
    run *r = context;
    worker *w = &r->workers[member];
    r->cell.workload->prepare(w);
    harness_meet(w);
    if (member == 0) {
        r->deadline = harness_now() + r->cell.budget_ns;
    }
    harness_meet(w);
    w->wall_start = harness_now();
    r->cell.workload->work(w);
    w->wall_end = w->wall_end == 0 ? harness_now() : w->wall_end;
    harness_meet(w);
    give_back(w);
}

static bool start_workers(run *r)
{
    size_t capacity = r->cell.workload->capacity(&r->cell);
    r->size = r->cell.workload->threads != 0 ? 1 : r->cell.threads;
    r->workers = aligned_alloc(_Alignof(worker), r->size * sizeof(*r->workers));
    bool fine = r->workers != NULL;
    for (unsigned i = 0; r->workers != NULL && i < r->size; i++) {
        worker *w = &r->workers[i];
        *w = (worker){.allocator = r->allocator, .thread = i, .order = r->cell.order, .run = r};
        w->count = capacity;
        w->held = malloc(capacity * sizeof(*w->held));
        fine = fine && w->held != NULL;
        for (size_t entry = 0; w->held != NULL && entry < capacity; entry++) {
            w->held[entry] = HARNESS_NONE;
        }
        xorshift_start(&w->random, r->cell.seed, i);
    }
    return fine;
}

static void end_workers(run *r)
{
    for (unsigned i = 0; r->workers != NULL && i < r->size; i++) {
        free(r->workers[i].held);
    }
    free(r->workers);
    r->workers = NULL;
}

static void sum_up(const run *r, sample *out)
{
    *out = (sample){0};
    uint64_t cpu = 0;
    uint64_t start = UINT64_MAX;
    uint64_t end = 0;
    allocator_counts counts = {0, 0, 0};
    for (unsigned i = 0; i < r->size; i++) {
        const worker *w = &r->workers[i];
        cpu += w->cpu_ns;
        start = w->wall_start < start ? w->wall_start : start;
        end = w->wall_end > end ? w->wall_end : end;
        out->operations += w->operations;
        out->failures += w->failures;
        counts.updates += w->counts.updates;
        counts.cas_failures += w->counts.cas_failures;
        counts.lines += w->counts.lines;
    }
    double operations = out->operations == 0 ? 1 : (double)out->operations;
    double calls = operations * (r->cell.workload->fails ? 1 : 2);
    out->ns = (double)cpu / operations;
    out->rate = operations * 1e9 / (double)(end > start ? end - start : 1);
    out->updates = (double)counts.updates / calls;
    out->cas_failures = (double)counts.cas_failures / calls;
    out->lines = (double)counts.lines / calls;
}

/* The team works in an allocator that has been started. */
static bool run_team(run *r, sample *out)
{
    const workload *wl = r->cell.workload;
    bool fine = start_workers(r) && (wl->open == NULL || wl->open(r));
    if (fine) {
        team t;
        team_gate_open(&r->gate, r->size);
        fine = team_start(&t, r->size, work, r);
        if (fine) {
            team_join(&t);
            sum_up(r, out);
        }
        if (wl->close != NULL) {
            wl->close(r);
        }
    }
    end_workers(r);
    return fine;
}

bool harness_run(run *r, sample *out)
{
    const allocator *a = r->allocator;
    atomic_init(&r->stop, false);
    r->frag.valid = false;
    r->sound = true;
    if (a->init(r->cell.pages, ALLOCATOR_PAGE_SIZE, r->cell.threads) != 0) {
        return false;
    }
    bool fine = run_team(r, out);
    r->metadata = a->metadata != NULL ? a->metadata() : 0;
    if (fine && r->at_end != NULL) {
        r->sound = r->at_end(a, &r->cell);
    }
    a->fini();
    return fine;
}
