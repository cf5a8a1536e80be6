/* SPDX-License-Identifier: MIT */
/*
 * Plots by gnuplot: see report.h. For each workload and order, time over the number of threads, a
 * line an allocator; for `frag`, whole 2 MiB blocks over the rounds; and all cells side by side, as
 * multiples of the floor. All of it is one script with its data inside, which can be changed and
 * run again by hand.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* ---------------------------------------------------------------------------------- script --- */

static bool same_plot(const result *a, const result *b)
{
    return a->cell.workload == b->cell.workload && a->cell.order == b->cell.order;
}

/* Whether no row before this one has its allocator, in rows from `from` on. */
static bool is_first(const measurement *m, size_t from, size_t row)
{
    for (size_t i = from; i < row; i++) {
        if (m->rows[i].allocator == m->rows[row].allocator) {
            return false;
        }
    }
    return true;
}

static bool has_line(const measurement *m, size_t from, size_t row)
{
    return m->rows[row].measured && is_first(m, from, row);
}

static void write_times(FILE *file, const measurement *m, size_t from, size_t to, size_t row)
{
    for (size_t i = from; i < to; i++) {
        const result *r = &m->rows[i];
        if (r->allocator == m->rows[row].allocator && r->measured) {
            fprintf(file, "%u %g %g %g\n", r->cell.threads, r->ns.median, r->ns.least, r->ns.most);
        }
    }
}

static void write_blocks(FILE *file, const result *r)
{
    for (unsigned i = 0; i < HARNESS_FRAG_SAMPLES; i++) {
        fprintf(file, "%u %zu\n", i * 100 / (HARNESS_FRAG_SAMPLES - 1), r->frag.huge[i]);
    }
}

static void write_title(FILE *file, const result *r)
{
    const workload *w = r->cell.workload;
    if (w->by_order) {
        fprintf(file, "set output '%s-%u.svg'\nset title \"%s, order %u: %s\"\n", w->name,
                r->cell.order, w->name, r->cell.order, w->about);
    } else {
        fprintf(file, "set output '%s.svg'\nset title \"%s: %s\"\n", w->name, w->name, w->about);
    }
    if (r->frag.valid) {
        fprintf(file,
                "unset logscale\nset xlabel 'rounds of churn'\nset xtics 20\n"
                "set ylabel 'wholly free 2 MiB blocks'\nset xrange [0:100]\n"
                "set yrange [0:%zu]\n",
                r->frag.ideal + r->frag.ideal / 20 + 1);
    } else {
        fprintf(file, "set logscale xy\nset xlabel 'threads'\nset xtics (");
    }
}

/* Ticks at the numbers of threads that were measured. */
static void write_ticks(FILE *file, const settings *s)
{
    unsigned most = 1;
    for (size_t i = 0; i < s->threads.count; i++) {
        unsigned threads = s->threads.values[i];
        fprintf(file, "%s%u", i == 0 ? "" : ", ", threads);
        most = threads > most ? threads : most;
    }
    fprintf(file, ")\nset xrange [0.9:%g]\nset yrange [*:*]\nset ylabel 'ns of CPU time'\n",
            most * 1.1);
}

static void write_plot(FILE *file, const measurement *m, size_t from, size_t to)
{
    const result *first = &m->rows[from];
    write_title(file, first);
    if (!first->frag.valid) {
        write_ticks(file, m->settings);
    }
    bool any = false;
    for (size_t row = from; row < to; row++) {
        if (has_line(m, from, row)) {
            fprintf(file, "%s'-' with %s title '%s' noenhanced", any ? ", " : "plot ",
                    first->frag.valid ? "linespoints" : "yerrorlines",
                    m->rows[row].allocator->name);
            any = true;
        }
    }
    fputc('\n', file);
    for (size_t row = from; row < to; row++) {
        if (!has_line(m, from, row)) {
            continue;
        }
        if (first->frag.valid) {
            write_blocks(file, &m->rows[row]);
        } else {
            write_times(file, m, from, to, row);
        }
        fputs("e\n", file);
    }
}

static bool any_line(const measurement *m, size_t from, size_t to)
{
    for (size_t row = from; row < to; row++) {
        if (has_line(m, from, row)) {
            return true;
        }
    }
    return false;
}

/* -------------------------------------------------------------------------------- overview --- */

/* The row behind those of the same cell. */
static size_t end_of_cell(const measurement *m, size_t from)
{
    size_t to = from + 1;
    while (to < m->count && same_plot(&m->rows[from], &m->rows[to]) &&
           m->rows[from].cell.threads == m->rows[to].cell.threads) {
        to++;
    }
    return to;
}

/* The row of this allocator in a cell, if it was compared with the floor there. */
static const result *compared(const measurement *m, size_t from, size_t to, const allocator *a)
{
    for (size_t i = from; i < to; i++) {
        const result *r = &m->rows[i];
        if ((a == NULL || r->allocator == a) && r->measured && r->ratio.median > 0) {
            return r;
        }
    }
    return NULL;
}

/* The names of the cells with so many threads, each at its place. Returns how many. */
static unsigned write_cells(FILE *file, const measurement *m, unsigned threads)
{
    unsigned place = 0;
    for (size_t from = 0, to; from < m->count; from = to) {
        const cell *c = &m->rows[from].cell;
        to = end_of_cell(m, from);
        if (c->threads == threads && compared(m, from, to, NULL) != NULL) {
            fprintf(file, "%s\"%s", place == 0 ? "" : ", ", c->workload->name);
            if (c->workload->by_order) {
                fprintf(file, " %u", c->order);
            }
            fprintf(file, "\" %u", place);
            place++;
        }
    }
    return place;
}

static void write_ratios(FILE *file, const measurement *m, unsigned threads, const allocator *a)
{
    unsigned place = 0;
    for (size_t from = 0, to; from < m->count; from = to) {
        to = end_of_cell(m, from);
        if (m->rows[from].cell.threads == threads && compared(m, from, to, NULL) != NULL) {
            const result *r = compared(m, from, to, a);
            if (r != NULL) {
                fprintf(file, "%u %g\n", place, r->ratio.median);
            }
            place++;
        }
    }
}

/* Whether the overview has points of the allocator of this row, which is the first one. */
static bool has_points(const measurement *m, size_t row)
{
    return is_first(m, 0, row) && compared(m, 0, m->count, m->rows[row].allocator) != NULL;
}

static void write_panel(FILE *file, const measurement *m, unsigned threads)
{
    fprintf(file, "set title '%u thread%s'\nset xtics rotate by -40 (", threads,
            threads == 1 ? "" : "s");
    unsigned cells = write_cells(file, m, threads);
    fprintf(file, ")\nset xrange [-0.5:%u.5]\n", cells - (cells > 0));
    unsigned shown = 0;
    for (size_t row = 0; row < m->count; row++) {
        if (has_points(m, row)) {
            /* The filled ones of gnuplot's points are 5, 7, ... 13. */
            fprintf(file, "%s '-' with points pt %u ps 0.9 title '%s' noenhanced",
                    shown == 0 ? "plot" : ",", 5 + 2 * (shown % 5), m->rows[row].allocator->name);
            shown++;
        }
    }
    fputc('\n', file);
    for (size_t row = 0; row < m->count; row++) {
        if (has_points(m, row)) {
            write_ratios(file, m, threads, m->rows[row].allocator);
            fputs("e\n", file);
        }
    }
}

static void write_overview(FILE *file, const measurement *m)
{
    const settings *s = m->settings;
    if (compared(m, 0, m->count, NULL) == NULL) {
        return;
    }
    fprintf(file,
            "reset\nset terminal svg size 1000,%zu background 'white'\n"
            "set output 'overview.svg'\nset multiplot layout %zu,1\nset key outside right\n"
            "set grid\nset logscale y\nset yrange [0.5:*]\n"
            "set ylabel 'CPU time, times the floor'\n",
            360 * s->threads.count, s->threads.count);
    for (size_t i = 0; i < s->threads.count; i++) {
        write_panel(file, m, s->threads.values[i]);
    }
    fputs("unset multiplot\n", file);
}

static void write_script(FILE *file, const measurement *m)
{
    fputs("# Run by gnuplot in this directory.\n"
          "set terminal svg size 900,560 background 'white'\n"
          "set key outside right\nset grid\n"
          "set linetype 5 lc rgb '#cc79a7'\n", /* yellow can't be seen on white */
          file);
    for (size_t from = 0, to; from < m->count; from = to) {
        for (to = from + 1; to < m->count && same_plot(&m->rows[from], &m->rows[to]);) {
            to++;
        }
        if (any_line(m, from, to)) {
            write_plot(file, m, from, to);
        }
    }
    write_overview(file, m);
}

/* --------------------------------------------------------------------------------- running --- */

/* Its exit status; -1: it isn't there. Its output is thrown away if `quiet`. */
static int run_gnuplot(const char *argument, const char *directory, bool quiet)
{
    char name[] = "gnuplot";
    char text[PATH_MAX];
    char *arguments[] = {name, text, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    snprintf(text, sizeof(text), "%s", argument);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return -1;
    }
    if (quiet) {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
    posix_spawn_file_actions_addchdir_np(&actions, directory);
    int error = posix_spawnp(&child, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

bool report_can_plot(void)
{
    return run_gnuplot("--version", ".", true) == 0;
}

tool_status report_plots(const measurement *m, const char *directory)
{
    char path[PATH_MAX];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return tool_fail(TOOL_FAILED, "%s: %s", directory, strerror(errno));
    }
    snprintf(path, sizeof(path), "%s/plots.gp", directory);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return tool_fail(TOOL_FAILED, "%s: %s", path, strerror(errno));
    }
    write_script(file, m);
    if (fclose(file) != 0) {
        return tool_fail(TOOL_FAILED, "%s: could not be written", path);
    }
    int status = run_gnuplot("plots.gp", directory, false);
    if (status < 0) {
        return tool_fail(TOOL_FAILED,
                         "no plots: gnuplot isn't there (apt install gnuplot-nox). With it, in %s: "
                         "gnuplot plots.gp",
                         directory);
    }
    return status == 0 ? TOOL_OK : tool_fail(TOOL_FAILED, "no plots: gnuplot failed on %s", path);
}
