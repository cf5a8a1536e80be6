/* SPDX-License-Identifier: MIT */
/*
 * Owner against thief, in every order of their atomic accesses that can make a difference; the
 * accesses of the core below them are steps too. A few pages, magazines of one page or two, nodes
 * of two slots, two or three threads that make a few calls each. What is judged:
 *
 *   - no page is handed out that is live, and none comes back wrong;
 *   - when all is over, each slot is drained, and every page is free and merged;
 *   - an allocation fails only if what others may withhold from it (lfbuddy/cache.h, FAILURE)
 *     and what is live can make up for all pages;
 *   - stopped for good after each of its steps, a thread keeps nobody from finishing, and no more
 *     than its bound from them.
 *
 *   explore_cache [most executions of a program]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../interleave/schedule.h"
#include "lfbuddy/cache.h"

enum {
    PAGES = 8,
    MAX_ORDER = 3,
    THREADS = SCHEDULE_THREADS,
    LANES = THREADS + 1,
    OWN_MOST = 8,
};

/* A letter a call. Lower case: on the thread's own slot. Upper case: on none, as a handler calls.
 *   a allocate a page   f release the page that it got last   b allocate two pages as one block
 *   d drain the slot    r reclaim */
typedef struct program {
    const char *name;
    unsigned pages;
    unsigned magazine;
    const char *before[THREADS]; /* what each thread did first, undisturbed */
    const char *threads[THREADS];
} program;

static const program programs[] = {
    {"publish | reclaim", 4, 1, {"aaa"}, {"fff", "r"}},
    {"take back | reclaim", 4, 1, {"aaff"}, {"aa", "r"}},
    {"take back, publish | reclaim, reclaim", 4, 1, {"aaff"}, {"aaff", "rr"}},
    {"overflow | reclaim", 6, 1, {"aaaaff"}, {"ff", "r"}},
    {"overflow | two thieves", 4, 1, {"aaaff"}, {"fa", "r", "r"}},
    {"take back | two who find nothing", 2, 1, {"aaff"}, {"a", "a", "a"}},
    {"nothing | allocate all but what is loaded", 8, 2, {"aaaaffff"}, {"", "aaaa"}},
    {"magazines of two", 8, 2, {"aaaaffff"}, {"aaaff", "r"}},
    {"drain | reclaim", 4, 1, {"aaff"}, {"d", "r"}},
    {"drain | allocate two pages", 2, 1, {"aaff"}, {"d", "b"}},
    {"each reclaims the other's", 4, 1, {"aaff", "aaff"}, {"ra", "ra"}},
    {"each fails and finds the other's", 4, 1, {"aaff", "aaff"}, {"aaa", "aaa"}},
    {"release | allocate until nothing is left", 4, 1, {"aaaa"}, {"ffff", "aa"}},
    {"release | handler allocates", 4, 1, {"aaaa"}, {"fff", "AFA"}},
    {"allocate | handler reclaims", 4, 1, {"aaaaff"}, {"aaff", "RA"}},
};

static struct {
    const program *program;
    lfb_t lfb;
    lfb_cache_t cache;
    unsigned threads;
    uintptr_t own[THREADS][OWN_MOST];
    unsigned orders[THREADS][OWN_MOST];
    unsigned count[THREADS];
    bool used[PAGES];
    unsigned live;          /* pages */
    unsigned inside;        /* set of threads that are in a call */
    unsigned peak[THREADS]; /* the most pages that were live since this thread's call began */
    unsigned met[THREADS];  /* the threads that were inside since then */
    unsigned refused;
    char wrong[120];
} S;

static void complain(const char *what, unsigned thread)
{
    if (!S.wrong[0]) {
        snprintf(S.wrong, sizeof(S.wrong), "%s (thread %u)", what, thread);
    }
}

/* --------------------------------------------------------------------------------- calls ---- */

static unsigned orders_cached(void)
{
    return S.program->magazine > 1 ? 2 : 1;
}

/* What may be out of reach of a thread that allocates: the loaded magazines of the others; and of
 * those that were in a call meanwhile, a magazine and the block that they were moving. */
static unsigned withheld_most(unsigned thread)
{
    unsigned pages = 0;
    for (unsigned i = 0; i < S.threads; i++) {
        if (i != thread) {
            bool met = S.met[thread] >> i & 1;
            pages += orders_cached() * S.program->magazine + (met ? S.program->magazine + 1 : 0);
        }
    }
    return pages;
}

static void enter(unsigned thread)
{
    S.inside |= 1U << thread;
    for (unsigned i = 0; i < THREADS; i++) {
        S.met[i] |= 1U << thread;
    }
    S.met[thread] = S.inside;
    S.peak[thread] = S.live;
}

static void add_live(unsigned pages)
{
    S.live += pages;
    for (unsigned i = 0; i < THREADS; i++) {
        S.peak[i] = S.live > S.peak[i] ? S.live : S.peak[i];
    }
}

static void allocate(unsigned thread, unsigned slot, unsigned order)
{
    unsigned pages = 1U << order;
    uintptr_t address = lfb_cache_alloc(&S.cache, slot, order);
    if (address == LFB_NONE) {
        /* Of one page; larger blocks may be broken up by what is live. */
        if (order == 0 && S.peak[thread] + withheld_most(thread) < S.program->pages) {
            complain("nothing found, though pages are free", thread);
        }
        return;
    }
    if (address % pages != 0 || address + pages > S.program->pages) {
        complain("no such block", thread);
        return;
    }
    for (unsigned i = 0; i < pages; i++) {
        if (S.used[address + i]) {
            complain("handed out over a live page", thread);
        }
        S.used[address + i] = true;
    }
    add_live(pages);
    unsigned at = S.count[thread]++;
    S.own[thread][at] = address;
    S.orders[thread][at] = order;
}

static void release(unsigned thread, unsigned slot)
{
    if (S.count[thread] == 0) {
        return;
    }
    unsigned at = --S.count[thread];
    unsigned pages = 1U << S.orders[thread][at];
    uintptr_t address = S.own[thread][at];
    for (unsigned i = 0; i < pages; i++) {
        S.used[address + i] = false;
    }
    S.live -= pages;
    if (lfb_cache_free(&S.cache, slot, address, S.orders[thread][at]) != LFB_OK) {
        complain("a release was refused", thread);
    }
}

static void call(unsigned thread, char letter)
{
    enter(thread);
    bool handler = letter >= 'A' && letter <= 'Z';
    unsigned slot = handler ? LFB_CACHE_NO_SLOT : thread;
    switch (handler ? letter - 'A' + 'a' : letter) {
    case 'a':
        allocate(thread, slot, 0);
        break;
    case 'b':
        allocate(thread, slot, 1);
        break;
    case 'f':
        release(thread, slot);
        break;
    case 'd':
        lfb_cache_drain_slot(&S.cache, slot);
        break;
    default:
        lfb_cache_reclaim(&S.cache, slot);
    }
    S.inside &= ~(1U << thread);
}

static void calls(unsigned thread, const char *letters)
{
    for (; letters && *letters; letters++) {
        call(thread, *letters);
    }
}

static void on_refused(void *context, uintptr_t address, lfb_status status)
{
    (void)context;
    (void)address;
    (void)status;
    S.refused++;
}

/* ---------------------------------------------------------------------- the task's parts ---- */

static void start(void)
{
    static _Alignas(128) unsigned char metadata[8192];
    static unsigned char memory[4096];
    lfb_config config = {.struct_size = sizeof(config),
                         .page_size = 1,
                         .page_count = S.program->pages,
                         .max_order = MAX_ORDER,
                         .lanes = LANES};
    lfb_cache_config cache = {.struct_size = sizeof(cache),
                              .slots = THREADS,
                              .orders = orders_cached(),
                              .magazine_pages = S.program->magazine,
                              .refused = on_refused};
    if (lfb_init(&S.lfb, &config, metadata, sizeof(metadata)) != LFB_OK ||
        lfb_cache_init(&S.cache, &S.lfb, &cache, memory, sizeof(memory)) != LFB_OK) {
        abort();
    }
}

static void reset(void *context)
{
    (void)context;
    memset(S.used, 0, sizeof(S.used));
    memset(S.count, 0, sizeof(S.count));
    S.live = S.inside = S.refused = 0;
    S.wrong[0] = 0;
    start();
    for (unsigned i = 0; i < S.threads; i++) {
        calls(i, S.program->before[i]);
    }
}

static void thread(void *context, unsigned number)
{
    (void)context;
    calls(number, S.program->threads[number]);
}

static bool step(void *context)
{
    (void)context;
    return !S.wrong[0];
}

/* Everybody gives back what it has. */
static bool finish(void *context)
{
    (void)context;
    for (unsigned i = 0; i < S.threads; i++) {
        while (S.count[i]) {
            release(i, i);
        }
    }
    lfb_cache_stats stats;
    lfb_cache_drain(&S.cache);
    lfb_cache_get_stats(&S.cache, &stats);
    lfb_drain(&S.lfb);
    lfb_report report;
    if (lfb_check(&S.lfb, &report) != LFB_OK) {
        complain(report.first_fault, 0);
    } else if (report.stats.free_pages != S.program->pages || stats.cached_pages != 0) {
        complain("pages are lost", 0);
    } else if (S.refused || stats.refused) {
        complain("the core refused a block", 0);
    }
    return !S.wrong[0];
}

/* ------------------------------------------------------------------------------ exploring ---- */

static schedule_task prepare(const program *text)
{
    S.program = text;
    S.threads = 0;
    while (S.threads < THREADS && text->threads[S.threads]) {
        S.threads++;
    }
    return (schedule_task){S.threads, reset, thread, step, finish, NULL};
}

static bool explore(const program *text, unsigned long most)
{
    schedule_task task = prepare(text);
    schedule_result found = schedule_explore(&task, most);
    printf("%s %-42s %6lu executions%s  %s\n", found.violated ? "WRONG" : "ok   ", text->name,
           found.executions, found.complete ? ", all:" : ":    ",
           found.violated ? S.wrong : "no violation");
    for (unsigned i = 0; found.violated && i < found.length; i++) {
        printf("%u%s", found.order[i], i + 1 == found.length ? "\n" : "");
    }
    return !found.violated;
}

/* ------------------------------------------------------------------------------- stopping ---- */

/* What a thread that stopped in a call may keep: its loaded magazines, one more that it was moving,
 * and the block that it was called for. */
static unsigned kept_most(void)
{
    return (orders_cached() + 1) * S.program->magazine + 1;
}

/* The others go on to their ends and give back what they have; then somebody takes what is there.
 */
static void outlive(const schedule_task *task, unsigned dead)
{
    for (unsigned i = 0; i < task->threads; i++) {
        if (i != dead && schedule_run(i, SCHEDULE_STEPS) >= SCHEDULE_STEPS) {
            complain("no end while another one is stopped", i);
        }
        while (i != dead && !S.wrong[0] && S.count[i]) {
            release(i, i);
        }
        if (i != dead) {
            lfb_cache_drain_slot(&S.cache, i);
        }
    }
    unsigned found = 0;
    while (!S.wrong[0] && lfb_cache_alloc(&S.cache, LFB_CACHE_NO_SLOT, 0) != LFB_NONE) {
        found++;
    }
    if (found + S.live + kept_most() < S.program->pages) {
        complain("it keeps more than it may", dead);
    }
}

/* Stops one thread after each number of steps. Returns how often; 0: something is wrong. */
static unsigned long stop_everywhere(const program *text)
{
    schedule_task task = prepare(text);
    unsigned long stops = 0;
    for (unsigned dead = 0; dead < task.threads; dead++) {
        for (unsigned at = 0;; at++) {
            schedule_begin(&task);
            if (schedule_run(dead, at) < at) {
                break; /* it has no more */
            }
            outlive(&task, dead);
            if (S.wrong[0]) {
                printf("WRONG %s: %s after %u steps\n", text->name, S.wrong, at);
                return 0;
            }
            stops++;
        }
    }
    return stops;
}

int main(int argc, char **argv)
{
    unsigned long most = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
    bool good = true;
    unsigned long stops = 0;
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        good &= explore(&programs[i], most);
    }
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        unsigned long more = stop_everywhere(&programs[i]);
        good &= more > 0;
        stops += more;
    }
    printf("%s %lu stops\n", good ? "ok   " : "WRONG", stops);
    return good ? 0 : 1;
}
