/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy demo`: a replay of the trace that comes with the project, then a churn on all CPUs that
 * verifies who owns each page.
 */
#include "churn.h"
#include "options.h"
#include "session.h"
#include "team.h"
#include "terminal.h"
#include "ticks.h"
#include "verbs.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_TRACE = 0x100,
    KEY_PICTURE,
    KEY_NO_COLOUR,
    DEFAULT_SECONDS = 5,
    LEAST_DEFAULT_THREADS = 4,
    LEAST_THREADS = 2,
    PAGES_A_THREAD = 16384,
    PAGE_SIZE = 4096,
    ORDER = 10,
    TTY_INTERVAL_MS = 200,
    PLAIN_INTERVAL_MS = 1000
};

#define MS_IN_NS 1000000U

typedef struct demo_options {
    session_options session;
    uint64_t seconds;
    unsigned threads;
} demo_options;

/* -------------------------------------------------------------------------------- progress ---- */

static uint64_t sum(const uint64_t counts[CHURN_KINDS])
{
    uint64_t all = 0;
    for (unsigned i = 0; i < CHURN_KINDS; i++) {
        all += counts[i];
    }
    return all;
}

/* On a terminal the line is written over and over. */
static void print_progress(const terminal *t, const churn *c, const subject *s, double seconds)
{
    churn_count count = churn_look(c);
    char done[32];
    fprintf(stderr, "%s  %4.1f s  %s operations  %zu violations%s", t->tty ? "\r" : "", seconds,
            tool_format_count(done, sum(count.done)),
            atomic_load_explicit(&s->found.count, memory_order_relaxed), t->tty ? "  " : "\n");
    fflush(stderr);
}

static void watch(const churn *c, const subject *s, uint64_t seconds)
{
    terminal t;
    terminal_look(&t, stderr, false);
    uint64_t interval = t.tty ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS;
    uint64_t start = ticks_monotonic_ns();
    uint64_t passed = 0;
    while (passed < seconds * 1000) {
        uint64_t left = seconds * 1000 - passed;
        ticks_sleep_ms(left < interval ? left : interval);
        passed = (ticks_monotonic_ns() - start) / MS_IN_NS;
        print_progress(&t, c, s, (double)passed / 1000);
    }
    fputs(t.tty ? "\n" : "", stderr);
}

/* ----------------------------------------------------------------------------------- churn ---- */

static void print_count(const churn_count *count, double seconds)
{
    char done[32], refused[32];
    printf("  %-12s %16s %16s\n", "", "done", "exhausted/busy");
    for (unsigned i = 0; i < CHURN_KINDS; i++) {
        printf("  %-12s %16s %16s\n", churn_kind_name((churn_kind)i),
               tool_format_count(done, count->done[i]),
               tool_format_count(refused, count->refused[i]));
    }
    uint64_t all = sum(count->done);
    printf("  %-12s %16s %16s\n", "in all", tool_format_count(done, all),
           tool_format_count(refused, sum(count->refused)));
    printf("  %.2f million operations/s, each verified\n", (double)all / seconds / 1e6);
}

static void print_end(const subject *s)
{
    lfb_stats stats;
    lfb_get_stats(&s->lfb, &stats);
    size_t violations = atomic_load(&s->found.count);
    printf("  all released and drained: %zu of %zu pages free, %zu blocks of order %d\n",
           stats.free_pages, stats.total_pages,
           stats.largest_free_order < 0 ? 0 : stats.free_blocks[stats.largest_free_order],
           stats.largest_free_order);
    printf("  %zu violations: %s\n", violations,
           violations == 0 ? "the range is one set of maximal blocks again, no page ever had two "
                             "owners"
                           : "see above");
}

static tool_status churn_on(subject *s, const demo_options *o)
{
    uint64_t start = ticks_monotonic_ns();
    churn *c = churn_start(s, o->threads);
    if (c == NULL) {
        return TOOL_FAILED;
    }
    watch(c, s, o->seconds);
    churn_count count = churn_stop(c);
    print_count(&count, (double)(ticks_monotonic_ns() - start) / 1e9);
    subject_expect_empty(s, "after the churn");
    bool violated = verdict_print(&s->found) > 0;
    print_end(s);
    return violated ? TOOL_VIOLATION : TOOL_OK;
}

static size_t churn_pages(unsigned threads)
{
    size_t pages = PAGES_A_THREAD;
    while (pages / PAGES_A_THREAD < threads) {
        pages *= 2;
    }
    return pages;
}

static tool_status run_churn(const demo_options *o)
{
    lfb_config config = {
        .page_count = churn_pages(o->threads),
        .page_size = PAGE_SIZE,
        .max_order = ORDER,
        .lanes = o->threads,
    };
    char size[32];
    tool_format_bytes(size, (double)config.page_count * PAGE_SIZE);
    printf("\nChurn: %u threads on %u CPUs, %s, for %" PRIu64 " s\n", o->threads, team_cpus(), size,
           o->seconds);
    puts("  blocks of order 0 to 10, runs of 1 to 600 pages, at random and at chosen places,\n"
         "  resized, released in parts, handed from thread to thread; every page is marked by its "
         "owner");
    fflush(stdout);
    subject s;
    tool_status status = subject_open(&s, &config, true);
    if (status == TOOL_OK) {
        status = churn_on(&s, o);
        subject_close(&s);
    }
    return status;
}

/* --------------------------------------------------------------------------------- options ---- */

/* Where the project lies while it is built, and where it was installed. */
static const char *bundled_trace(void)
{
    static const char *const places[] = {LFBUDDY_SOURCE_TRACE, LFBUDDY_INSTALLED_TRACE};
    return access(places[0], R_OK) == 0 ? places[0] : places[1];
}

static const struct argp_option options[] = {
    {"trace", KEY_TRACE, "FILE", 0, "Replay this trace instead of the one that came along", 0},
    {"seconds", 's', "S", 0, "How long the churn goes on (default: 5)", 0},
    {"threads", 't', "N", 0, "Threads of the churn, 2 or more (default: one a CPU, at least 4)", 0},
    {"picture", KEY_PICTURE, "FILE", 0, "Draw the range after the replay: FILE.svg or FILE.png", 0},
    {"no-colour", KEY_NO_COLOUR, NULL, 0, "No colours (NO_COLOR in the environment as well)", 0},
    {"no-color", KEY_NO_COLOUR, NULL, OPTION_ALIAS, NULL, 0},
    {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    demo_options *o = state->input;
    switch (key) {
    case KEY_TRACE:
        o->session.trace = value;
        break;
    case 's':
        o->seconds = options_number(state, "seconds", value, 1, 1000000);
        break;
    case 't':
        o->threads =
            (unsigned)options_number(state, "threads", value, LEAST_THREADS, LFB_MAX_LANES);
        break;
    case KEY_PICTURE:
        o->session.picture = options_picture(state, value);
        break;
    case KEY_NO_COLOUR:
        o->session.no_colour = true;
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "demo takes no arguments, found '%s'", value);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

tool_status verb_demo(int argc, char **argv)
{
    static const struct argp parser = {
        options,
        parse,
        NULL,
        "Shows the allocator at work: replays a recorded trace of page allocations, then lets "
        "threads on all CPUs do all kinds of operations at random, while every page's owner is "
        "verified.\v"
        "Exit status: 0 all is well; 1 the work could not be done; 2 wrong usage; 3 the allocator "
        "broke a promise.",
        NULL,
        NULL,
        NULL};
    unsigned cpus = team_cpus();
    demo_options o = {session_defaults(), DEFAULT_SECONDS,
                      cpus > LEAST_DEFAULT_THREADS ? cpus : LEAST_DEFAULT_THREADS};
    argp_parse(&parser, argc, argv, 0, NULL, &o);
    if (o.session.trace == NULL) {
        o.session.trace = bundled_trace();
    }
    tool_status replayed = session_run(&o.session);
    if (replayed != TOOL_OK) {
        return replayed;
    }
    return run_churn(&o);
}
