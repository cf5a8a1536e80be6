/* SPDX-License-Identifier: MIT */
/*
 * Explores scenarios on the core's own source with 2-slot nodes. After every atomic access the tree
 * must be legal; no two runs may ever overlap; an allocation may fail only if no block that would
 * have done stayed free during the call; at the end all is released, drained and whole again.
 *
 * A scenario is text: "pages max_order : what is there first | thread | thread ...", with the words
 *
 *   aK     allocate order K             rN     allocate a run of N pages
 *   @P,N   allocate N pages at page P   bK     allocate two blocks of order K in bulk
 *   f      release own last run         fI     release run I of those there first
 *   zN     own last run to N pages      xI,S,N release N pages of run I of those there first, from
 *   hP,N   take pages out of use               its page S on
 *   uP,N   put pages into use           d      drain
 *
 * Own lanes are used, unless a thread's text begins with `=`, which puts it on lane 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node.h"
#include "schedule.h"

enum { PAGES_MOST = 64, RUNS_MOST = 16, CALLS_MOST = 256, METADATA_MOST = 16384 };

typedef struct run {
    unsigned page, pages;
    bool live;
} run;

/* When a page was, or may have been, in use: from the call that took it to the return of the call
 * that released it. */
typedef struct use {
    unsigned page, pages, from, to;
} use;

typedef struct failure {
    unsigned pages, from, to;
} failure;

typedef struct scene {
    const char *threads[SCHEDULE_THREADS];
    unsigned thread_count;
    lfb_config config;
    lfb_t lfb;
    size_t metadata_size;
    _Alignas(128) unsigned char metadata[METADATA_MOST];
    unsigned char start[METADATA_MOST];
    run first[RUNS_MOST];       /* runs that were there first */
    run first_start[RUNS_MOST]; /* as they were */
    unsigned first_count;
    run own[SCHEDULE_THREADS + 1][RUNS_MOST];
    unsigned own_count[SCHEDULE_THREADS + 1];
    unsigned char owner[PAGES_MOST], owner_start[PAGES_MOST];
    use uses[CALLS_MOST];
    unsigned use_count;
    failure failures[CALLS_MOST];
    unsigned failure_count;
    unsigned
        withheld[SCHEDULE_THREADS + 1]; /* pages that the call under way may keep from others */
    char wrong[160];
} scene;

static void complain(scene *s, const char *what, unsigned page, unsigned pages)
{
    if (!s->wrong[0]) {
        snprintf(s->wrong, sizeof(s->wrong), "%s: pages %u to %u", what, page, page + pages - 1);
    }
}

/* -------------------------------------------------------------------------------- owning ---- */

static void acquire(scene *s, unsigned who, unsigned page, unsigned pages, unsigned from)
{
    for (unsigned i = page; i < page + pages; i++) {
        if (i >= s->config.page_count || s->owner[i]) {
            complain(s, "overlap", page, pages);
            return;
        }
        s->owner[i] = (unsigned char)(who + 1);
    }
    if (s->use_count < CALLS_MOST) {
        s->uses[s->use_count++] = (use){page, pages, from, (unsigned)-1};
    }
}

static void disown(scene *s, unsigned page, unsigned pages)
{
    memset(s->owner + page, 0, pages);
}

/* The call that released the pages has returned: they are free from now on. */
static void mark_free(scene *s, unsigned page, unsigned pages)
{
    for (unsigned i = 0, most = s->use_count; i < most; i++) {
        use *u = &s->uses[i];
        if (u->to != (unsigned)-1 || u->page + u->pages <= page || page + pages <= u->page) {
            continue;
        }
        use old = *u;
        u->to = schedule_now();
        if (old.page < page && s->use_count < CALLS_MOST) {
            s->uses[s->use_count++] = (use){old.page, page - old.page, old.from, old.to};
        }
        if (old.page + old.pages > page + pages && s->use_count < CALLS_MOST) {
            s->uses[s->use_count++] =
                (use){page + pages, old.page + old.pages - page - pages, old.from, old.to};
        }
    }
}

static bool free_throughout(const scene *s, unsigned page, unsigned pages, const failure *f)
{
    for (unsigned i = 0; i < s->use_count; i++) {
        const use *u = &s->uses[i];
        if (u->page < page + pages && page < u->page + u->pages && u->from <= f->to &&
            u->to >= f->from) {
            return false;
        }
    }
    return true;
}

/* Promise: a failure means that no aligned block was free from the call to its return. */
static void judge_failures(scene *s)
{
    for (unsigned i = 0; i < s->failure_count; i++) {
        unsigned align = 1;
        while (align < s->failures[i].pages) {
            align *= 2;
        }
        for (unsigned page = 0; page + align <= s->config.page_count; page += align) {
            if (free_throughout(s, page, align, &s->failures[i])) {
                complain(s, "an allocation failed beside free pages", page, align);
            }
        }
    }
}

/* --------------------------------------------------------------------------------- calls ---- */

static unsigned number(const char **text)
{
    char *end;
    unsigned value = (unsigned)strtoul(*text, &end, 10);
    *text = *end == ',' ? end + 1 : end;
    return value;
}

static void took(scene *s, unsigned who, uintptr_t address, unsigned pages, unsigned from)
{
    if (address == LFB_NONE) {
        s->failures[s->failure_count++] = (failure){pages, from, schedule_now()};
        return;
    }
    unsigned page = (unsigned)(address - s->config.base);
    acquire(s, who, page, pages, from);
    s->own[who][s->own_count[who]++] = (run){page, pages, true};
}

static void release(scene *s, unsigned who, run *r)
{
    disown(s, r->page, r->pages);
    r->live = false;
    if (lfb_free_on(&s->lfb, who, s->config.base + r->page) != LFB_OK) {
        complain(s, "a release was refused", r->page, r->pages);
    }
    mark_free(s, r->page, r->pages);
}

static void resize(scene *s, unsigned who, run *r, unsigned pages, unsigned from)
{
    if (pages < r->pages) {
        disown(s, r->page + pages, r->pages - pages);
    }
    lfb_status status = lfb_resize_on(&s->lfb, who, s->config.base + r->page, pages);
    if (status == LFB_OK && pages > r->pages) {
        acquire(s, who, r->page + r->pages, pages - r->pages, from);
    } else if (status == LFB_OK) {
        mark_free(s, r->page + pages, r->pages - pages);
    } else if (pages <= r->pages) {
        complain(s, "a trim was refused", r->page, r->pages);
    }
    r->pages = status == LFB_OK ? pages : r->pages;
}

static void hold(scene *s, unsigned who, unsigned page, unsigned pages, unsigned from)
{
    if (lfb_hold_range_on(&s->lfb, who, s->config.base + page, pages) == LFB_OK) {
        acquire(s, who, page, pages, from);
    }
}

static void put_into_use(scene *s, unsigned who, unsigned page, unsigned pages)
{
    if (!s->owner[page]) {
        return; /* the hold before failed */
    }
    disown(s, page, pages);
    if (lfb_release_range_on(&s->lfb, who, s->config.base + page, pages) != LFB_OK) {
        complain(s, "pages out of use were refused", page, pages);
    }
    mark_free(s, page, pages);
}

/* Cuts pages out of a run that was there first. What is left of it is released at the end. */
static void cut(scene *s, unsigned who, run *r, unsigned skip, unsigned pages)
{
    disown(s, r->page + skip, pages);
    if (lfb_free_range_on(&s->lfb, who, s->config.base + r->page + skip, pages) != LFB_OK) {
        complain(s, "a part was refused", r->page + skip, pages);
    }
    mark_free(s, r->page + skip, pages);
    r->live = false;
}

static void bulk(scene *s, unsigned who, unsigned order, unsigned from)
{
    uintptr_t out[2];
    size_t got = lfb_alloc_bulk_on(&s->lfb, who, order, 2, out);
    for (size_t i = 0; i < 2; i++) {
        took(s, who, i < got ? out[i] : LFB_NONE, 1U << order, from);
    }
}

/* How many pages a call takes or releases. */
static unsigned pages_concerned(const run *last, const run *first, char verb, bool named,
                                unsigned a, unsigned b, unsigned c)
{
    switch (verb) {
    case 'a':
        return 1U << a;
    case 'b':
        return 2U << a;
    case 'r':
        return a;
    case '@':
    case 'h':
    case 'u':
        return b;
    case 'x':
        return c;
    case 'z':
        return !last ? 0 : a > last->pages ? a - last->pages : last->pages - a;
    case 'f':
        return named ? first[a].pages : last ? last->pages : 0;
    default:
        return 0;
    }
}

/* One word of a script; returns what follows it. */
static const char *call(scene *s, unsigned who, unsigned lane, const char *text)
{
    unsigned from = schedule_now();
    run *last = s->own_count[who] ? &s->own[who][s->own_count[who] - 1] : NULL;
    char verb = *text++;
    bool named = *text >= '0' && *text <= '9';
    unsigned a = named ? number(&text) : 0;
    unsigned b = *text >= '0' && *text <= '9' ? number(&text) : 0;
    unsigned c = *text >= '0' && *text <= '9' ? number(&text) : 0;
    s->withheld[who] = pages_concerned(last, s->first, verb, named, a, b, c);
    if (verb == 'a') {
        took(s, who, lfb_alloc_on(&s->lfb, lane, a), 1U << a, from);
    } else if (verb == 'r') {
        took(s, who, lfb_alloc_run_on(&s->lfb, lane, a), a, from);
    } else if (verb == 'b') {
        bulk(s, who, a, from);
    } else if (verb == '@') {
        if (lfb_alloc_at_on(&s->lfb, lane, s->config.base + a, b) == LFB_OK) {
            took(s, who, s->config.base + a, b, from);
        }
    } else if (verb == 'f' && named) {
        release(s, lane, &s->first[a]);
    } else if (verb == 'f' && last && last->live) {
        release(s, lane, last);
        s->own_count[who]--;
    } else if (verb == 'z' && last) {
        resize(s, lane, last, a, from);
    } else if (verb == 'x') {
        cut(s, lane, &s->first[a], b, c);
    } else if (verb == 'h') {
        hold(s, lane, a, b, from);
    } else if (verb == 'u') {
        put_into_use(s, lane, a, b);
    } else if (verb == 'd') {
        lfb_drain(&s->lfb);
    }
    s->withheld[who] = 0;
    return text;
}

static void run_script(scene *s, unsigned who, const char *text)
{
    unsigned lane = who;
    for (; *text && *text != '|'; text += *text == ' ') {
        if (*text == '=') {
            lane = 0;
            text++;
        } else if (*text != ' ') {
            text = call(s, who, lane, text);
        }
    }
}

/* ------------------------------------------------------------------------ the task's parts ---- */

static void reset(void *context)
{
    scene *s = context;
    memcpy(s->metadata, s->start, s->metadata_size);
    memcpy(s->first, s->first_start, sizeof(s->first));
    memset(s->own_count, 0, sizeof(s->own_count));
    memset(s->owner, 0, sizeof(s->owner));
    s->use_count = s->failure_count = 0;
    s->wrong[0] = 0;
    for (unsigned page = 0; page < s->config.page_count; page++) {
        if (s->owner_start[page]) {
            acquire(s, SCHEDULE_THREADS, page, 1, 0);
        }
    }
}

static void thread(void *context, unsigned number_of)
{
    scene *s = context;
    run_script(s, number_of, s->threads[number_of]);
}

static bool step(void *context)
{
    scene *s = context;
    lfb_report report;
    if (lfb_check(&s->lfb, &report) != LFB_OK) {
        complain(s, report.first_fault, (unsigned)report.fault_address, 1);
    }
    return !s->wrong[0];
}

static void release_rest(scene *s)
{
    for (unsigned page = 0; page < s->config.page_count; page++) {
        lfb_extent extent;
        lfb_find(&s->lfb, s->config.base + page, &extent);
        uintptr_t first = s->config.base + page;
        if (s->owner[page] == 0) {
            if (extent.kind != LFB_EXTENT_FREE) {
                complain(s, "pages were lost", page, 1);
            }
        } else if (extent.kind == LFB_EXTENT_HELD) {
            lfb_release_range_on(&s->lfb, 0, first, 1);
        } else if (lfb_free_range_on(&s->lfb, 0, first, 1) != LFB_OK) {
            complain(s, "an owner's page isn't allocated", page, 1);
        }
    }
}

static bool finish(void *context)
{
    scene *s = context;
    lfb_report report;
    judge_failures(s);
    if (lfb_check(&s->lfb, &report) != LFB_OK || report.low_hints) {
        complain(s, report.first_fault ? report.first_fault : "a hint is too low", 0, 1);
    }
    release_rest(s);
    lfb_drain(&s->lfb);
    lfb_status status = lfb_check(&s->lfb, &report);
    if (status != LFB_OK || report.warm_nodes || report.stats.free_pages != s->config.page_count) {
        complain(s, report.first_fault ? report.first_fault : "not whole again", 0, 1);
    }
    return !s->wrong[0];
}

/* ----------------------------------------------------------------------------- scenarios ---- */

static const char *const scenarios[] = {
#include "scenarios.def"
};

static void prepare(scene *s, const char *text)
{
    memset(s, 0, sizeof(*s));
    unsigned pages = (unsigned)strtoul(text, (char **)&text, 10);
    unsigned order = (unsigned)strtoul(text, (char **)&text, 10);
    s->config = (lfb_config){.struct_size = sizeof(lfb_config),
                             .base = PAGES_MOST,
                             .page_size = 1,
                             .page_count = pages,
                             .max_order = order,
                             .lanes = SCHEDULE_THREADS + 1};
    s->metadata_size = lfb_metadata_size(&s->config);
    if (!s->metadata_size || s->metadata_size > METADATA_MOST ||
        lfb_init(&s->lfb, &s->config, s->metadata, s->metadata_size) != LFB_OK) {
        fprintf(stderr, "a bad scenario: %s\n", text);
        exit(2);
    }
    text = strchr(text, ':') + 1;
    run_script(s, SCHEDULE_THREADS, text);
    s->first_count = s->own_count[SCHEDULE_THREADS];
    memcpy(s->first_start, s->own[SCHEDULE_THREADS], sizeof(s->first_start));
    memcpy(s->owner_start, s->owner, sizeof(s->owner));
    memcpy(s->start, s->metadata, s->metadata_size);
    while ((text = strchr(text, '|'))) {
        s->threads[s->thread_count++] = ++text;
    }
}

/* ------------------------------------------------------------------------------- replays ---- */

/* The tree as text, level by level from the top: H L F O for the codes, or the kind of an EMPTY
 * node (plain, run, hole) with its tag. */
static void print_tree(const scene *s)
{
    for (unsigned level = s->lfb.top + 1; level-- > 0;) {
        for (uintptr_t i = 0; i < s->lfb.levels[level].count; i++) {
            lfb_word word = ((const lfb_word *)s->lfb.levels[level].words)[i];
            if (word_is_empty(word, level)) {
                printf(" %c%jx", "prh?"[word_kind(word)],
                       (uintmax_t)(word >> word_tag_shift(level)));
            } else {
                printf(" ");
                for (unsigned slot = 0; slot < word_slots(level); slot++) {
                    printf("%c", "HLFO"[word_code(word, slot)]);
                }
            }
        }
        printf(level ? " |" : "\n");
    }
}

static bool print_step(void *context)
{
    static unsigned char last[METADATA_MOST];
    scene *s = context;
    bool changed = memcmp(last, s->metadata, s->metadata_size) != 0;
    memcpy(last, s->metadata, s->metadata_size);
    if (changed) {
        printf("%4u  thread %u ", schedule_now(), schedule_running());
        print_tree(s);
    }
    return step(context);
}

static bool replay(const char *text, const char *digits)
{
    static scene s;
    static unsigned char order[SCHEDULE_STEPS];
    unsigned length = 0;
    prepare(&s, text);
    for (; digits[length] && length < SCHEDULE_STEPS; length++) {
        order[length] = (unsigned char)(digits[length] - '0');
    }
    schedule_task task = {s.thread_count, reset, thread, print_step, finish, &s};
    printf("      start     ");
    print_tree(&s);
    schedule_result result = schedule_replay(&task, order, length);
    printf("%s\n", result.violated ? s.wrong : "no violation");
    return !result.violated;
}

/* --------------------------------------------------------------------- stops, interrupts ---- */

/* Releases what a stopped thread withholds: the whole run at a page, if it is wholly the thread's
 * and that is wished, else the page alone. Returns how many pages. */
static unsigned release_for(scene *s, unsigned page, bool whole_runs)
{
    const unsigned lane = SCHEDULE_THREADS;
    uintptr_t address = s->config.base + page;
    unsigned pages = (unsigned)lfb_size_of(&s->lfb, address);
    bool own = whole_runs && pages > 0;
    for (unsigned i = page; own && i < page + pages; i++) {
        own = !s->owner[i];
    }
    lfb_extent extent;
    lfb_status status = lfb_find(&s->lfb, address, &extent);
    if (own) {
        status = lfb_free_on(&s->lfb, lane, address);
    } else if (extent.kind == LFB_EXTENT_HELD) {
        status = lfb_release_range_on(&s->lfb, lane, address, 1);
    } else {
        status = lfb_free_range_on(&s->lfb, lane, address, 1);
    }
    if (status != LFB_OK) {
        complain(s, "a stopped thread's page can't be released", page, 1);
    }
    return own ? pages : 1;
}

/* One thread has stopped for good. The others can allocate all pages but its own run's; and what it
 * withholds can be released for it. */
static void judge_stop(scene *s, unsigned stopped, bool whole_runs)
{
    const unsigned lane = SCHEDULE_THREADS;
    for (uintptr_t address; (address = lfb_alloc_on(&s->lfb, lane, 0)) != LFB_NONE;) {
        acquire(s, lane, (unsigned)(address - s->config.base), 1, 0);
    }
    unsigned missing = 0;
    for (unsigned page = 0; page < s->config.page_count; page++) {
        if (!s->owner[page]) {
            unsigned pages = release_for(s, page, whole_runs);
            missing += pages;
            page += pages - 1;
        }
    }
    if (missing > s->withheld[stopped]) {
        complain(s, "a stopped thread withholds more than its run", 0, missing);
    }
}

/* Stops each thread after each of its steps. Returns how many steps that were. */
static unsigned long stop_everywhere(scene *s, const schedule_task *task, bool whole_runs)
{
    unsigned long stops = 0;
    for (unsigned t = 0; t < s->thread_count; t++) {
        for (unsigned steps = 0;; steps++) {
            schedule_begin(task);
            bool ended = schedule_run(t, steps) < steps;
            for (unsigned other = 0; other < s->thread_count; other++) {
                if (other != t && schedule_run(other, SCHEDULE_STEPS) == SCHEDULE_STEPS) {
                    complain(s, "a thread waits for a stopped one", 0, 1);
                }
            }
            step(s);
            judge_stop(s, t, whole_runs);
            s->failure_count = 0; /* judged by what is missing */
            release_rest(s);
            lfb_drain(&s->lfb);
            lfb_report report;
            if (lfb_check(&s->lfb, &report) != LFB_OK || report.warm_nodes ||
                report.stats.free_pages != s->config.page_count) {
                complain(s, "not whole again after a stop", 0, 1);
            }
            if (s->wrong[0]) {
                printf("WRONG thread %u stopped after %u steps: %s\n", t, steps, s->wrong);
                return stops;
            }
            if (ended) {
                break;
            }
            stops++;
        }
    }
    return stops;
}

/* Between any two steps of each thread, a handler allocates and releases on the same lane. */
static unsigned long interrupt_everywhere(scene *s, const schedule_task *task)
{
    unsigned long interrupts = 0;
    for (unsigned t = 0; t < s->thread_count && !s->wrong[0]; t++) {
        for (unsigned steps = 0;; steps++) {
            schedule_begin(task);
            bool ended = schedule_run(t, steps) < steps;
            for (unsigned order = 0; order <= 1; order++) {
                uintptr_t address = lfb_alloc_on(&s->lfb, t, order);
                if (address != LFB_NONE && lfb_free_on(&s->lfb, t, address) != LFB_OK) {
                    complain(s, "a handler's release was refused", 0, 1);
                }
            }
            for (unsigned other = 0; other < s->thread_count; other++) {
                schedule_run((t + other) % s->thread_count, SCHEDULE_STEPS);
            }
            if (!finish(s)) {
                printf("WRONG thread %u interrupted after %u steps: %s\n", t, steps, s->wrong);
                return interrupts;
            }
            if (ended) {
                break;
            }
            interrupts++;
        }
    }
    return interrupts;
}

static bool disturb(const char *text)
{
    static scene s;
    prepare(&s, text);
    schedule_task task = {s.thread_count, reset, thread, step, finish, &s};
    unsigned long stops = stop_everywhere(&s, &task, false);
    stops += s.wrong[0] ? 0 : stop_everywhere(&s, &task, true);
    unsigned long interrupts = s.wrong[0] ? 0 : interrupt_everywhere(&s, &task);
    printf("%s %9lu stops %6lu interrupts  %s\n", s.wrong[0] ? "WRONG" : "ok   ", stops, interrupts,
           text);
    return !s.wrong[0];
}

static bool explore(const char *text, unsigned long most)
{
    static scene s;
    prepare(&s, text);
    schedule_task task = {s.thread_count, reset, thread, step, finish, &s};
    schedule_result result = schedule_explore(&task, most);
    printf("%s %9lu %s  %s\n", result.violated ? "WRONG" : "ok   ", result.executions,
           result.complete ? "all " : "some", text);
    if (result.violated) {
        printf("      %s\n      order ", s.wrong);
        for (unsigned i = 0; i < result.length; i++) {
            printf("%u", result.order[i]);
        }
        printf("\n");
    }
    fflush(stdout);
    return !result.violated;
}

int main(int argc, char **argv)
{
    unsigned long most = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
    bool good = true;
    printf("      executions       scenario\n");
    if (argc > 3) {
        return replay(argv[2], argv[3]) ? 0 : 1;
    }
    if (argc > 2) {
        return explore(argv[2], most) ? 0 : 1;
    }
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        good &= explore(scenarios[i], most);
    }
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        good &= disturb(scenarios[i]);
    }
    return good ? 0 : 1;
}
