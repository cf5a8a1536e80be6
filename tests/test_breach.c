/* SPDX-License-Identifier: MIT */
/*
 * Callers who break the contract: while a call changes a run, somebody else releases, takes or
 * holds one of its pages, before each atomic access of the call in turn. What becomes of that run
 * is nobody's promise. But every call ends, and a neighbour's run stays as it was.
 */
#include "world.h"

void (*each_access)(void);

enum { PAGES = 32, NEIGHBOUR = 24, NEIGHBOUR_PAGES = 5, ACCESSES_MOST = 100000 };

typedef enum breach { FREE_PAGE, RELEASE_PAGE, TAKE_PAGE, HOLD_PAGE, BREACHES } breach;

static struct {
    lfb_t *lfb;
    breach breach;
    uintptr_t page;
    unsigned long at, seen;
} B;

static void break_in(void)
{
    each_access = NULL;
    if (B.breach == FREE_PAGE) {
        lfb_free_range_on(B.lfb, 1, B.page, 1);
    } else if (B.breach == RELEASE_PAGE) {
        lfb_release_range_on(B.lfb, 1, B.page, 1);
    } else if (B.breach == TAKE_PAGE) {
        lfb_alloc_at_on(B.lfb, 1, B.page, 1);
    } else {
        lfb_hold_range_on(B.lfb, 1, B.page, 1);
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
    } else {
        each_access = watch;
        lfb_alloc_at_on(lfb, 0, 0, 13);
    }
    each_access = NULL;
}

enum { CALLS = 12 };

/* Returns whether the call got as far as to the breach. */
static bool try_breach(unsigned which, breach how, uintptr_t page, unsigned long at)
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

static void test_breaches(void **state)
{
    (void)state;
    unsigned long tried = 0;
    for (unsigned which = 0; which < CALLS; which++) {
        for (breach how = FREE_PAGE; how < BREACHES; how++) {
            for (uintptr_t page = 0; page < 16; page++) {
                for (unsigned long at = 0; try_breach(which, how, page, at); at++) {
                    tried++;
                }
            }
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
