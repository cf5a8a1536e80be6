/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "world.h"

void oracle_start(oracle *o, const lfb_config *config)
{
    o->first = config->base / config->page_size;
    o->count = config->page_count;
    o->max_order = config->max_order;
    o->next_run = 1;
    o->pages = calloc(o->count, sizeof(*o->pages));
    assert_non_null(o->pages);
    if (config->start_held) {
        oracle_set(o, 0, o->count, ORACLE_HELD);
    }
}

void oracle_end(oracle *o)
{
    free(o->pages);
}

bool oracle_is(const oracle *o, size_t page, size_t pages, long state)
{
    for (size_t i = page; i < page + pages; i++) {
        if (o->pages[i] != state) {
            return false;
        }
    }
    return true;
}

bool oracle_is_allocated(const oracle *o, size_t page, size_t pages)
{
    for (size_t i = page; i < page + pages; i++) {
        if (o->pages[i] <= 0) {
            return false;
        }
    }
    return true;
}

void oracle_set(oracle *o, size_t page, size_t pages, long state)
{
    for (size_t i = page; i < page + pages; i++) {
        o->pages[i] = state;
    }
}

void oracle_add_run(oracle *o, size_t page, size_t pages)
{
    oracle_set(o, page, pages, o->next_run++);
}

bool oracle_is_start(const oracle *o, size_t page)
{
    return o->pages[page] > 0 && (page == 0 || o->pages[page - 1] != o->pages[page]);
}

size_t oracle_run_pages(const oracle *o, size_t page)
{
    size_t end = page;
    while (end < o->count && o->pages[end] == o->pages[page]) {
        end++;
    }
    return end - page;
}

unsigned oracle_ceiling_order(size_t pages)
{
    unsigned order = 0;
    while ((size_t)1 << order < pages) {
        order++;
    }
    return order;
}

bool oracle_has_room(const oracle *o, size_t pages, size_t low, size_t high)
{
    unsigned order = oracle_ceiling_order(pages);
    if (order > o->max_order) {
        return false;
    }
    for (size_t page = low; page + pages <= high; page++) {
        if ((o->first + page) % ((size_t)1 << order) == 0 &&
            oracle_is(o, page, pages, ORACLE_FREE)) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------- comparing the whole ---- */

typedef struct comparison {
    const oracle *oracle;
    const lfb_t *lfb;
    size_t page; /* the next one that the walk should speak of */
    lfb_stats stats;
} comparison;

static bool compare_extent(void *context, const lfb_extent *extent)
{
    comparison *c = context;
    const oracle *o = c->oracle;
    assert_int_equal((extent->address >> c->lfb->page_shift) - o->first, c->page);
    assert_in_range(extent->pages, 1, o->count - c->page);
    if (extent->kind == LFB_EXTENT_RUN) {
        assert_true(oracle_is_start(o, c->page));
        assert_int_equal(oracle_run_pages(o, c->page), extent->pages);
        c->stats.runs++;
        c->stats.allocated_pages += extent->pages;
    } else if (extent->kind == LFB_EXTENT_HELD) {
        assert_true(oracle_is(o, c->page, extent->pages, ORACLE_HELD));
        c->stats.held_pages += extent->pages;
    } else {
        unsigned order = oracle_ceiling_order(extent->pages);
        assert_int_equal((size_t)1 << order, extent->pages);
        assert_in_range(order, 0, o->max_order);
        assert_int_equal((o->first + c->page) % extent->pages, 0);
        assert_true(oracle_is(o, c->page, extent->pages, ORACLE_FREE));
        /* Maximal: the block twice as large isn't free. */
        size_t twice = 2 * extent->pages;
        size_t start = (o->first + c->page) / twice * twice;
        if (order < o->max_order && start >= o->first && start - o->first + twice <= o->count) {
            assert_false(oracle_is(o, start - o->first, twice, ORACLE_FREE));
        }
        c->stats.free_pages += extent->pages;
        c->stats.free_blocks[order]++;
        if ((int)order > c->stats.largest_free_order) {
            c->stats.largest_free_order = (int)order;
        }
    }
    c->page += extent->pages;
    return true;
}

void oracle_compare(const oracle *o, const lfb_t *lfb)
{
    comparison c = {o, lfb, 0, {.total_pages = o->count, .largest_free_order = -1}};
    assert_int_equal(lfb_walk(lfb, compare_extent, &c), LFB_OK);
    assert_int_equal(c.page, o->count);
    lfb_stats stats;
    lfb_get_stats(lfb, &stats);
    assert_memory_equal(&stats, &c.stats, sizeof(stats));
}
