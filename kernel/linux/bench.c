/* SPDX-License-Identifier: MIT */
/*
 * The core beside the kernel's own page allocator: bulk, repeat and rand as bench/work_steady.c has
 * them, on one CPU and on all, in rounds in which the allocators take turns.
 *
 * Each CPU has a thread of its own. What is timed are chunks of a few hundred operations with
 * preemption off, so that no other thread's time is in them (interrupts' is); between them the
 * scheduler is asked. A figure is the time of all CPUs by the pairs of all CPUs. "harness" is the
 * same loops with an allocator that does nothing.
 */
#include "module.h"

#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/prefetch.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "../../bench/xorshift.h"

enum { CHUNK = 256, WARM_UP = 1000, ROUNDS_MAX = 64, EMPTY = -1 };

typedef enum allocator { HARNESS, LFBUDDY, KERNEL, ALLOCATORS } allocator;
typedef enum workload { BULK, REPEAT, RAND, WORKLOADS } workload;

static const char *const allocator_names[] = {"harness", "lfbuddy", "kernel"};
static const char *const workload_names[] = {"bulk", "repeat", "rand"};
static const unsigned orders[] = {0, 3, 9};

/* No sleep, no zeros, no message when there is none, nobody's account. */
static const gfp_t flags = GFP_NOWAIT | __GFP_NOWARN;

/* What is measured at a time. */
typedef struct cell {
    workload load;
    allocator which;
    unsigned order;
    unsigned cpus;
    size_t pages; /* the range, of which bulk and repeat use half */
    u64 nanoseconds;
    atomic_t arrived;
} cell;

typedef struct worker {
    cell *cell;
    int64_t *held; /* its blocks: addresses, pointers to struct page; EMPTY: none */
    size_t count;
    xorshift random;
    u64 spent; /* ns */
    u64 pairs;
    u64 failures;
} worker;

/* ----------------------------------------------------------------------------- allocators ---- */

/* All that is __always_inline here is compiled once for each allocator, which is a constant then:
 * a call through a pointer would cost more than some of what is measured. */
static __always_inline int64_t get(allocator which, unsigned order)
{
    if (which == LFBUDDY) {
        return (int64_t)lfb_alloc_on(&kernel_memory.lfb, raw_smp_processor_id(), order);
    }
    if (which == KERNEL) {
        struct page *page = alloc_pages(flags, order);
        return page ? (int64_t)(uintptr_t)page : EMPTY;
    }
    int64_t nothing = 0;
    OPTIMIZER_HIDE_VAR(nothing);
    return nothing;
}

static __always_inline void put(allocator which, int64_t block, unsigned order)
{
    if (which == LFBUDDY) {
        lfb_free_on(&kernel_memory.lfb, raw_smp_processor_id(), (uintptr_t)block);
    } else if (which == KERNEL) {
        __free_pages((struct page *)(uintptr_t)block, order);
    } else {
        OPTIMIZER_HIDE_VAR(block);
    }
}

/* --------------------------------------------------------------------------------- chunks ---- */

static __always_inline void fill(worker *w, allocator which, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        w->held[i] = get(which, w->cell->order);
        w->failures += w->held[i] == EMPTY;
    }
}

static __always_inline void empty(worker *w, allocator which, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (w->held[i] != EMPTY) {
            put(which, w->held[i], w->cell->order);
            w->held[i] = EMPTY;
        }
    }
}

static __always_inline void repeat(worker *w, allocator which, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t block = get(which, w->cell->order);
        if (block != EMPTY) {
            put(which, block, w->cell->order);
        } else {
            w->failures++;
        }
    }
}

static __always_inline void replace(worker *w, allocator which, size_t count)
{
    size_t at = xorshift_below(&w->random, w->count);
    for (size_t i = 0; i < count; i++) {
        size_t next = xorshift_below(&w->random, w->count);
        prefetchw(&w->held[next]);
        if (w->held[at] != EMPTY) {
            put(which, w->held[at], w->cell->order);
        }
        w->held[at] = get(which, w->cell->order);
        w->failures += w->held[at] == EMPTY;
        at = next;
    }
}

/* A chunk, timed. */
#define TIMED(w, chunk)                                                                            \
    do {                                                                                           \
        preempt_disable();                                                                         \
        u64 start_ = ktime_get_ns();                                                               \
        chunk;                                                                                     \
        (w)->spent += ktime_get_ns() - start_;                                                     \
        preempt_enable();                                                                          \
        cond_resched();                                                                            \
    } while (0)

static __always_inline void fill_all(worker *w, allocator which)
{
    for (size_t i = 0; i < w->count; i += CHUNK) {
        TIMED(w, fill(w, which, i, min(i + CHUNK, w->count)));
    }
}

static __always_inline void empty_all(worker *w, allocator which)
{
    for (size_t i = 0; i < w->count; i += CHUNK) {
        TIMED(w, empty(w, which, i, min(i + CHUNK, w->count)));
    }
}

static __always_inline void replace_all(worker *w, allocator which)
{
    for (size_t i = 0; i < w->count; i += CHUNK) {
        TIMED(w, replace(w, which, CHUNK));
    }
}

/* ------------------------------------------------------------------------------ workloads ---- */

/* All workers wait here for one another. */
static void meet(cell *c)
{
    unsigned mine = (unsigned)atomic_inc_return(&c->arrived);
    unsigned all = DIV_ROUND_UP(mine, c->cpus) * c->cpus;
    while ((unsigned)atomic_read(&c->arrived) < all) {
        cpu_relax();
        cond_resched();
    }
}

static size_t share(const cell *c, unsigned percent)
{
    return (c->pages >> c->order) * percent / 100 / c->cpus;
}

/* Keeps as many blocks as half the range has. */
static __always_inline void trim(worker *w, allocator which)
{
    size_t kept = share(w->cell, 50);
    for (size_t i = kept; i < w->count; i += CHUNK) {
        TIMED(w, empty(w, which, i, min(i + CHUNK, w->count)));
    }
    w->count = kept;
}

static __always_inline void prepare(worker *w, allocator which)
{
    cell *c = w->cell;
    w->count = share(c, c->load == RAND ? 100 : 50);
    fill_all(w, which);
    meet(c);
    if (c->load == BULK) {
        empty_all(w, which);
    } else if (c->load == REPEAT) {
        repeat(w, which, WARM_UP);
    } else {
        xorshift_shuffle(&w->random, w->held, w->count);
        trim(w, which);
        meet(c);
        replace_all(w, which);
    }
    w->spent = w->failures = 0;
    meet(c);
}

static __always_inline void measure(worker *w, allocator which)
{
    u64 end = ktime_get_ns() + w->cell->nanoseconds;
    do {
        if (w->cell->load == BULK) {
            fill_all(w, which);
            empty_all(w, which);
            w->pairs += w->count;
        } else if (w->cell->load == REPEAT) {
            TIMED(w, repeat(w, which, CHUNK));
            w->pairs += CHUNK;
        } else {
            TIMED(w, replace(w, which, CHUNK));
            w->pairs += CHUNK;
        }
    } while (ktime_get_ns() < end);
}

static __always_inline void work_with(worker *w, allocator which)
{
    prepare(w, which);
    measure(w, which);
    u64 spent = w->spent;
    meet(w->cell);
    empty_all(w, which);
    w->spent = spent;
}

static void work(void *data)
{
    worker *w = data;
    if (w->cell->which == LFBUDDY) {
        work_with(w, LFBUDDY);
    } else if (w->cell->which == KERNEL) {
        work_with(w, KERNEL);
    } else {
        work_with(w, HARNESS);
    }
}

/* --------------------------------------------------------------------------------- rounds ---- */

typedef struct result {
    u64 tenths[ROUNDS_MAX]; /* of a nanosecond a pair */
    u64 pairs;
    u64 failures;
} result;

typedef struct bench {
    member *members;
    worker *workers;
    int64_t *held;
    result *results;
    unsigned cpus;
    unsigned rounds;
    cell cell;
} bench;

static int measure_cell(bench *b, result *r, unsigned round)
{
    cell *c = &b->cell;
    atomic_set(&c->arrived, 0);
    unsigned cpu = cpumask_first(cpu_online_mask);
    for (unsigned i = 0; i < c->cpus; i++) {
        b->workers[i] = (worker){.cell = c, .held = b->held + i * (c->pages / c->cpus)};
        xorshift_start(&b->workers[i].random, round, i);
        b->members[i] = (member){.work = work, .data = &b->workers[i], .cpu = (int)cpu};
        cpu = cpumask_next(cpu, cpu_online_mask);
    }
    int error = crew_run(b->members, c->cpus);
    u64 spent = 0;
    u64 pairs = 0;
    for (unsigned i = 0; i < c->cpus && !error; i++) {
        spent += b->workers[i].spent;
        pairs += b->workers[i].pairs;
        r->failures += b->workers[i].failures;
    }
    r->pairs += pairs;
    r->tenths[round] = pairs ? div64_u64(spent * 10, pairs) : 0;
    return error;
}

static int by_size(const void *a, const void *b)
{
    u64 x = *(const u64 *)a;
    u64 y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static int report(bench *b, result *r, unsigned round)
{
    const cell *c = &b->cell;
    sort(r->tenths, b->rounds, sizeof(*r->tenths), by_size, NULL);
    u64 least = r->tenths[0];
    u64 median = r->tenths[b->rounds / 2];
    u64 most = r->tenths[b->rounds - 1];
    pr_info("bench: workload=%s order=%u cpus=%u allocator=%s median=%llu.%llu min=%llu.%llu "
            "max=%llu.%llu pairs=%llu failures=%llu\n",
            workload_names[c->load], c->order, c->cpus, allocator_names[c->which], median / 10,
            median % 10, least / 10, least % 10, most / 10, most % 10, r->pairs, r->failures);
    return 0;
}

/* Cells in one order in each round: visit does something with each. The number of CPUs is 1, and
 * all if there are more. */
static int each_cell(bench *b, unsigned round, int (*visit)(bench *, result *, unsigned))
{
    size_t index = 0;
    int error = 0;
    for (unsigned load = 0; load < WORKLOADS; load++) {
        for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
            for (unsigned all = 0; all < (b->cpus > 1 ? 2 : 1); all++) {
                for (unsigned which = 0; which < ALLOCATORS && !error; which++) {
                    b->cell.load = load;
                    b->cell.order = orders[i];
                    b->cell.cpus = all ? b->cpus : 1;
                    b->cell.which = which;
                    error = visit(b, &b->results[index++], round);
                }
            }
        }
    }
    return error;
}

static int run_rounds(bench *b)
{
    for (unsigned round = 0; round < b->rounds; round++) {
        int error = each_cell(b, round, measure_cell);
        if (error) {
            return error;
        }
    }
    return each_cell(b, 0, report);
}

int bench_run(unsigned rounds, unsigned milliseconds)
{
    size_t pages = kernel_memory.zone.config.page_count;
    bench b = {.cpus = num_online_cpus(),
               .rounds = min_t(unsigned, rounds, ROUNDS_MAX),
               .cell = {.pages = pages, .nanoseconds = (u64)milliseconds * NSEC_PER_MSEC}};
    b.members = kvcalloc(b.cpus, sizeof(*b.members), GFP_KERNEL);
    b.workers = kvcalloc(b.cpus, sizeof(*b.workers), GFP_KERNEL);
    b.results =
        kvcalloc(WORKLOADS * ARRAY_SIZE(orders) * 2 * ALLOCATORS, sizeof(*b.results), GFP_KERNEL);
    b.held = vmalloc(array_size(pages, sizeof(*b.held)));
    pr_info("bench: cpus=%u pages=%zu rounds=%u milliseconds=%u init_on_alloc=%d\n", b.cpus, pages,
            b.rounds, milliseconds, want_init_on_alloc(flags));
    int error = b.members && b.workers && b.results && b.held ? run_rounds(&b) : -ENOMEM;
    vfree(b.held);
    kvfree(b.results);
    kvfree(b.workers);
    kvfree(b.members);
    return error;
}
