/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy-scale: models how allocators scale on machines with more CPUs than are at hand. The
 * method, its figures and its limits are in docs/scaling.md.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

enum {
    MOST_NUMBERS = 16,
    MOST_ORDER = 9,
    PAGES_A_MIB = 256,
    DEFAULT_SHARE = 256,
    DEFAULT_HELD = 16,
    DEFAULT_OPERATIONS = 1000,
    MOST_SHARE = 4096,
    WORK = 200000000,
};

static const char help_text[] =
    "usage: lfbuddy-scale [OPTION...]\n"
    "\n"
    "Runs allocators on virtual CPUs, each access to memory charged with what it would cost on a\n"
    "machine with that many CPUs and sockets. Prints tables in Markdown: million operations a\n"
    "second (an allocation and a release), that figure as a part of linear scaling, and line\n"
    "transfers between caches an operation. ~: a run that was cut short. The same options give\n"
    "the same figures, always.\n"
    "\n"
    "  --allocators A,B  only these (default: lfbuddy,llfree-like,nbbs,nbbs-bunch,spinlock)\n"
    "  --workloads A,B   only these (default: repeat,bulk,rand,remote)\n"
    "  --cpus A,B        numbers of CPUs, 1 to 256, rising; linear is measured by the first\n"
    "                    (default: 1,4,16,64,256)\n"
    "  --sockets A,B     numbers of sockets that they are spread over, 1 to 8 (default: 1,2,8)\n"
    "  --order N         of each block, 0 to 9 (default: 0; llfree-like serves 0 to 6 and 9)\n"
    "  --share MIB       of the range for each CPU, in pages of 4 KiB (default: 256)\n"
    "  --held MIB        that each CPU holds, or allocates and releases (default: 16)\n"
    "  --operations N    of each CPU in repeat and rand (default: 1000)\n"
    "  --distance N      percent: times of transfers between caches (default: 100)\n"
    "  --seed N          of the random choices (default: 1)\n"
    "  --lines           also say for each run which cache lines were moved\n"
    "  --csv FILE        write all figures to FILE as comma-separated values\n"
    "  --plot DIR        draw SVG plots into DIR, with gnuplot\n"
    "  --help            this text\n"
    "\n"
    "Exit status: 0 all is well; 1 the work could not be done; 2 wrong usage; 3 an allocator that\n"
    "is not known for it handed out a block twice, or failed its own check.\n";

extern const allocator allocator_nbbs, allocator_nbbs_bunch, allocator_spinlock;

static const candidate nbbs = {&allocator_nbbs, NULL};
static const candidate bunch = {&allocator_nbbs_bunch, NULL};
static const candidate spinlock = {&allocator_spinlock, NULL};
static const candidate *const candidates[] = {&candidate_lfbuddy, &candidate_llfree, &nbbs, &bunch,
                                              &spinlock};

enum { CANDIDATES = sizeof(candidates) / sizeof(candidates[0]) };

typedef struct list {
    unsigned values[MOST_NUMBERS];
    size_t count;
} list;

typedef struct settings {
    list allocators; /* numbers in candidates */
    list workloads;
    list cpus;
    list sockets;
    uint64_t order, share, held, operations, distance, seed;
    bool lines;
    const char *csv; /* this and the next: NULL: not asked for */
    const char *plots;
    bool help;
} settings;

/* -------------------------------------------------------------------------------- options --- */

/* What one part of a list stands for; false: nothing. */
typedef bool (*reader)(const char *part, unsigned *out);

static bool read_allocator(const char *part, unsigned *out)
{
    for (*out = 0; *out < CANDIDATES; (*out)++) {
        if (strcmp(part, candidates[*out]->allocator->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_workload(const char *part, unsigned *out)
{
    for (*out = 0; *out < DRIVE_WORKLOADS; (*out)++) {
        if (strcmp(part, drive_names[*out]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_number(const char *part, unsigned most, unsigned *out)
{
    uint64_t value = 0;
    bool fine = tool_parse_number(part, 1, most, &value);
    *out = (unsigned)value;
    return fine;
}

static bool read_cpus(const char *part, unsigned *out)
{
    return read_number(part, MODEL_CPUS, out);
}

static bool read_sockets(const char *part, unsigned *out)
{
    return read_number(part, MODEL_SOCKETS, out);
}

static bool has(const list *l, unsigned value)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->values[i] == value) {
            return true;
        }
    }
    return false;
}

static tool_status read_list(const char *option, const char *text, reader read, list *out)
{
    char part[32];
    out->count = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        unsigned value;
        snprintf(part, sizeof(part), "%.*s", (int)(length < sizeof(part) ? length : sizeof(part)),
                 at);
        if (!read(part, &value)) {
            return tool_fail(TOOL_USAGE, "--%s: there is no '%s'; --help shows what there is",
                             option, part);
        }
        if (has(out, value) || out->count == MOST_NUMBERS) {
            return tool_fail(TOOL_USAGE, "--%s: '%s' twice, or too many", option, part);
        }
        out->values[out->count++] = value;
        at += length;
        if (*at == '\0') {
            return TOOL_OK;
        }
    }
}

static tool_status read_value(const char *option, const char *text, uint64_t least, uint64_t most,
                              uint64_t *out)
{
    if (tool_parse_number(text, least, most, out)) {
        return TOOL_OK;
    }
    return tool_fail(TOOL_USAGE,
                     "--%s: expected a number from %" PRIu64 " to %" PRIu64 ", found '%s'", option,
                     least, most, text);
}

enum {
    OPT_ALLOCATORS = 1,
    OPT_WORKLOADS,
    OPT_CPUS,
    OPT_SOCKETS,
    OPT_ORDER,
    OPT_SHARE,
    OPT_HELD,
    OPT_OPERATIONS,
    OPT_DISTANCE,
    OPT_SEED,
    OPT_LINES,
    OPT_CSV,
    OPT_PLOT,
    OPT_HELP
};

static const struct option long_options[] = {
    {"allocators", required_argument, NULL, OPT_ALLOCATORS},
    {"workloads", required_argument, NULL, OPT_WORKLOADS},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"sockets", required_argument, NULL, OPT_SOCKETS},
    {"order", required_argument, NULL, OPT_ORDER},
    {"share", required_argument, NULL, OPT_SHARE},
    {"held", required_argument, NULL, OPT_HELD},
    {"operations", required_argument, NULL, OPT_OPERATIONS},
    {"distance", required_argument, NULL, OPT_DISTANCE},
    {"seed", required_argument, NULL, OPT_SEED},
    {"lines", no_argument, NULL, OPT_LINES},
    {"csv", required_argument, NULL, OPT_CSV},
    {"plot", required_argument, NULL, OPT_PLOT},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static tool_status take_option(settings *s, int option)
{
    switch (option) {
    case OPT_ALLOCATORS:
        return read_list("allocators", optarg, read_allocator, &s->allocators);
    case OPT_WORKLOADS:
        return read_list("workloads", optarg, read_workload, &s->workloads);
    case OPT_CPUS:
        return read_list("cpus", optarg, read_cpus, &s->cpus);
    case OPT_SOCKETS:
        return read_list("sockets", optarg, read_sockets, &s->sockets);
    case OPT_ORDER:
        return read_value("order", optarg, 0, MOST_ORDER, &s->order);
    case OPT_SHARE:
        return read_value("share", optarg, 4, MOST_SHARE, &s->share);
    case OPT_HELD:
        return read_value("held", optarg, 2, MOST_SHARE / 2, &s->held);
    case OPT_OPERATIONS:
        return read_value("operations", optarg, 10, 1000000, &s->operations);
    case OPT_DISTANCE:
        return read_value("distance", optarg, 10, 1000, &s->distance);
    case OPT_SEED:
        return read_value("seed", optarg, 0, UINT64_MAX, &s->seed);
    case OPT_LINES:
        s->lines = true;
        return TOOL_OK;
    case OPT_CSV:
        s->csv = optarg;
        return TOOL_OK;
    case OPT_PLOT:
        s->plots = optarg;
        return TOOL_OK;
    case OPT_HELP:
        s->help = true;
        return TOOL_OK;
    default:
        fputs("`lfbuddy-scale --help' lists the options\n", stderr);
        return TOOL_USAGE;
    }
}

static tool_status check(const settings *s)
{
    if (s->held > s->share / 2) {
        return tool_fail(TOOL_USAGE, "--held %" PRIu64 ": more than half of the --share, %" PRIu64,
                         s->held, s->share);
    }
    for (size_t i = 1; i < s->cpus.count; i++) {
        if (s->cpus.values[i] < s->cpus.values[i - 1]) {
            return tool_fail(TOOL_USAGE, "--cpus: %u comes after %u, and the numbers must rise",
                             s->cpus.values[i], s->cpus.values[i - 1]);
        }
    }
    return TOOL_OK;
}

static tool_status parse(settings *s, int argc, char **argv)
{
    *s = (settings){
        .allocators = {{0, 1, 2, 3, 4}, CANDIDATES},
        .workloads = {{0, 1, 2, 3}, DRIVE_WORKLOADS},
        .cpus = {{1, 4, 16, 64, 256}, 5},
        .sockets = {{1, 2, 8}, 3},
        .share = DEFAULT_SHARE,
        .held = DEFAULT_HELD,
        .operations = DEFAULT_OPERATIONS,
        .distance = 100,
        .seed = 1,
    };
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        tool_status status = take_option(s, option);
        if (status != TOOL_OK || s->help) {
            return status;
        }
    }
    if (optind < argc) {
        return tool_fail(TOOL_USAGE, "unexpected '%s'; all arguments are options", argv[optind]);
    }
    return check(s);
}

/* ----------------------------------------------------------------------------------- runs --- */

static void show_progress(const char *name, const char *workload, unsigned cpus)
{
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K");
        if (name != NULL) {
            fprintf(stderr, "%s, %s, %u CPUs", workload, name, cpus);
        }
        fflush(stderr);
    }
}

/* Complains of what was wrong with a run. */
static tool_status judge(const report_row *row, const allocator *a)
{
    const drive_result *r = &row->result;
    tool_status status = TOOL_OK;
    if (r->trouble[0] != '\0') {
        status = tool_fail(r->operations > 0 && a->flaw == NULL ? TOOL_VIOLATION : TOOL_FAILED,
                           "%s, %s, %u CPUs: %s", a->name, drive_names[row->workload], row->cpus,
                           r->trouble);
    }
    if (r->faults > 0) {
        const char *known = a->flaw != NULL ? a->flaw : "";
        tool_fail(TOOL_VIOLATION,
                  "%s, %s, %u CPUs: %" PRIu64 " blocks were wrong, the first %s. %s", a->name,
                  drive_names[row->workload], row->cpus, r->faults, r->fault, known);
        status = a->flaw != NULL ? status : TOOL_VIOLATION;
    }
    return status;
}

/* One allocator with one workload on one number of CPUs: a row for each number of sockets. `first`
 * are its rows for the first number of CPUs. */
static tool_status run(const settings *s, drive_workload workload, unsigned cpus,
                       const candidate *c, report_row *rows, const report_row *first)
{
    drive_result results[MOST_NUMBERS] = {0};
    drive_plan plan = {
        .candidate = c,
        .workload = workload,
        .order = (unsigned)s->order,
        .cpus = cpus,
        .share = (size_t)s->share * PAGES_A_MIB,
        .held = (size_t)s->held * PAGES_A_MIB,
        .operations = (unsigned)s->operations,
        .work = WORK,
        .percent = (unsigned)s->distance,
        .seed = s->seed,
    };
    tool_status status = TOOL_OK;
    for (size_t i = 0; i < s->sockets.count; i++) {
        results[i].sockets = s->sockets.values[i];
    }
    show_progress(c->allocator->name, drive_names[workload], cpus);
    drive(&plan, results, s->sockets.count, s->lines ? report_lines : NULL);
    show_progress(NULL, NULL, 0);
    for (size_t i = 0; i < s->sockets.count; i++) {
        rows[i] = (report_row){c->allocator->name, workload, plan.order, cpus, 0, results[i]};
        double linear = first[i].result.rate * cpus / first[i].cpus;
        rows[i].of_linear = linear > 0 ? results[i].rate / linear : 0;
        tool_status judged = judge(&rows[i], c->allocator);
        status = judged > status ? judged : status;
    }
    return status;
}

static tool_status run_all(const settings *s, report_row *rows)
{
    tool_status status = TOOL_OK;
    size_t wide = s->allocators.count * s->sockets.count;
    size_t block = wide * s->cpus.count;
    for (size_t w = 0; w < s->workloads.count; w++) {
        report_row *first = rows + w * block;
        for (size_t c = 0; c < s->cpus.count; c++) {
            for (size_t a = 0; a < s->allocators.count; a++) {
                size_t at = a * s->sockets.count;
                tool_status judged =
                    run(s, (drive_workload)s->workloads.values[w], s->cpus.values[c],
                        candidates[s->allocators.values[a]], first + c * wide + at, first + at);
                status = judged > status ? judged : status;
            }
        }
        report_table(first, block);
    }
    return status;
}

static tool_status simulate(const settings *s)
{
    size_t count = s->workloads.count * s->cpus.count * s->allocators.count * s->sockets.count;
    report_row *rows = calloc(count, sizeof(*rows));
    if (rows == NULL) {
        return tool_fail(TOOL_FAILED, "no memory");
    }
    tool_status status = run_all(s, rows);
    tool_status written = s->csv != NULL ? report_csv(rows, count, s->csv) : TOOL_OK;
    status = written > status ? written : status;
    written = s->plots != NULL ? report_plots(rows, count, s->plots) : TOOL_OK;
    free(rows);
    return written > status ? written : status;
}

int main(int argc, char **argv)
{
    settings s;
    tool_status status = parse(&s, argc, argv);
    if (status == TOOL_OK && s.help) {
        fputs(help_text, stdout);
    } else if (status == TOOL_OK) {
        status = simulate(&s);
    }
    return (int)tool_finish(status);
}
