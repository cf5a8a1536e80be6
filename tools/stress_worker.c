/* SPDX-License-Identifier: MIT */
/*
 * The work of one process: see stress_worker.h.
 */
#include "stress_worker.h"

#include "ticks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { RUNS = 256, ORDER_MOST = 6, PAGES_MOST = 90 };

typedef struct held_run {
    void *address; /* NULL: none */
    size_t pages;
    uint64_t mark;
} held_run;

typedef struct worker {
    lfb_pool *pool;
    size_t page_words;
    unsigned max_order;
    stress_record *record;
    uint64_t random;
    held_run runs[RUNS];
} worker;

uint64_t stress_random(uint64_t *state, uint64_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (*state >> 16) % bound;
}

static void complain(worker *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(worker *w, const char *format, ...)
{
    if (atomic_load(&w->record->violations) == 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(w->record->text, VERDICT_LENGTH, format, arguments);
        va_end(arguments);
    }
    atomic_fetch_add(&w->record->violations, 1);
}

/* ------------------------------------------------------------------------------------ runs ---- */

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A word at both ends of each page. */
static void mark(const worker *w, const held_run *r)
{
    for (size_t page = 0; page < r->pages; page++) {
        uint64_t *words = (uint64_t *)r->address + page * w->page_words;
        words[0] = r->mark + page;
        words[w->page_words - 1] = r->mark + page;
    }
}

static void verify(worker *w, const held_run *r)
{
    for (size_t page = 0; page < r->pages; page++) {
        const uint64_t *words = (const uint64_t *)r->address + page * w->page_words;
        if (words[0] != r->mark + page || words[w->page_words - 1] != r->mark + page) {
            complain(w, "page %zu of %zu of the run at offset %#jx: somebody else wrote to it",
                     page, r->pages, (uintmax_t)lfb_pool_offset(w->pool, r->address));
            return;
        }
    }
}

static void take(worker *w, held_run *r)
{
    if (stress_random(&w->random, 2) == 0) {
        unsigned most = w->max_order < ORDER_MOST ? w->max_order : ORDER_MOST;
        unsigned order = (unsigned)stress_random(&w->random, most + 1);
        r->pages = (size_t)1 << order;
        r->address = lfb_pool_alloc(w->pool, order);
    } else {
        r->pages = 1 + stress_random(&w->random, PAGES_MOST);
        r->address = lfb_pool_alloc_run(w->pool, r->pages);
    }
    if (r->address == NULL) {
        count(&w->record->exhausted);
        return;
    }
    count(&w->record->operations);
    r->mark = w->random;
    mark(w, r);
}

static void release(worker *w, held_run *r)
{
    verify(w, r);
    lfb_status status = lfb_pool_free(w->pool, r->address);
    if (status != LFB_OK) {
        complain(w, "the release of %zu pages at offset %#jx was refused: %s", r->pages,
                 (uintmax_t)lfb_pool_offset(w->pool, r->address), lfb_status_name(status));
    }
    count(&w->record->operations);
    r->address = NULL;
}

/* ------------------------------------------------------------------------------------ life ---- */

static void wait_for_phase(const stress_shared *shared, stress_phase phase)
{
    while (atomic_load(&shared->phase) != phase) {
        ticks_sleep_ms(1);
    }
}

static void open_pool(worker *w, const lfb_pool *pool)
{
    lfb_pool_error error;
    lfb_pool_info info;
    w->pool = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, &error);
    if (w->pool == NULL) {
        complain(w, "a process can't open the pool: %.100s", error.text);
        _exit(TOOL_FAILED);
    }
    lfb_pool_get_info(w->pool, &info);
    w->page_words = info.page_size / sizeof(uint64_t);
    w->max_order = info.max_order;
}

static void stop(worker *w)
{
    size_t pages = 0;
    for (size_t i = 0; i < RUNS; i++) {
        if (w->runs[i].address != NULL) {
            verify(w, &w->runs[i]);
            pages += w->runs[i].pages;
        }
    }
    atomic_store(&w->record->pages_held, pages);
    atomic_store(&w->record->stopped, true);
}

_Noreturn void stress_work(const lfb_pool *pool, const stress_shared *shared, stress_record *record,
                           uint64_t seed)
{
    static worker w; /* too large for some stacks */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != shared->parent) { /* it died before that */
        _exit(TOOL_FAILED);
    }
    signal(SIGINT, SIG_IGN); /* a terminal sends it to all: the parent decides */
    w.record = record;
    w.random = seed;
    open_pool(&w, pool);
    while (atomic_load_explicit(&shared->phase, memory_order_relaxed) == STRESS_WORK) {
        held_run *r = &w.runs[stress_random(&w.random, RUNS)];
        if (r->address == NULL) {
            take(&w, r);
        } else {
            release(&w, r);
        }
    }
    stop(&w);
    wait_for_phase(shared, STRESS_LEAVE);
    for (size_t i = 0; i < RUNS; i++) {
        if (w.runs[i].address != NULL) {
            release(&w, &w.runs[i]);
        }
    }
    lfb_pool_close(w.pool);
    _exit(TOOL_OK);
}
