/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <stdlib.h>

const place runs[RUNS] = {
    {1, 1},
    {2, 3},
    {LEAF, LEAF},
    {4 * LEAF, LEAF + 8},
    {8 * LEAF, 2 * LEAF},
    {1024, 512 + 3 * LEAF + 5},
};

lfb_config scene_config(void)
{
    return world_config((uintptr_t)PAGE << 16, PAGE, SCENE_PAGES, SCENE_MAX_ORDER);
}

int scene_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    world_start(w, &config);
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(lfb_alloc_at(&w->lfb, address, runs[i].pages), LFB_OK);
    }
    uintptr_t hole = world_page(w, HOLE_PAGE);
    assert_int_equal(lfb_hold_range(&w->lfb, hole, HOLE_PAGES), LFB_OK);
    world_assert_sound(w);
    return 0;
}

int range_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    world_start(w, &config);
    return 0;
}

int held_range_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    config.start_held = true;
    world_start(w, &config);
    return 0;
}

int any_end(void **state)
{
    world *w = *state;
    world_assert_sound(w);
    world_end(w);
    free(w);
    return 0;
}

void assert_no_run_at(world *w, uintptr_t address, lfb_status expected)
{
    assert_refused(w, lfb_free(&w->lfb, address), expected);
    assert_refused(w, lfb_free_on(&w->lfb, 3, address), expected);
    assert_refused(w, lfb_free_sized(&w->lfb, address, 1), expected);
    assert_refused(w, lfb_free_sized_on(&w->lfb, 2, address, LEAF), expected);
    assert_refused(w, lfb_free_sized(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, &address), 0);
    assert_refused(w, lfb_resize(&w->lfb, address, 1), expected);
    assert_refused(w, lfb_resize_on(&w->lfb, 1, address, 5), expected);
    assert_refused(w, lfb_size_of(&w->lfb, address), 0);
}

void assert_same_extent(const lfb_extent *a, const lfb_extent *b)
{
    assert_int_equal(a->address, b->address);
    assert_int_equal(a->pages, b->pages);
    assert_int_equal(a->kind, b->kind);
}

lfb_stats stats_of(const world *w)
{
    lfb_stats stats;
    lfb_get_stats(&w->lfb, &stats);
    return stats;
}

void use_all(lfb_t *lfb, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        uintptr_t address = lfb_alloc(lfb, 0);
        assert_true(address != LFB_NONE);
        assert_int_equal(lfb_size_of(lfb, address), 1);
    }
    assert_true(lfb_alloc(lfb, 0) == LFB_NONE);
    lfb_stats stats;
    lfb_get_stats(lfb, &stats);
    assert_int_equal(stats.runs, pages);
    assert_int_equal(stats.allocated_pages, pages);
    assert_int_equal(lfb_check(lfb, NULL), LFB_OK);
    for (size_t i = 0; i < pages; i++) {
        uintptr_t address = (lfb->first_page + i) << lfb->page_shift;
        assert_int_equal(lfb_free(lfb, address), LFB_OK);
    }
    lfb_drain(lfb);
    lfb_report report;
    assert_int_equal(lfb_check(lfb, &report), LFB_OK);
    assert_int_equal(report.stats.free_pages, pages);
    assert_int_equal(report.warm_nodes, 0);
    assert_int_equal(report.low_hints, 0);
}

bool show(void *context, const lfb_extent *extent)
{
    shown *s = context;
    s->extents[s->count++] = *extent;
    return s->count < s->most;
}
