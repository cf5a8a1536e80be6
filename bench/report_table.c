/* SPDX-License-Identifier: MIT */
/*
 * The table on standard output: see report.h. It is printed cell by cell, so the columns' widths
 * are fixed.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

const char *const report_notes[] = {
    "ns: CPU time of a thread for an allocation and a release (oom: for an allocation that fails; "
    "replay: for two events), mean of all threads; median of the rounds, lowest and highest.",
    "x floor: median of the ratios to the floor's time in the same round. The floor is two "
    "compare-and-swaps on a private word, in the same loops.",
    "M/s: operations of all threads together by wall time, in millions.",
    "p50 to max: of single calls, in runs of their own; what reading the clock takes is "
    "subtracted. "
    "lfbuddy-bulk, -bulk512: calls for up to 64 and 512 blocks.",
    "fail: allocations refused, of all rounds. upd, cas-, lines: atomic updates, failed "
    "compare-and-swaps and cache lines written, a call, by another build of the core.",
    "Nobody touches the pages: the heaps (glibc, jemalloc, mimalloc, tcmalloc) are spared the page "
    "faults of their users, but not those of their own headers.",
    "Threads beyond the CPUs share them.",
    NULL,
};

const char *report_processor(char text[96])
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(text, 96, "unknown processor");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, "model name", 10) == 0) {
            snprintf(text, 96, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

void report_introduce(const settings *s)
{
    char processor[96];
    char size[32];
    struct utsname system;
    printf("%s, %u CPUs", report_processor(processor), team_cpus());
    if (uname(&system) == 0) {
        printf(", %s %s %s", system.sysname, system.release, system.machine);
    }
    printf("; built by " BENCH_BUILT);
    printf("\n%zu pages (%s), %u rounds of %" PRIu64 " ms, seed %" PRIu64 "\n", s->pages,
           tool_format_bytes(size, (double)s->pages * ALLOCATOR_PAGE_SIZE), s->rounds,
           s->budget_ns / 1000000U, s->seed);
    for (size_t i = 0; report_notes[i] != NULL; i++) {
        printf("  %s\n", report_notes[i]);
    }
    printf("\n%-10s %3s %3s %-14s %8s %8s %8s %7s %8s %7s %7s %8s %9s %8s %5s %5s %5s %9s%s\n",
           "workload", "ord", "thr", "allocator", "ns", "lowest", "highest", "x floor", "M/s",
           "p50", "p99", "p99.9", "max", "fail", "upd", "cas-", "lines", "metadata",
           s->verify ? "  verified" : "");
}

/* A figure, or a dash where there is none. */
static void print_figure(bool there, int width, int digits, double value)
{
    if (there) {
        printf(" %*.*f", width, digits, value);
    } else {
        printf(" %*s", width, "-");
    }
}

static void print_times(const result *r)
{
    print_figure(r->measured, 8, 1, r->ns.median);
    print_figure(r->measured, 8, 1, r->ns.least);
    print_figure(r->measured, 8, 1, r->ns.most);
    print_figure(r->ratio.median > 0 && !r->cell.workload->fails, 7, 2, r->ratio.median);
    print_figure(r->measured, 8, 2, r->rate.median / 1e6);
    print_figure(r->timed, 7, 0, r->latency.both.p50);
    print_figure(r->timed, 7, 0, r->latency.both.p99);
    print_figure(r->timed, 8, 0, r->latency.both.p999);
    print_figure(r->timed, 9, 0, r->latency.both.max);
}

static void print_rest(const settings *s, const result *r)
{
    char size[32];
    print_figure(r->measured && !r->cell.workload->fails, 8, 0, (double)r->failures);
    print_figure(r->counted, 5, 2, r->counts.updates);
    print_figure(r->counted, 5, 2, r->counts.cas_failures);
    print_figure(r->counted, 5, 2, r->counts.lines);
    printf(" %9s", r->metadata > 0 ? tool_format_bytes(size, (double)r->metadata) : "-");
    if (s->verify) {
        printf("  %s", !r->verified ? "-" : r->faults == 0 ? "yes" : "FAULTY");
    }
    putchar('\n');
}

static bool has_lfbuddy(const result *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].allocator == &allocator_lfbuddy) {
            return true;
        }
    }
    return false;
}

void report_rows(const settings *s, const result *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const result *r = &rows[i];
        char order[16] = "-";
        if (r->allocator->counted && has_lfbuddy(rows, count)) {
            continue;
        }
        if (r->cell.workload->by_order) {
            snprintf(order, sizeof(order), "%u", r->cell.order);
        }
        printf("%-10s %3s %3u %-14s", r->cell.workload->name, order, r->cell.threads,
               r->allocator->name);
        print_times(r);
        print_rest(s, r);
    }
    putchar('\n');
    fflush(stdout);
}

bool report_is_hidden(const measurement *m, const result *row)
{
    return row->allocator->counted && has_lfbuddy(m->rows, m->count);
}

void report_frag(const measurement *m)
{
    bool titled = false;
    for (size_t i = 0; i < m->count; i++) {
        const result *r = &m->rows[i];
        if (!r->frag.valid || report_is_hidden(m, r)) {
            continue;
        }
        if (!titled) {
            printf(
                "Wholly free 2 MiB blocks after so many rounds of churn, the ideal, and how many "
                "such blocks can be allocated in the end\n");
            printf("%-10s %3s %-14s %6s %6s %6s %6s %6s %6s %6s %6s\n", "workload", "ord",
                   "allocator", "0", "20", "40", "60", "80", "100", "ideal", "got");
            titled = true;
        }
        printf("%-10s %3u %-14s", r->cell.workload->name, r->cell.order, r->allocator->name);
        for (size_t i_sample = 0; i_sample < HARNESS_FRAG_SAMPLES; i_sample++) {
            printf(" %6zu", r->frag.huge[i_sample]);
        }
        printf(" %6zu %6zu\n", r->frag.ideal, r->frag.allocated);
    }
}
