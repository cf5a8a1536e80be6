/* SPDX-License-Identifier: MIT */
/*
 * Blocks of drawn sizes: see workloads.h.
 */
#include "workloads.h"

void draw_add(draw_table *table, size_t *at, unsigned size, size_t share)
{
    for (size_t end = *at + share; *at < end && *at < DRAW_ENTRIES; (*at)++) {
        table->sizes[*at] = (uint16_t)size;
    }
}

double draw_mean_pages(const draw_table *table)
{
    double sum = 0;
    for (size_t i = 0; i < DRAW_ENTRIES; i++) {
        sum += table->runs ? (double)table->sizes[i] : (double)((size_t)1 << table->sizes[i]);
    }
    return sum / DRAW_ENTRIES;
}

size_t draw_capacity(const draw_table *table, const cell *c, double share, unsigned parts)
{
    return (size_t)((double)c->pages * share / draw_mean_pages(table) / parts);
}

/* Order of the smallest block that holds a run. */
static unsigned ceiling_order(unsigned pages)
{
    return pages <= 1 ? 0 : 32U - (unsigned)__builtin_clz(pages - 1);
}

int64_t workloads_get_sized(worker *w, const draw_table *table, unsigned size)
{
    const allocator *a = w->allocator;
    int64_t page;
    if (!table->runs) {
        page = a->get(w->thread, size);
    } else if (a->get_run != NULL) {
        page = a->get_run(w->thread, size);
    } else {
        size = ceiling_order(size);
        page = a->get(w->thread, size);
    }
    return harness_pack(page, size);
}

void workloads_put_sized(worker *w, int64_t packed)
{
    const allocator *a = w->allocator;
    if (w->run->cell.workload == &workload_runs && a->put_run != NULL) {
        a->put_run(w->thread, harness_page(packed), harness_size(packed));
    } else {
        a->put(w->thread, harness_page(packed), harness_size(packed));
    }
}

void workloads_replace_sized(worker *w, const draw_table *table, size_t count)
{
    int64_t *held = w->held;
    size_t at = xorshift_below(&w->random, w->count);
    for (size_t i = 0; i < count; i++) {
        size_t next = xorshift_below(&w->random, w->count);
        __builtin_prefetch(&held[next], 1);
        if (held[at] >= 0) {
            workloads_put_sized(w, held[at]);
        }
        int64_t block = workloads_get_sized(w, table, draw(table, &w->random));
        w->failures += block < 0;
        held[at] = block;
        at = next;
    }
}
