/* SPDX-License-Identifier: MIT */
/*
 * The explorer's own test: it must find, unaided, the flaw that NBBS was published with, and must
 * find nothing when it runs the same programs on lfbuddy's core with 2-slot nodes.
 *
 * Four pages; page 0 is allocated. One thread releases it, one allocates a page and releases it,
 * one allocates a page. Afterwards everything that is free is allocated, largest blocks first. No
 * two blocks may overlap. Any two of the threads get on in NBBS; three don't.
 *
 *   explore_nbbs [most executions of a program]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../interleave/schedule.h"
#include "lfbuddy.h"
#include "nbbs.h"

enum { PAGES = 4, ORDERS = 3, LANES = SCHEDULE_THREADS + 1, MEMORY_MOST = 8192 };

#define NO_PAGE SIZE_MAX

/* An allocator under exploration. `want` is the page to have, NO_PAGE: any. */
typedef struct subject {
    const char *name;
    void (*start)(void);
    size_t (*alloc)(unsigned lane, unsigned order, size_t want);
    void (*release)(unsigned lane, size_t page);
    const char *(*fault)(void); /* what the allocator's own checker says; NULL: nothing */
    void (*draw)(void);
} subject;

/* What one thread does: a letter a call. */
typedef struct program {
    const char *name;
    const char *threads[SCHEDULE_THREADS]; /* f: release page 0; r: release own block; a: allocate
                                              any page; 0, 1: allocate this page */
} program;

static struct {
    const subject *subject;
    const program *program;
    unsigned thread_count;
    size_t own[SCHEDULE_THREADS];
    bool used[PAGES];
    const char *doing[SCHEDULE_THREADS];
    char wrong[120];
} S;

/* ----------------------------------------------------------------------------- nbbs's side ---- */

static _Alignas(128) unsigned char memory[MEMORY_MOST];
static nbbs tree;
static nbbs_lane tree_lanes[LANES];

static void nbbs_side_start(void)
{
    nbbs_config config = {.page_count = PAGES, .max_order = ORDERS - 1, .threads = LANES};
    nbbs_start(&tree, &config, memory);
    for (unsigned i = 0; i < LANES; i++) {
        nbbs_start_lane(&tree, &tree_lanes[i], 0); /* all look at page 0 first */
    }
}

static size_t nbbs_side_alloc(unsigned lane, unsigned order, size_t want)
{
    tree_lanes[lane].next[order] = (PAGES + (want == NO_PAGE ? 0 : want)) >> order;
    return nbbs_alloc(&tree, &tree_lanes[lane], order);
}

static void nbbs_side_release(unsigned lane, size_t page)
{
    nbbs_free(&tree, &tree_lanes[lane], page);
}

static const char *nbbs_side_fault(void)
{
    return NULL;
}

/* From the root down, a status as <l#r>: coalescing and occupied on the left, allocated as a whole,
 * occupied and coalescing on the right. */
static void nbbs_side_draw(void)
{
    for (size_t node = 1; node < (size_t)2 * PAGES; node++) {
        unsigned status = nbbs_status(&tree, node);
        printf("%s%c%c%c%c%c", (node & (node - 1)) || node == 1 ? " " : "  |  ",
               status & NBBS_COAL_LEFT ? '<' : '.', status & NBBS_OCC_LEFT ? 'l' : '.',
               status & NBBS_OCC ? '#' : '.', status & NBBS_OCC_RIGHT ? 'r' : '.',
               status & NBBS_COAL_RIGHT ? '>' : '.');
    }
}

static const subject nbbs_side = {
    "nbbs", nbbs_side_start, nbbs_side_alloc, nbbs_side_release, nbbs_side_fault, nbbs_side_draw};

/* -------------------------------------------------------------------------- lfbuddy's side ---- */

static lfb_t lfb;

/* A lane keeps the node where it last allocated split, and merges others. So where lanes stand
 * makes a difference: those in this set stand away from page 0. */
static unsigned lanes_away;

static void send_away(unsigned lane)
{
    enum { MANY = PAGES / 2 + 1 }; /* the last one lies in another leaf than page 0 */
    uintptr_t pages[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        pages[i] = lfb_alloc_on(&lfb, lane, 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        lfb_free_on(&lfb, lane, pages[i]);
    }
}

static void lfb_side_start(void)
{
    lfb_config config = {.struct_size = sizeof(config),
                         .page_size = 1,
                         .page_count = PAGES,
                         .max_order = ORDERS - 1,
                         .lanes = LANES};
    if (lfb_init(&lfb, &config, memory, sizeof(memory)) != LFB_OK) {
        abort();
    }
    for (unsigned lane = 0; lane < LANES; lane++) {
        if (lanes_away >> lane & 1) {
            send_away(lane);
        }
    }
    lfb_drain(&lfb);
}

static size_t lfb_side_alloc(unsigned lane, unsigned order, size_t want)
{
    if (want == NO_PAGE) {
        uintptr_t address = lfb_alloc_on(&lfb, lane, order);
        return address == LFB_NONE ? NO_PAGE : address;
    }
    return lfb_alloc_at_on(&lfb, lane, want, (size_t)1 << order) == LFB_OK ? want : NO_PAGE;
}

static void lfb_side_release(unsigned lane, size_t page)
{
    if (lfb_free_on(&lfb, lane, page) != LFB_OK) {
        snprintf(S.wrong, sizeof(S.wrong), "the release of page %zu was refused", page);
    }
}

static const char *lfb_side_fault(void)
{
    lfb_report report;
    return lfb_check(&lfb, &report) == LFB_OK ? NULL : report.first_fault;
}

static void lfb_side_draw(void)
{
    for (size_t page = 0; page < PAGES; page++) {
        lfb_extent extent;
        lfb_find(&lfb, page, &extent);
        printf(" %c", extent.kind == LFB_EXTENT_FREE ? '.' : '#');
    }
}

static const subject lfb_side = {"lfbuddy",        lfb_side_start, lfb_side_alloc,
                                 lfb_side_release, lfb_side_fault, lfb_side_draw};

/* ------------------------------------------------------------------------ the task's parts ---- */

static void own(size_t page, unsigned order)
{
    for (size_t i = page; i < page + ((size_t)1 << order); i++) {
        if (S.used[i] && !S.wrong[0]) {
            snprintf(
                S.wrong, sizeof(S.wrong),
                "the block of %u pages at page %zu was handed out over page %zu, which is live",
                1U << order, page, i);
        }
        S.used[i] = true;
    }
}

static size_t take(unsigned lane, unsigned order, size_t want)
{
    size_t page = S.subject->alloc(lane, order, want);
    if (page != NO_PAGE) {
        own(page, order);
    }
    return page;
}

static void give(unsigned lane, size_t page)
{
    S.used[page] = false;
    S.subject->release(lane, page);
}

static void reset(void *context)
{
    (void)context;
    memset(S.used, 0, sizeof(S.used));
    memset(S.doing, 0, sizeof(S.doing));
    S.wrong[0] = 0;
    S.subject->start();
    take(SCHEDULE_THREADS, 0, 0);
}

static void thread(void *context, unsigned number)
{
    (void)context;
    for (const char *call = S.program->threads[number]; *call; call++) {
        if (*call == 'f') {
            S.doing[number] = "releases page 0";
            give(number, 0);
        } else if (*call == 'r') {
            if (S.own[number] != NO_PAGE) {
                S.doing[number] = "releases its page";
                give(number, S.own[number]);
            }
        } else {
            S.doing[number] = "allocates a page";
            S.own[number] = take(number, 0, *call == 'a' ? NO_PAGE : (size_t)(*call - '0'));
        }
    }
}

static bool step(void *context)
{
    (void)context;
    const char *fault = S.subject->fault();
    if (fault && !S.wrong[0]) {
        snprintf(S.wrong, sizeof(S.wrong), "%s", fault);
    }
    return !S.wrong[0];
}

/* Takes what is free, the largest blocks first, by which a block over a live one comes to light. */
static bool finish(void *context)
{
    (void)context;
    for (unsigned order = ORDERS; order-- > 0;) {
        while (!S.wrong[0] && take(SCHEDULE_THREADS, order, NO_PAGE) != NO_PAGE) {
        }
    }
    return !S.wrong[0];
}

/* ------------------------------------------------------------------------------ exploring ---- */

static schedule_task prepare(const subject *on, const program *text)
{
    S.subject = on;
    S.program = text;
    S.thread_count = 0;
    while (S.thread_count < SCHEDULE_THREADS && text->threads[S.thread_count]) {
        S.thread_count++;
    }
    return (schedule_task){S.thread_count, reset, thread, step, finish, NULL};
}

/* A line a step. A thread names its next call as soon as it has made the last step of the one
 * before: so a step belongs to what was named before it. */
static bool print_step(void *context)
{
    static const char *doing[SCHEDULE_THREADS];
    unsigned who = schedule_running();
    if (schedule_now() == 1) {
        memcpy(doing, S.doing, sizeof(doing));
    }
    printf("#%5u  thread %u %-18s", schedule_now(), who, doing[who]);
    S.subject->draw();
    printf("\n");
    doing[who] = S.doing[who];
    return step(context);
}

static void show(schedule_task task, const schedule_result *found)
{
    task.step = print_step;
    reset(NULL);
    printf("#    0  %-27s", "page 0 is allocated");
    S.subject->draw();
    printf("\n");
    schedule_replay(&task, found->order, found->length);
    printf("#       %s\n", S.wrong);
}

static void print_outcome(bool good, const schedule_result *found)
{
    printf("%s %-7s  %-44s %6lu executions%s  %s\n", good ? "ok   " : "WRONG", S.subject->name,
           S.program->name, found->executions, found->complete ? ", all:" : ":    ",
           found->violated ? "a violation" : "no violation");
}

/* Returns whether the outcome is the expected one. */
static bool explore_nbbs(const program *text, unsigned long most, bool flawed)
{
    schedule_task task = prepare(&nbbs_side, text);
    schedule_result found = schedule_explore(&task, most);
    bool good = flawed ? found.violated : !found.violated && found.complete;
    print_outcome(good, &found);
    if (found.violated) {
        show(task, &found);
    }
    return good;
}

/* The same, wherever the lanes stand. */
static bool explore_lfbuddy(const program *text, unsigned long most)
{
    schedule_task task = prepare(&lfb_side, text);
    schedule_result all = {.complete = true};
    for (lanes_away = 0; lanes_away < 1U << LANES; lanes_away++) {
        schedule_result found = schedule_explore(&task, most);
        all.executions += found.executions;
        all.complete &= found.complete;
        if (found.violated) {
            all.violated = true;
            print_outcome(false, &all);
            show(task, &found);
            return false;
        }
    }
    print_outcome(true, &all);
    return true;
}

/* ------------------------------------------------------------------ the search without end ---- */

static size_t searched; /* what the search found, if it ended */

static void reset_full(void *context)
{
    nbbs_config config = {.page_count = PAGES,
                          .max_order = ORDERS - 1,
                          .threads = LANES,
                          .endless = *(const bool *)context};
    nbbs_start(&tree, &config, memory);
    for (unsigned i = 0; i < LANES; i++) {
        nbbs_start_lane(&tree, &tree_lanes[i], i);
    }
    nbbs_alloc(&tree, &tree_lanes[0], ORDERS - 1);
    searched = 0;
}

static void search_full(void *context, unsigned number)
{
    (void)context;
    searched = nbbs_alloc(&tree, &tree_lanes[number + 1], 0);
}

static bool go_on(void *context)
{
    (void)context;
    return true;
}

/* One block holds all pages; a thread whose search starts in its midst looks for a page. */
static bool search(bool endless)
{
    enum { ENOUGH = 1000 }; /* more than a hundred times round */
    schedule_task task = {1, reset_full, search_full, go_on, go_on, &endless};
    schedule_begin(&task);
    unsigned steps = schedule_run(0, ENOUGH);
    bool ended = steps < ENOUGH;
    bool good = endless ? !ended : ended && searched == NBBS_NONE;
    printf("%s nbbs     %s on a full range: %s %u accesses\n", good ? "ok   " : "WRONG",
           endless ? "the published search" : "the bounded search",
           ended ? "fails after" : "no end after", steps);
    return good;
}

int main(int argc, char **argv)
{
    static const program pairs[] = {
        {"release | allocate, release", {"f", "ar"}},
        {"release | allocate", {"f", "a"}},
        {"allocate, release | allocate", {"ar", "a"}},
    };
    static const program all = {"release | allocate, release | allocate", {"f", "ar", "a"}};
    static const program pinned = {"release | allocate 0, release | allocate 1", {"f", "0r", "1"}};
    /* All orders: 95,498 and 7,143,888. */
    unsigned long most = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
    bool good = true;
    for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        good &= explore_nbbs(&pairs[i], most, false);
    }
    good &= explore_nbbs(&all, most, true);
    good &= explore_nbbs(&pinned, most, true);
    good &= explore_lfbuddy(&all, most);
    good &= explore_lfbuddy(&pinned, most);
    good &= search(true);
    good &= search(false);
    return good ? 0 : 1;
}
