/* SPDX-License-Identifier: MIT */
/*
 * Isolation against releases, step by step: before each atomic access of a release, an isolation
 * begins or ends; before each access of an isolation, a run is released, a page of the range is
 * taken, or the isolation ended. No page is lost, none is free twice, a range isn't complete while
 * a page of it is in use, nothing but that page is left out, and a last call finds it complete.
 */
#include "world.h"

void (*each_access)(void);

/* The other range ends before the run; were its first page taken with the length of the first
 * range, that would be the run's pages. */
enum {
    PAGES = 256,
    FIRST = 80,
    COUNT = 40,
    OTHER = 54,
    OTHER_COUNT = 5,
    RUN = 64,
    RUN_PAGES = 30,
    TAKEN = FIRST + COUNT / 2,
    ACCESSES_MOST = 100000
};

typedef enum deed { BEGIN, END, END_AND_BEGIN_ELSEWHERE, RELEASE, DEEDS, TAKE } deed;

static struct {
    world *w;
    deed deed;
    unsigned long at, seen;
    bool taken;
} S;

static lfb_status isolate(size_t first, size_t count, size_t *in_use)
{
    return lfb_isolate_range_on(&S.w->lfb, 1, world_page(S.w, first), count, in_use);
}

static void step_in(void)
{
    size_t in_use;
    each_access = NULL;
    if (S.deed == BEGIN) {
        isolate(FIRST, COUNT, &in_use);
    } else if (S.deed == TAKE) {
        S.taken = lfb_alloc_at_on(&S.w->lfb, 1, world_page(S.w, TAKEN), 1) == LFB_OK;
    } else if (S.deed == RELEASE) {
        assert_int_equal(lfb_free_on(&S.w->lfb, 1, world_page(S.w, RUN)), LFB_OK);
    } else {
        lfb_isolate_end(&S.w->lfb);
        if (S.deed == END_AND_BEGIN_ELSEWHERE) {
            lfb_alloc_at_on(&S.w->lfb, 1, world_page(S.w, OTHER), 1); /* so that it stays */
            isolate(OTHER, OTHER_COUNT, &in_use);
        }
    }
}

static void count(void)
{
    if (S.seen++ == S.at) {
        step_in();
    }
}

/* All is free or, where a range was isolated, out of use; put into use again, all is free. */
static void assert_nothing_lost(world *w)
{
    lfb_stats stats;
    if (lfb_size_of(&w->lfb, world_page(w, OTHER))) {
        assert_int_equal(lfb_free(&w->lfb, world_page(w, OTHER)), LFB_OK);
    }
    lfb_get_stats(&w->lfb, &stats);
    assert_int_equal(stats.allocated_pages, 0);
    assert_int_equal(stats.free_pages + stats.held_pages, PAGES);
    for (size_t page = 0; page < PAGES; page++) {
        lfb_extent extent;
        assert_int_equal(lfb_find(&w->lfb, world_page(w, page), &extent), LFB_OK);
        if (extent.kind == LFB_EXTENT_HELD) {
            assert_true((page >= FIRST && page < FIRST + COUNT) ||
                        (page >= OTHER && page < OTHER + OTHER_COUNT));
            assert_int_equal(lfb_release_range(&w->lfb, world_page(w, page), 1), LFB_OK);
        }
    }
    world_assert_sound(w);
    world_assert_all_free(w);
}

/* The release of a run that lies half in the range, with one deed before its n-th access. */
static bool release_once(world *w, bool isolated, deed what, unsigned long at)
{
    size_t in_use;
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, RUN), RUN_PAGES), LFB_OK);
    if (isolated) {
        assert_int_equal(isolate(FIRST, COUNT, &in_use), LFB_BUSY);
    }
    S.deed = what;
    S.at = at;
    S.seen = 0;
    each_access = count;
    lfb_status status = lfb_free_on(&w->lfb, 0, world_page(w, RUN));
    bool met = !each_access;
    each_access = NULL;
    assert_int_equal(status, LFB_OK);
    if (met && what == BEGIN) {
        /* What the release made free, having begun before, the next call takes. */
        assert_int_equal(isolate(FIRST, COUNT, &in_use), LFB_OK);
    }
    lfb_isolate_end(&w->lfb);
    assert_nothing_lost(w);
    return met;
}

/* An isolation, with one deed before its n-th access. */
static bool isolate_once(world *w, deed what, unsigned long at)
{
    size_t in_use;
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, RUN), RUN_PAGES), LFB_OK);
    S.deed = what;
    S.at = at;
    S.seen = 0;
    each_access = count;
    lfb_status status = lfb_isolate_range_on(&w->lfb, 0, world_page(w, FIRST), COUNT, &in_use);
    bool met = !each_access;
    each_access = NULL;
    assert_true(status == LFB_BUSY || status == LFB_EXHAUSTED || (met && what == RELEASE));
    if (!(met && what == RELEASE)) {
        assert_int_equal(lfb_free_on(&w->lfb, 1, world_page(w, RUN)), LFB_OK);
    }
    lfb_isolate_end(&w->lfb);
    assert_nothing_lost(w);
    return met;
}

/* An isolation of free pages, one of which is taken before its n-th access. */
static bool isolate_free_once(world *w, unsigned long at, size_t *taken)
{
    size_t in_use;
    lfb_stats stats;
    S.deed = TAKE;
    S.at = at;
    S.seen = 0;
    S.taken = false;
    each_access = count;
    lfb_status status = lfb_isolate_range_on(&w->lfb, 0, world_page(w, FIRST), COUNT, &in_use);
    bool met = !each_access;
    each_access = NULL;
    if (S.taken) {
        *taken += 1;
        assert_int_equal(status, LFB_BUSY);
        assert_int_equal(in_use, 1);
        lfb_get_stats(&w->lfb, &stats);
        assert_int_equal(stats.held_pages, COUNT - 1); /* all that was free throughout */
        assert_int_equal(lfb_free_on(&w->lfb, 1, world_page(w, TAKEN)), LFB_OK);
        status = isolate(FIRST, COUNT, &in_use);
    }
    assert_int_equal(status, LFB_OK);
    lfb_isolate_end(&w->lfb);
    assert_nothing_lost(w);
    return met;
}

static void test_releases(void **state)
{
    world *w = *state;
    for (deed what = BEGIN; what < RELEASE; what++) {
        unsigned long at = 0;
        while (release_once(w, what != BEGIN, what, at)) {
            at++;
        }
        assert_true(at > 3 && at < ACCESSES_MOST);
    }
}

static void test_isolations(void **state)
{
    world *w = *state;
    for (deed what = BEGIN; what < DEEDS; what++) {
        unsigned long at = 0;
        while (isolate_once(w, what, at)) {
            at++;
        }
        assert_true(at > 10 && at < ACCESSES_MOST);
    }
}

static void test_takes(void **state)
{
    unsigned long at = 0;
    size_t taken = 0;
    while (isolate_free_once(*state, at, &taken)) {
        at++;
    }
    assert_true(at > 10 && at < ACCESSES_MOST);
    assert_true(taken > 3 && taken < at);
}

static int start(void **state)
{
    static world w;
    lfb_config config = world_config(0x40000000, 4096, PAGES, 8);
    config.lanes = 2;
    world_start(&w, &config);
    S.w = &w;
    *state = &w;
    return 0;
}

static int end(void **state)
{
    world_end(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_releases, start, end),
        cmocka_unit_test_setup_teardown(test_isolations, start, end),
        cmocka_unit_test_setup_teardown(test_takes, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
