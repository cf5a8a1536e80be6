/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_PAGE = 9800, HELD_PAGES = 100 };

typedef struct place {
    uintptr_t page;
    size_t pages;
} place;

static const place range = {8197, 4500};
static const place runs[] = {{8200, 3}, {8224, 32}, {8320, 40}, {8704, 613}, {10240, 532}};
enum { RUNS = sizeof(runs) / sizeof(*runs) };

const char illegal[] = "an illegal word";

static world *start_over(place pages)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    lfb_config config = world_config(pages.page * PAGE, PAGE, pages.pages, 13);
    world_start(w, &config);
    assert_int_equal(w->lfb.top, TOP);
    return w;
}

static void alloc_place(world *w, place run)
{
    assert_int_equal(lfb_alloc_at(&w->lfb, run.page * PAGE, run.pages), LFB_OK);
}

int tree_start(void **state)
{
    world *w = start_over(range);
    *state = w;
    for (size_t i = 0; i < RUNS; i++) {
        alloc_place(w, runs[i]);
    }
    assert_int_equal(lfb_hold_range(&w->lfb, (uintptr_t)HELD_PAGE * PAGE, HELD_PAGES), LFB_OK);
    world_assert_sound(w);
    world_remember(w);
    return 0;
}

static int even_tree_start(void **state, place pages, place run)
{
    world *w = start_over(pages);
    *state = w;
    alloc_place(w, run);
    world_assert_sound(w);
    world_remember(w);
    return 0;
}

int top_even_tree_start(void **state)
{
    return even_tree_start(state, (place){8192, 2048}, (place){9728, 512});
}

int level1_even_tree_start(void **state)
{
    return even_tree_start(state, (place){8192 + 64, 2048}, (place){10240, 64});
}

void restore(world *w)
{
    memcpy(w->metadata, w->before, w->size);
}

int tree_end(void **state)
{
    world *w = *state;
    restore(w);
    world_end(w);
    free(w);
    return 0;
}

static lfb_atomic *word_at(const world *w, unsigned level, uintptr_t page)
{
    return lfb_word_of(&w->lfb, lfb_node_of_page(level, page));
}

void put(world *w, unsigned level, uintptr_t page, lfb_word word)
{
    lfb_store_relaxed(word_at(w, level, page), word);
}

void set(world *w, unsigned level, uintptr_t page, unsigned count, enum word_code code)
{
    lfb_word word = lfb_load_relaxed(word_at(w, level, page));
    put(w, level, page, word_set(word, lfb_slot_of_page(level, page), count, code));
}
