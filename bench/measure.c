/* SPDX-License-Identifier: MIT */
/*
 * Cells, rounds, statistics: see measure.h.
 */
#include "measure.h"

#include "progress.h"
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ----------------------------------------------------------------------------- statistics ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(double *values, unsigned count)
{
    if (count == 0) {
        return (spread){0, 0, 0};
    }
    qsort(values, count, sizeof(*values), compare);
    double median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    return (spread){median, values[0], values[count - 1]};
}

static void summarise(result *row, const result *floor_row)
{
    double values[SETTINGS_MOST_ROUNDS];
    for (unsigned i = 0; i < row->rounds; i++) {
        values[i] = row->samples[i].ns;
        row->failures += row->samples[i].failures;
        row->operations += row->samples[i].operations;
    }
    row->ns = spread_of(values, row->rounds);
    for (unsigned i = 0; i < row->rounds; i++) {
        values[i] = row->samples[i].rate;
    }
    row->rate = spread_of(values, row->rounds);
    if (floor_row == NULL || floor_row->rounds != row->rounds) {
        return;
    }
    for (unsigned i = 0; i < row->rounds; i++) {
        values[i] = row->samples[i].ns / floor_row->samples[i].ns;
    }
    row->ratio = spread_of(values, row->rounds);
}

/* ----------------------------------------------------------------------------------- runs ---- */

static bool suits(const allocator *a, const workload *w)
{
    return !(w->range_only && a->kind != ALLOCATOR_RANGE) &&
           !(a->get_bulk != NULL && !w->takes_bulk);
}

static bool run_once(result *row, const allocator *a, sample *out,
                     bool (*at_end)(const allocator *, const cell *))
{
    run r = {.cell = row->cell, .allocator = a, .at_end = at_end};
    if (a == NULL || !harness_run(&r, out)) {
        return false;
    }
    row->metadata = r.metadata;
    row->frag = r.frag;
    return true;
}

static const char *describe(char text[96], const result *row)
{
    char order[24] = "";
    if (row->cell.workload->by_order) {
        snprintf(order, sizeof(order), " order %u,", row->cell.order);
    }
    snprintf(text, 96, "%s,%s %u thread%s: %s", row->cell.workload->name, order, row->cell.threads,
             row->cell.threads == 1 ? "" : "s", row->allocator->name);
    return text;
}

static bool complain(const result *row, const char *what)
{
    char text[96];
    progress_clear();
    tool_fail(TOOL_FAILED, "%s: %s", describe(text, row), what);
    return false;
}

static bool verify_row(measurement *m, result *row)
{
    const char *first;
    char text[96];
    sample ignored;
    if (row->allocator->kind == ALLOCATOR_FLOOR || row->allocator->counted) {
        return true;
    }
    const allocator *a = verify_wrap(row->allocator, row->cell.pages);
    if (a == NULL) {
        return complain(row, "no address space for the map of what is held");
    }
    row->verified = run_once(row, a, &ignored, verify_at_end);
    row->faults = verify_faults(&first);
    if (row->faults > 0) {
        progress_clear();
        tool_fail(TOOL_VIOLATION, "%s: %" PRIu64 " faults; %s%s%s", describe(text, row),
                  row->faults, first, row->allocator->flaw != NULL ? "; known: " : "",
                  row->allocator->flaw != NULL ? row->allocator->flaw : "");
    }
    m->faults += row->allocator->flaw == NULL ? row->faults : 0;
    verify_unwrap();
    return row->verified || complain(row, "could not be started");
}

static bool time_calls(result *row)
{
    sample ignored;
    const allocator *a = latency_wrap(row->allocator, row->cell.threads);
    row->timed = run_once(row, a, &ignored, NULL);
    if (a != NULL) {
        latency_unwrap(&row->latency);
    }
    return row->timed || complain(row, "could not be started");
}

/* --------------------------------------------------------------------------------- a cell ---- */

/* A round of all allocators. Who begins changes, so that nobody always runs in another's wake. */
static void run_round(result *rows, size_t count, unsigned round)
{
    for (size_t i = 0; i < count; i++) {
        result *row = &rows[(i + round) % count];
        char text[96];
        if (!row->measured) {
            continue;
        }
        progress_show(describe(text, row), round);
        row->measured = run_once(row, row->allocator, &row->samples[round], NULL) ||
                        complain(row, "could not be started");
        row->rounds = row->measured ? round + 1 : 0;
    }
}

static void run_others(const settings *s, result *rows, size_t count)
{
    char text[96];
    for (size_t i = 0; i < count; i++) {
        result *row = &rows[i];
        if (row->allocator->counted) {
            progress_show(describe(text, row), PROGRESS_COUNTS);
            row->counted = run_once(row, row->allocator, &row->counts, NULL);
        } else if (s->latency && row->measured) {
            progress_show(describe(text, row), PROGRESS_LATENCY);
            time_calls(row);
        }
    }
}

static void share_counts(result *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; rows[i].counted && j < count; j++) {
            if (rows[j].allocator == &allocator_lfbuddy) {
                rows[j].counted = true;
                rows[j].counts = rows[i].counts;
            }
        }
    }
}

static void run_cell(measurement *m, result *rows, size_t count)
{
    const settings *s = m->settings;
    char text[96];
    for (size_t i = 0; i < count; i++) {
        rows[i].measured = !rows[i].allocator->counted;
        if (s->verify) {
            progress_show(describe(text, &rows[i]), PROGRESS_VERIFY);
            rows[i].measured = verify_row(m, &rows[i]) && rows[i].measured;
        }
    }
    /* A single thread that always makes the same choices: once is enough. */
    unsigned rounds = rows[0].cell.workload->threads != 0 ? 1 : s->rounds;
    for (unsigned round = 0; round < rounds; round++) {
        run_round(rows, count, round);
    }
    run_others(s, rows, count);
    share_counts(rows, count);
    const result *floor_row = NULL;
    for (size_t i = 0; i < count; i++) {
        floor_row = rows[i].allocator == &allocator_floor ? &rows[i] : floor_row;
    }
    for (size_t i = 0; i < count; i++) {
        summarise(&rows[i], floor_row);
    }
}

/* ------------------------------------------------------------------------------- all cells --- */

/* Calls `take` with each cell; returns how many there are. */
static size_t for_each_cell(measurement *m, void (*take)(measurement *m, const cell *c))
{
    const settings *s = m->settings;
    size_t cells = 0;
    for (size_t i = 0; i < s->workload_count; i++) {
        const workload *w = s->workloads[i];
        size_t orders = w->by_order ? s->orders.count : 1;
        size_t teams = w->threads != 0 ? 1 : s->threads.count;
        for (size_t j = 0; j < orders * teams; j++) {
            cell c = {
                .workload = w,
                .order = w->by_order ? s->orders.values[j / teams] : 0,
                .threads = w->threads != 0 ? w->threads : s->threads.values[j % teams],
                .pages = s->pages,
                .budget_ns = s->budget_ns,
                .seed = s->seed,
            };
            if (c.order >= w->least_order && w->capacity(&c) > 0) {
                cells++;
                take(m, &c);
            }
        }
    }
    return cells;
}

static void add_rows(measurement *m, const cell *c)
{
    for (size_t i = 0; i < m->settings->allocator_count; i++) {
        const allocator *a = m->settings->allocators[i];
        if (!suits(a, c->workload)) {
            continue;
        }
        if (m->rows != NULL) {
            m->rows[m->count] = (result){.cell = *c, .allocator = a};
        }
        m->count++;
    }
}

static bool is_same_cell(const result *a, const result *b)
{
    return a->cell.workload == b->cell.workload && a->cell.order == b->cell.order &&
           a->cell.threads == b->cell.threads;
}

tool_status measure(measurement *m, const settings *s,
                    void (*show)(const settings *s, const result *rows, size_t count))
{
    *m = (measurement){.settings = s, .clock = latency_open()};
    for_each_cell(m, add_rows); /* counts them first */
    m->rows = calloc(m->count == 0 ? 1 : m->count, sizeof(*m->rows));
    if (m->rows == NULL) {
        return tool_fail(TOOL_FAILED, "no memory for %zu results", m->count);
    }
    m->count = 0;
    m->cells = for_each_cell(m, add_rows);
    if (m->count == 0) {
        return tool_fail(TOOL_FAILED, "nothing to measure: none of these allocators can run any of "
                                      "these workloads in so many pages");
    }
    progress_open(m->cells);
    for (size_t from = 0, to; from < m->count; from = to) {
        for (to = from + 1; to < m->count && is_same_cell(&m->rows[from], &m->rows[to]);) {
            to++;
        }
        run_cell(m, m->rows + from, to - from);
        progress_clear();
        show(s, m->rows + from, to - from);
        progress_next();
    }
    return m->faults > 0 ? TOOL_VIOLATION : TOOL_OK;
}

void measure_free(measurement *m)
{
    free(m->rows);
    m->rows = NULL;
}
