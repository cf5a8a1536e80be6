/* SPDX-License-Identifier: MIT */
/*
 * The command line: see settings.h.
 */
#include "settings.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_PAGES = 524288,
    DEFAULT_ROUNDS = 5,
    DEFAULT_MS = 40,
    QUICK_ROUNDS = 1,
    QUICK_MS = 2,
    LEAST_PAGES = 4096,
    MOST_ORDER = 20,
    MOST_MS = 60000,
    NAME_LENGTH = 64
};

#define MOST_PAGES ((uint64_t)1 << 30)

static const char help_text[] =
    "usage: lfbuddy-bench [OPTION...]\n"
    "\n"
    "Measures lfbuddy and other page allocators side by side. Results are a table on standard\n"
    "output; progress goes to standard error, when that is a terminal.\n"
    "\n"
    "  --list              list workloads and allocators, and which of them can run\n"
    "  --workloads A,B     only these (default: all)\n"
    "  --allocators A,B    only these, in this order (default: all that are installed). Ratios "
    "need\n"
    "                      `floor' among them\n"
    "  --plugin FILE.so    measure this allocator too; may be repeated\n"
    "  --orders A,B        orders of blocks (default: 0,3,9)\n"
    "  --threads A,B       numbers of threads (default: 1,2,4,8; with --quick: 1,2)\n"
    "  --pages N           pages of 4 KiB in the range, a power of two (default: 524288)\n"
    "  --rounds N          measure each allocator that often, in turns (default: 5)\n"
    "  --time MS           the timed part of each round (default: 40)\n"
    "  --quick             one round of 2 ms each: shows that it works, not how fast\n"
    "  --seed N            of the random choices (default: 1)\n"
    "  --verify            before it is measured, check all that an allocator hands out\n"
    "  --no-latency        leave out the runs in which each call is timed by itself\n"
    "  --trace FILE        what the workload `replay' plays\n"
    "  --json FILE         write all figures to FILE as JSON\n"
    "  --csv FILE          ... as comma-separated values\n"
    "  --plot DIR          draw SVG plots into DIR, with gnuplot\n"
    "  --help              this text\n"
    "\n"
    "Exit status: 0 all is well; 1 the work could not be done; 2 wrong usage; 3 --verify found an\n"
    "allocator that broke a promise.\n";

typedef struct raw_options {
    char *allocators;
    bool quick;
    uint64_t rounds; /* 0, here and below: not given */
    uint64_t ms;
} raw_options;

/* ---------------------------------------------------------------------------------- values --- */

static tool_status parse_number(const char *option, const char *value, uint64_t least,
                                uint64_t most, uint64_t *out)
{
    if (!tool_parse_number(value, least, most, out)) {
        return tool_fail(TOOL_USAGE,
                         "--%s: expected a number from %" PRIu64 " to %" PRIu64 ", found '%s'",
                         option, least, most, value);
    }
    return TOOL_OK;
}

static tool_status parse_pages(const char *value, size_t *out)
{
    uint64_t pages = 0;
    tool_status status = parse_number("pages", value, LEAST_PAGES, MOST_PAGES, &pages);
    if (status == TOOL_OK && (pages & (pages - 1)) != 0) {
        return tool_fail(TOOL_USAGE, "--pages: expected a power of two, found %s", value);
    }
    *out = (size_t)pages;
    return status;
}

/* Calls `add` with each part of a list between commas. */
static tool_status for_each(const char *list, tool_status (*add)(settings *s, const char *part),
                            settings *s)
{
    char part[NAME_LENGTH];
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ",");
        snprintf(part, sizeof(part), "%.*s", (int)(length < sizeof(part) ? length : sizeof(part)),
                 at);
        tool_status status = add(s, part);
        if (status != TOOL_OK) {
            return status;
        }
        at += length;
        if (*at == '\0') {
            return TOOL_OK;
        }
    }
}

static tool_status add_number(settings_numbers *numbers, const char *option, const char *part,
                              uint64_t least, uint64_t most)
{
    uint64_t value = 0;
    if (numbers->count == SETTINGS_MOST_NUMBERS) {
        return tool_fail(TOOL_USAGE, "--%s: more than %d numbers", option, SETTINGS_MOST_NUMBERS);
    }
    tool_status status = parse_number(option, part, least, most, &value);
    numbers->values[numbers->count] = (unsigned)value;
    numbers->count += status == TOOL_OK;
    return status;
}

static tool_status add_order(settings *s, const char *part)
{
    return add_number(&s->orders, "orders", part, 0, MOST_ORDER);
}

static tool_status add_threads(settings *s, const char *part)
{
    return add_number(&s->threads, "threads", part, 1, HARNESS_MAX_THREADS);
}

/* ----------------------------------------------------------------------------------- names --- */

static tool_status add_workload(settings *s, const char *part)
{
    size_t before = s->workload_count;
    for (size_t i = 0; i < workloads_count; i++) {
        if (!workloads_match(workloads_all[i], part)) {
            continue;
        }
        for (size_t j = 0; j < before; j++) {
            if (s->workloads[j] == workloads_all[i]) {
                return tool_fail(TOOL_USAGE, "--workloads: '%s' twice", workloads_all[i]->name);
            }
        }
        if (s->workload_count < SETTINGS_MOST_WORKLOADS) {
            s->workloads[s->workload_count++] = workloads_all[i];
        }
    }
    if (s->workload_count == before) {
        return tool_fail(TOOL_USAGE, "--workloads: there is no '%s'; --list shows all", part);
    }
    return TOOL_OK;
}

static tool_status add_allocator(settings *s, const char *part)
{
    const allocator *a = registry_find(part);
    if (a == NULL) {
        return tool_fail(TOOL_USAGE, "--allocators: there is no '%s'; --list shows all", part);
    }
    for (size_t i = 0; i < s->allocator_count; i++) {
        if (s->allocators[i] == a) {
            return tool_fail(TOOL_USAGE, "--allocators: '%s' twice", part);
        }
    }
    const char *missing = a->missing != NULL ? a->missing() : NULL;
    if (missing != NULL) {
        return tool_fail(TOOL_FAILED, "%s: %s", part, missing);
    }
    s->allocators[s->allocator_count++] = a;
    return TOOL_OK;
}

/* lfbuddy's counts come from another allocator's runs. */
static tool_status add_counted(settings *s)
{
    bool wanted = false;
    bool there = false;
    for (size_t i = 0; i < s->allocator_count; i++) {
        wanted = wanted || s->allocators[i] == &allocator_lfbuddy;
        there = there || s->allocators[i]->counted;
    }
    return wanted && !there ? add_allocator(s, allocator_lfbuddy_counted()->name) : TOOL_OK;
}

static void add_all_allocators(settings *s)
{
    for (size_t i = 0; i < registry_count(); i++) {
        const allocator *a = registry_at(i);
        const char *missing = a->missing != NULL ? a->missing() : NULL;
        if (missing == NULL) {
            s->allocators[s->allocator_count++] = a;
        } else {
            fprintf(stderr, "%s is left out: %s\n", a->name, missing);
        }
    }
}

void settings_list(void)
{
    printf("workloads:\n");
    for (size_t i = 0; i < workloads_count; i++) {
        printf("  %-16s %s\n", workloads_all[i]->name, workloads_all[i]->about);
    }
    printf("allocators:\n");
    for (size_t i = 0; i < registry_count(); i++) {
        const allocator *a = registry_at(i);
        const char *missing = a->missing != NULL ? a->missing() : NULL;
        printf("  %-16s %s%s%s%s\n", a->name, a->about, missing != NULL ? " (" : "",
               missing != NULL ? missing : "", missing != NULL ? ")" : "");
    }
}

/* --------------------------------------------------------------------------------- options --- */

enum {
    OPT_WORKLOADS = 1,
    OPT_ALLOCATORS,
    OPT_PLUGIN,
    OPT_ORDERS,
    OPT_THREADS,
    OPT_PAGES,
    OPT_ROUNDS,
    OPT_TIME,
    OPT_QUICK,
    OPT_SEED,
    OPT_VERIFY,
    OPT_NO_LATENCY,
    OPT_TRACE,
    OPT_JSON,
    OPT_CSV,
    OPT_PLOT,
    OPT_LIST,
    OPT_HELP
};

static const struct option long_options[] = {
    {"workloads", required_argument, NULL, OPT_WORKLOADS},
    {"allocators", required_argument, NULL, OPT_ALLOCATORS},
    {"plugin", required_argument, NULL, OPT_PLUGIN},
    {"orders", required_argument, NULL, OPT_ORDERS},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"pages", required_argument, NULL, OPT_PAGES},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"time", required_argument, NULL, OPT_TIME},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"seed", required_argument, NULL, OPT_SEED},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"no-latency", no_argument, NULL, OPT_NO_LATENCY},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"json", required_argument, NULL, OPT_JSON},
    {"csv", required_argument, NULL, OPT_CSV},
    {"plot", required_argument, NULL, OPT_PLOT},
    {"list", no_argument, NULL, OPT_LIST},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static tool_status take_value(settings *s, raw_options *raw, int option)
{
    switch (option) {
    case OPT_WORKLOADS:
        return for_each(optarg, add_workload, s);
    case OPT_ALLOCATORS:
        raw->allocators = optarg; /* plug-ins may follow */
        return TOOL_OK;
    case OPT_PLUGIN:
        return registry_load(optarg);
    case OPT_ORDERS:
        return for_each(optarg, add_order, s);
    case OPT_THREADS:
        return for_each(optarg, add_threads, s);
    case OPT_PAGES:
        return parse_pages(optarg, &s->pages);
    case OPT_ROUNDS:
        return parse_number("rounds", optarg, 1, SETTINGS_MOST_ROUNDS, &raw->rounds);
    case OPT_TIME:
        return parse_number("time", optarg, 1, MOST_MS, &raw->ms);
    default:
        return parse_number("seed", optarg, 0, UINT64_MAX, &s->seed);
    }
}

static tool_status take_option(settings *s, raw_options *raw, int option, bool *done)
{
    switch (option) {
    case OPT_QUICK:
        raw->quick = true;
        return TOOL_OK;
    case OPT_VERIFY:
        s->verify = true;
        return TOOL_OK;
    case OPT_NO_LATENCY:
        s->latency = false;
        return TOOL_OK;
    case OPT_LIST:
        s->list = true;
        return TOOL_OK;
    case OPT_TRACE:
        s->trace = optarg;
        return TOOL_OK;
    case OPT_JSON:
        s->json = optarg;
        return TOOL_OK;
    case OPT_CSV:
        s->csv = optarg;
        return TOOL_OK;
    case OPT_PLOT:
        s->plots = optarg;
        return TOOL_OK;
    case OPT_HELP:
        fputs(help_text, stdout);
        *done = true;
        return TOOL_OK;
    case '?':
        fputs("`lfbuddy-bench --help' lists the options\n", stderr);
        return TOOL_USAGE;
    default:
        return take_value(s, raw, option);
    }
}

static tool_status fill_in(settings *s, const raw_options *raw)
{
    s->rounds = raw->rounds != 0 ? (unsigned)raw->rounds
                : raw->quick     ? QUICK_ROUNDS
                                 : DEFAULT_ROUNDS;
    s->budget_ns = (raw->ms != 0 ? raw->ms : raw->quick ? QUICK_MS : DEFAULT_MS) * 1000000U;
    if (s->workload_count == 0) {
        s->workload_count = workloads_count;
        memcpy(s->workloads, workloads_all, workloads_count * sizeof(s->workloads[0]));
    }
    if (s->orders.count == 0) {
        s->orders = (settings_numbers){{0, 3, 9}, 3};
    }
    if (s->threads.count == 0) {
        s->threads = (settings_numbers){{1, 2, 4, 8}, raw->quick ? 2 : 4};
    }
    if (raw->allocators != NULL) {
        tool_status status = for_each(raw->allocators, add_allocator, s);
        return status == TOOL_OK ? add_counted(s) : status;
    }
    add_all_allocators(s);
    return TOOL_OK;
}

tool_status settings_parse(settings *s, int argc, char **argv, bool *done)
{
    raw_options raw = {0};
    int option;
    *s = (settings){.pages = DEFAULT_PAGES, .seed = 1, .latency = true};
    *done = false;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        tool_status status = take_option(s, &raw, option, done);
        if (status != TOOL_OK || *done) {
            return status;
        }
    }
    if (optind < argc) {
        return tool_fail(TOOL_USAGE, "unexpected '%s'; all arguments are options", argv[optind]);
    }
    return s->list ? TOOL_OK : fill_in(s, &raw);
}
