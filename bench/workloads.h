/* SPDX-License-Identifier: MIT */
/*
 * The workloads, and what several of them do.
 */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include "harness.h"
#include "tool.h"

extern const workload workload_bulk, workload_repeat, workload_empty, workload_rand, workload_full,
    workload_remote, workload_larson, workload_mixed, workload_runs, workload_oom_full,
    workload_oom_pieces, workload_replay, workload_frag50, workload_frag80;

extern const workload *const workloads_all[];
extern const size_t workloads_count;

/* Every workload of that name; "oom" and "frag" stand for both of theirs. */
bool workloads_match(const workload *w, const char *name);

/* Reads the trace that `replay` plays. */
tool_status workloads_load_trace(const char *path);
void workloads_forget_trace(void);

/* --------------------------------------------------------------------------- sized blocks ---- */

/* Sizes to draw from: orders, or lengths in pages. Drawing is a look into a table, so that it costs
 * the same whatever the distribution. */
enum { DRAW_BITS = 12, DRAW_ENTRIES = 1 << DRAW_BITS };

typedef struct draw_table {
    uint16_t sizes[DRAW_ENTRIES];
    bool runs; /* lengths, not orders */
} draw_table;

static inline unsigned draw(const draw_table *table, xorshift *random)
{
    return table->sizes[xorshift_next(random) >> (32 - DRAW_BITS)];
}

/* `share` (of DRAW_ENTRIES) entries with this size from *at on. */
void draw_add(draw_table *table, size_t *at, unsigned size, size_t share);

/* Mean pages of a block as drawn. */
double draw_mean_pages(const draw_table *table);

/* Entries for which blocks as drawn take `share` of the range. */
size_t draw_capacity(const draw_table *table, const cell *c, double share, unsigned parts);

/* A block of that size, packed; allocators without runs give the block that holds it. */
int64_t workloads_get_sized(worker *w, const draw_table *table, unsigned size);
void workloads_put_sized(worker *w, int64_t packed);

/* Replaces `count` random entries of w->held. */
void workloads_replace_sized(worker *w, const draw_table *table, size_t count);

/* The table of orders that larson uses: each order from 0 to 9 has the same number of pages. */
const draw_table *workloads_even_orders(void);

#endif
