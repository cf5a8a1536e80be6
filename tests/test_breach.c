/* SPDX-License-Identifier: MIT */
/*
 * Callers who break the contract: while a call changes a run, somebody else releases, takes or
 * holds some of its pages, or writes into the metadata that they are free, before each atomic
 * access of the call in turn. What becomes of that run is nobody's promise. But every call ends,
 * and a neighbour's run stays as it was.
 */
#include "geometry.h"
#include "world.h"

void (*each_access)(void);

enum { PAGES = 32, NEIGHBOUR = 24, NEIGHBOUR_PAGES = 5, ACCESSES_MOST = 100000 };

typedef enum breach {
    FREE_RUN,
    FREE_PAGES,
    RELEASE_PAGES,
    TAKE_PAGES,
    REUSE_PAGES,
    HOLD_PAGES,
    WRITE_WORD,
    BREACHES
} breach;

static struct {
    lfb_t *lfb;
    breach breach;
    uintptr_t page;
    size_t pages;
    unsigned long at, seen;
} B;

/* The page, or all of an EMPTY leaf. */
static void write_free(lfb_atomic *leaf)
{
    lfb_word word = lfb_load_relaxed(leaf);
    lfb_store_relaxed(leaf, word_is_empty(word, 0)
                                ? word_all(word, 0, CODE_FREE)
                                : word_free(word, lfb_slot_of_page(0, B.page), 1));
}

static void break_in(void)
{
    each_access = NULL;
    if (B.breach == FREE_RUN) {
        lfb_free_on(B.lfb, 1, B.page);
    } else if (B.breach == FREE_PAGES) {
        lfb_free_range_on(B.lfb, 1, B.page, B.pages);
    } else if (B.breach == RELEASE_PAGES) {
        lfb_release_range_on(B.lfb, 1, B.page, B.pages);
    } else if (B.breach == TAKE_PAGES) {
        lfb_alloc_at_on(B.lfb, 1, B.page, B.pages);
    } else if (B.breach == REUSE_PAGES) {
        lfb_free_range_on(B.lfb, 1, B.page, B.pages);
        lfb_alloc_at_on(B.lfb, 1, B.page, B.pages);
    } else if (B.breach == HOLD_PAGES) {
        lfb_hold_range_on(B.lfb, 1, B.page, B.pages);
    } else {
        write_free(lfb_word_of(B.lfb, lfb_node_of_page(0, B.page)));
    }
}

static void watch(void)
{
    assert_true(B.seen < ACCESSES_MOST);
    if (B.seen++ == B.at) {
        break_in();
        each_access = watch;
    }
}

/* Releases the pages of a leaf in one call, and the first of them once more: whoever took that
 * meanwhile loses it. Not the first leaf, which its lane keeps warm, if there is another. */
static void free_twice(lfb_t *lfb)
{
    enum { ALL = LEAF_SLOTS < 16 ? LEAF_SLOTS : 16, FIRST = 2 * ALL <= 16 ? ALL : 0 };
    uintptr_t pages[ALL + 1];
    for (uintptr_t i = 0; i <= ALL; i++) {
        pages[i] = FIRST + i % ALL;
    }
    for (uintptr_t i = 0; i < ALL; i++) {
        assert_int_equal(lfb_alloc_at_on(lfb, 0, pages[i], 1), LFB_OK);
    }
    each_access = watch;
    lfb_free_bulk_on(lfb, 0, ALL + 1, pages);
}

/* The calls that change runs in several steps; the run is at page 0. */
static void call(lfb_t *lfb, unsigned which)
{
    static const size_t from[] = {1, 3, 5, 13, 1, 16, 16, 5};
    static const size_t to[] = {7, 11, 16, 16, 16, 5, 13, 11};
    enum { RESIZES = sizeof(from) / sizeof(*from) };
    if (which < RESIZES) {
        assert_int_equal(lfb_alloc_at_on(lfb, 0, 0, from[which]), LFB_OK);
        each_access = watch;
        lfb_resize_on(lfb, 0, 0, to[which]);
    } else if (which == RESIZES) {
        each_access = watch;
        lfb_hold_range_on(lfb, 0, 1, 14);
    } else if (which == RESIZES + 1) {
        assert_int_equal(lfb_hold_range_on(lfb, 0, 0, 16), LFB_OK);
        each_access = watch;
        lfb_release_range_on(lfb, 0, 3, 7);
    } else if (which == RESIZES + 2) {
        assert_int_equal(lfb_alloc_at_on(lfb, 0, 0, 16), LFB_OK);
        each_access = watch;
        lfb_free_range_on(lfb, 0, 3, 7);
    } else if (which == RESIZES + 3) {
        assert_int_equal(lfb_alloc_at_on(lfb, 0, 0, 13), LFB_OK);
        each_access = watch;
        lfb_free_range_on(lfb, 0, 8, 5);
    } else if (which == RESIZES + 4) {
        each_access = watch;
        lfb_alloc_at_on(lfb, 0, 0, 13);
    } else {
        free_twice(lfb);
    }
    each_access = NULL;
}

enum { CALLS = 14 };

/* Returns whether the call got as far as to the breach. */
static bool try_breach(unsigned which, breach how, uintptr_t page, size_t pages, unsigned long at)
{
    lfb_config config = {.struct_size = sizeof(config),
                         .page_size = 1,
                         .page_count = PAGES,
                         .max_order = 5,
                         .lanes = 2};
    world w;
    world_start(&w, &config);
    assert_int_equal(lfb_alloc_at_on(&w.lfb, 0, NEIGHBOUR, NEIGHBOUR_PAGES), LFB_OK);
    B.lfb = &w.lfb;
    B.breach = how;
    B.page = page;
    B.pages = pages;
    B.at = at;
    B.seen = 0;
    call(&w.lfb, which);
    bool reached = B.seen > at;
    assert_int_equal(lfb_size_of(&w.lfb, NEIGHBOUR), NEIGHBOUR_PAGES);
    lfb_drain(&w.lfb);
    assert_int_equal(lfb_free(&w.lfb, NEIGHBOUR), LFB_OK);
    world_end(&w);
    return reached;
}

/* Every breach of these pages, before each access of every call. */
static unsigned long try_pages(uintptr_t page, size_t pages)
{
    unsigned long tried = 0;
    for (unsigned which = 0; which < CALLS; which++) {
        for (breach how = FREE_RUN; how < BREACHES; how++) {
            for (unsigned long at = 0; try_breach(which, how, page, pages, at); at++) {
                tried++;
            }
        }
    }
    return tried;
}

static void test_breaches(void **state)
{
    (void)state;
    unsigned long tried = 0;
    for (size_t pages = 1; pages <= 16; pages *= 2) {
        for (uintptr_t page = 0; page < 16; page += pages) {
            tried += try_pages(page, pages);
        }
    }
    print_message("%lu breaches tried\n", tried);
    assert_true(tried > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_breaches)};
    return cmocka_run_group_tests_name("breach", tests, NULL, NULL);
}
