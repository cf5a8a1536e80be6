/* SPDX-License-Identifier: MIT */
/*
 * Plots by gnuplot: see report.h. For each workload and order, time over the number of threads, a
 * line an allocator; for `frag`, whole 2 MiB blocks over the rounds. All of it is one script with
 * its data inside, which can be changed and run again by hand.
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
        fprintf(file, "set output '%s-%u.svg'\nset title '%s, order %u: %s'\n", w->name,
                r->cell.order, w->name, r->cell.order, w->about);
    } else {
        fprintf(file, "set output '%s.svg'\nset title '%s: %s'\n", w->name, w->name, w->about);
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

static void write_script(FILE *file, const measurement *m)
{
    fputs("# Run by gnuplot in this directory.\n"
          "set terminal svg size 900,560 background 'white'\n"
          "set key outside right\nset grid\n",
          file);
    for (size_t from = 0, to; from < m->count; from = to) {
        for (to = from + 1; to < m->count && same_plot(&m->rows[from], &m->rows[to]);) {
            to++;
        }
        if (any_line(m, from, to)) {
            write_plot(file, m, from, to);
        }
    }
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
