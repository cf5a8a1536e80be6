/* SPDX-License-Identifier: MIT */
/*
 * Table and files: see report.h.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Rows in a block that differ by sockets only. */
static size_t sockets_in(const report_row *rows, size_t count)
{
    size_t n = 1;
    while (n < count && rows[n].cpus == rows[0].cpus &&
           strcmp(rows[n].allocator, rows[0].allocator) == 0) {
        n++;
    }
    return n;
}

static size_t same_cpus(const report_row *rows, size_t count)
{
    size_t n = 1;
    while (n < count && rows[n].cpus == rows[0].cpus) {
        n++;
    }
    return n;
}

static size_t same_workload(const report_row *rows, size_t count)
{
    size_t n = 1;
    while (n < count && rows[n].workload == rows[0].workload) {
        n++;
    }
    return n;
}

/* --------------------------------------------------------------------------------- table ---- */

static void print_cell(const report_row *row)
{
    const drive_result *r = &row->result;
    if (r->trouble[0] != '\0' && r->operations == 0) {
        printf(" - |");
        return;
    }
    printf(" %.*f%s · **%.2f** · %.*f |", r->rate < 1e8 ? 2 : 0, r->rate / 1e6, r->cut ? "~" : "",
           row->of_linear, r->transfers < 10 ? 3 : 0, r->transfers);
}

void report_table(const report_row *rows, size_t count)
{
    size_t sockets = sockets_in(rows, count);
    size_t wide = same_cpus(rows, count);
    printf("\n%s, order %u: million operations a second · of linear · line transfers an "
           "operation\n\n| sockets | CPUs |",
           drive_names[rows[0].workload], rows[0].order);
    for (size_t i = 0; i < wide; i += sockets) {
        printf(" %s |", rows[i].allocator);
    }
    printf("\n|--:|--:|");
    for (size_t i = 0; i < wide; i += sockets) {
        printf("--:|");
    }
    for (size_t s = 0; s < sockets; s++) {
        for (size_t from = 0; from < count; from += wide) {
            if (s > 0 && rows[from].cpus < rows[s].result.sockets) {
                continue; /* the same as with one socket, or less */
            }
            printf("\n| %u | %u |", rows[from + s].result.sockets, rows[from].cpus);
            for (size_t i = from + s; i < from + wide; i += sockets) {
                print_cell(&rows[i]);
            }
        }
    }
    printf("\n");
    fflush(stdout);
}

/* ----------------------------------------------------------------------------------- CSV ---- */

tool_status report_csv(const report_row *rows, size_t count, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return tool_fail(TOOL_FAILED, "%s: %s", path, strerror(errno));
    }
    fputs("workload,order,sockets,cpus,allocator,operations_per_second,of_linear,ns,accesses,"
          "updates,transfers,fetches,queued_ns,operations,failures,faults,cut\n",
          file);
    for (size_t i = 0; i < count; i++) {
        const report_row *row = &rows[i];
        const drive_result *r = &row->result;
        fprintf(file,
                "%s,%u,%u,%u,%s,%.6g,%.4f,%.6g,%.4f,%.4f,%.4f,%.4f,%.6g,%" PRIu64 ",%" PRIu64
                ",%" PRIu64 ",%d\n",
                drive_names[row->workload], row->order, r->sockets, row->cpus, row->allocator,
                r->rate, row->of_linear, r->ns, r->accesses, r->updates, r->transfers, r->fetches,
                r->queued, r->operations, r->failures, r->faults, r->cut);
    }
    bool fine = ferror(file) == 0;
    fine = fclose(file) == 0 && fine;
    return fine ? TOOL_OK : tool_fail(TOOL_FAILED, "%s: could not be written", path);
}

/* --------------------------------------------------------------------------------- plots ---- */

typedef struct figure {
    const char *name;
    const char *title;
    const char *axes; /* gnuplot */
    double (*value)(const report_row *row);
} figure;

static double throughput(const report_row *row)
{
    return row->result.rate / 1e6;
}

static double efficiency(const report_row *row)
{
    return row->of_linear;
}

/* Zero has no place on a logarithmic axis. */
static double transfers(const report_row *row)
{
    return row->result.transfers > 1e-4 ? row->result.transfers : 1e-4;
}

static const figure figures[] = {
    {"throughput", "million operations a second",
     "set logscale xy\nset yrange [*:*]\nset ytics 100\n", throughput},
    {"efficiency", "throughput, of linear",
     "set logscale x\nunset logscale y\nset yrange [0:1.1]\nset ytics 0.5\n", efficiency},
    {"transfers", "line transfers an operation (least shown: 0.0001)",
     "set logscale xy\nset yrange [0.0001:*]\nset ytics 100\n", transfers},
};

/* One panel: a workload and a number of sockets. */
static void write_panel(FILE *out, const figure *f, const report_row *rows, size_t count, size_t s)
{
    size_t sockets = sockets_in(rows, count);
    size_t wide = same_cpus(rows, count);
    fprintf(out, "set title '%s, %u socket%s' offset 0,-0.8\n", drive_names[rows[0].workload],
            rows[s].result.sockets, rows[s].result.sockets == 1 ? "" : "s");
    for (size_t i = s; i < wide; i += sockets) {
        fprintf(out, "%s '-' with linespoints title '%s'", i == s ? "plot" : ",",
                rows[i].allocator);
    }
    fputc('\n', out);
    for (size_t i = s; i < wide; i += sockets) {
        for (size_t from = 0; from < count; from += wide) {
            fprintf(out, "%u %.4g\n", rows[from].cpus, f->value(&rows[from + i]));
        }
        fputs("e\n", out);
    }
    fputs("unset key\n", out); /* the first panel has it */
}

/* A column for each workload, a row for each number of sockets. */
static void write_figure(FILE *out, const figure *f, const report_row *rows, size_t count,
                         const char *directory)
{
    size_t workloads = 0;
    for (size_t from = 0; from < count; from += same_workload(rows + from, count - from)) {
        workloads++;
    }
    size_t sockets = sockets_in(rows, count);
    size_t height = 75 + 220 * sockets;
    fprintf(out,
            "set terminal svg size %zu,%zu background 'white' font ',11'\n"
            "set output '%s/scaling-%s.svg'\nset xlabel 'CPUs' offset 0,0.5\n%s"
            "set tics nomirror\nset xtics 16\nset mxtics 1\nset mytics 1\nset border 3\n"
            "set linetype 5 lc rgb '#cc79a7'\n" /* yellow can't be seen on white */
            "set key at screen 0.5, screen %.3f center top horizontal font ',9' samplen 1\n"
            "set multiplot layout %zu,%zu columnsfirst title \"%s\\n \"\n",
            60 + 260 * workloads, height, directory, f->name, f->axes, 1 - 26.0 / (double)height,
            sockets, workloads, f->title);
    for (size_t from = 0; from < count;) {
        size_t here = same_workload(rows + from, count - from);
        for (size_t s = 0; s < sockets; s++) {
            write_panel(out, f, rows + from, here, s);
        }
        from += here;
    }
    fputs("unset multiplot\nreset\n", out);
}

tool_status report_plots(const report_row *rows, size_t count, const char *directory)
{
    if (strchr(directory, '\'') != NULL) {
        return tool_fail(TOOL_USAGE, "--plot: gnuplot can't have a directory with a ' in its name");
    }
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return tool_fail(TOOL_FAILED, "%s: %s", directory, strerror(errno));
    }
    FILE *out = popen("gnuplot", "w");
    if (out == NULL) {
        return tool_fail(TOOL_FAILED, "no plots: gnuplot can't be started: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        write_figure(out, &figures[i], rows, count, directory);
    }
    return pclose(out) == 0 ? TOOL_OK
                            : tool_fail(TOOL_FAILED,
                                        "no plots in %s: gnuplot failed, or isn't there (apt "
                                        "install gnuplot-nox)",
                                        directory);
}

/* --------------------------------------------------------------------------------- lines ---- */

enum { PARTS = 32, TOP = 8 };

typedef struct moved {
    const char *part;
    size_t number; /* of a line in its part; of lines in a part */
    uint64_t loads, writes;
} moved;

typedef struct tally {
    const candidate *candidate;
    moved parts[PARTS];
    size_t count;
    moved top[TOP]; /* the lines that were moved most, in falling order */
} tally;

static void add_to_part(tally *t, const moved *line)
{
    size_t i = 0;
    while (i < t->count && t->parts[i].part != line->part) {
        i++;
    }
    if (i == t->count && t->count < PARTS) {
        t->parts[t->count++] = (moved){line->part, 0, 0, 0};
    }
    if (i < PARTS) {
        t->parts[i].number++;
        t->parts[i].loads += line->loads;
        t->parts[i].writes += line->writes;
    }
}

/* By transfers, then by place, so that the order doesn't depend on addresses. */
static bool precedes(const moved *a, const moved *b)
{
    uint64_t more = a->loads + a->writes;
    uint64_t less = b->loads + b->writes;
    if (more != less || b->part == NULL) {
        return more > less;
    }
    int names = strcmp(a->part, b->part);
    return names != 0 ? names < 0 : a->number < b->number;
}

static void add_to_top(tally *t, moved line)
{
    for (size_t i = 0; i < TOP; i++) {
        if (precedes(&line, &t->top[i])) {
            moved next = t->top[i];
            t->top[i] = line;
            line = next;
        }
    }
}

static void visit_line(void *context, uintptr_t address, const model_line *line)
{
    tally *t = context;
    moved m = {"lines", 0, line->loads, line->writes};
    if (t->candidate->part_of != NULL) {
        m.part = t->candidate->part_of(address, &m.number);
    }
    add_to_part(t, &m);
    add_to_top(t, m);
}

static void print_moved(const moved *m, uint64_t operations, double all)
{
    double thousands = (double)operations / 1000;
    printf(" %.3f | %.3f | %.1f |\n", (double)m->loads / thousands, (double)m->writes / thousands,
           all > 0 ? 100 * (double)(m->loads + m->writes) / all : 0);
}

void report_lines(const drive_plan *plan, const drive_result *r)
{
    tally t = {.candidate = plan->candidate};
    double all = r->transfers * (double)r->operations;
    model_each_line(visit_line, &t);
    printf("\n%s, %s, order %u, %u CPUs on %u sockets: transfers in 1,000 operations\n\n"
           "| lines of | lines moved | to be read | to be written | %% of all |\n"
           "|---|--:|--:|--:|--:|\n",
           plan->candidate->allocator->name, drive_names[plan->workload], plan->order, plan->cpus,
           r->sockets);
    for (size_t done = 0; done < t.count; done++) {
        size_t best = done;
        for (size_t i = done + 1; i < t.count; i++) {
            best = precedes(&t.parts[i], &t.parts[best]) ? i : best;
        }
        moved m = t.parts[best];
        t.parts[best] = t.parts[done];
        printf("| %s | %zu |", m.part, m.number);
        print_moved(&m, r->operations, all);
    }
    for (size_t i = 0; plan->candidate->part_of != NULL && i < TOP && t.top[i].part != NULL; i++) {
        printf("| %s, line %zu | |", t.top[i].part, t.top[i].number);
        print_moved(&t.top[i], r->operations, all);
    }
}
