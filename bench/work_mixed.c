/* SPDX-License-Identifier: MIT */
/*
 * Blocks of drawn sizes, every thread with its own: mixed, runs.
 */
#include "workloads.h"

#include <pthread.h>

/* --------------------------------------------------------------------------------- tables ---- */

enum { LARGEST_ORDER = 9 };

static draw_table even_orders = {.runs = false};
static draw_table mixed_orders = {.runs = false};
static draw_table run_lengths = {.runs = true};

/*
 * Lengths of runs: the sizes of the 143,907 files of 1 to 512 pages (of 4 KiB, rounded up) under
 * /usr of a Debian 12 system with compilers and development packages, which is what a file system's
 * or an image loader's requests look like. Of 65536 files, so many have at most that many pages;
 * between two entries lengths are spread evenly.
 */
static const struct {
    unsigned pages;
    unsigned files;
} length_shares[] = {
    {1, 41378},   {2, 48973},   {3, 52781},   {4, 55235},   {5, 56971},   {6, 58182},
    {7, 59051},   {8, 59732},   {9, 60311},   {10, 60774},  {11, 61121},  {12, 61451},
    {14, 61934},  {16, 62386},  {20, 63016},  {24, 63449},  {28, 63783},  {32, 64010},
    {40, 64322},  {48, 64537},  {56, 64697},  {64, 64820},  {80, 64962},  {96, 65063},
    {128, 65179}, {160, 65260}, {192, 65313}, {256, 65413}, {320, 65467}, {384, 65488},
    {512, 65536},
};

static unsigned length_of_file(unsigned file)
{
    unsigned row = 0;
    while (length_shares[row].files <= file) {
        row++;
    }
    unsigned pages = row == 0 ? 0 : length_shares[row - 1].pages;
    unsigned files = row == 0 ? 0 : length_shares[row - 1].files;
    unsigned span = length_shares[row].pages - pages;
    return pages + 1 + (file - files) * span / (length_shares[row].files - files);
}

static void fill_tables(void)
{
    size_t at = 0;
    for (unsigned order = 0; order < LARGEST_ORDER; order++) {
        draw_add(&even_orders, &at, order, (size_t)DRAW_ENTRIES >> (order + 1));
    }
    draw_add(&even_orders, &at, LARGEST_ORDER, DRAW_ENTRIES);
    at = 0;
    draw_add(&mixed_orders, &at, 0, DRAW_ENTRIES * 80 / 100);
    for (unsigned order = 1; order <= 5; order++) {
        draw_add(&mixed_orders, &at, order, DRAW_ENTRIES * 3 / 100);
    }
    draw_add(&mixed_orders, &at, LARGEST_ORDER, DRAW_ENTRIES);
    at = 0;
    for (unsigned i = 0; i < DRAW_ENTRIES; i++) {
        draw_add(&run_lengths, &at, length_of_file((2 * i + 1) * 65536 / (2 * DRAW_ENTRIES)), 1);
    }
}

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

const draw_table *workloads_even_orders(void)
{
    pthread_once(&tables_once, fill_tables);
    return &even_orders;
}

/* ------------------------------------------------------------------------------ workloads ---- */

static void prepare(worker *w, const draw_table *table)
{
    for (size_t i = 0; i < w->count; i++) {
        w->held[i] = workloads_get_sized(w, table, draw(table, &w->random));
    }
    harness_meet(w);
    workloads_replace_sized(w, table, w->count);
    w->failures = 0;
}

static void replace(worker *w, const draw_table *table)
{
    harness_start_clock(w);
    do {
        workloads_replace_sized(w, table, HARNESS_BATCH);
        w->operations += HARNESS_BATCH;
    } while (!harness_is_over(w));
    harness_stop_clock(w);
}

/* Half the range is held; free a random block, allocate one of order 0 (80 %), of an order from 1
 * to 5 (3 % each) or of order 9 (5 %). */
static size_t mixed_capacity(const cell *c)
{
    pthread_once(&tables_once, fill_tables);
    return draw_capacity(&mixed_orders, c, 0.5, c->threads);
}

static void mixed_prepare(worker *w)
{
    prepare(w, &mixed_orders);
}

static void mixed_work(worker *w)
{
    replace(w, &mixed_orders);
}

const workload workload_mixed = {
    .name = "mixed",
    .about = "as rand: 80 % order 0, 15 % orders 1-5, 5 % order 9",
    .capacity = mixed_capacity,
    .prepare = mixed_prepare,
    .work = mixed_work,
    .put = workloads_put_sized,
};

/* Half the range is held; free a random run, allocate one as long as some file is (see above). An
 * allocator that has only blocks gives the block that holds the run, and so holds up to twice as
 * much. */
static size_t runs_capacity(const cell *c)
{
    pthread_once(&tables_once, fill_tables);
    return draw_capacity(&run_lengths, c, 0.5, c->threads);
}

static void runs_prepare(worker *w)
{
    prepare(w, &run_lengths);
}

static void runs_work(worker *w)
{
    replace(w, &run_lengths);
}

const workload workload_runs = {
    .name = "runs",
    .about = "as rand: lengths of 1 to 512 pages, distributed like the sizes of files",
    .capacity = runs_capacity,
    .prepare = runs_prepare,
    .work = runs_work,
    .put = workloads_put_sized,
};
