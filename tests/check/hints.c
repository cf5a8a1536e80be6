/* SPDX-License-Identifier: MIT */
/*
 * Hints are no part of the tree: those that are too low are counted, and none is a fault.
 */
#include "bytes.h"
#include "scene.h"

/* What the hint's byte says: 0, all is free; `nothing`, nothing is. */
static void set_hint(world *w, unsigned level, uintptr_t page, unsigned byte)
{
    uintptr_t index = (page >> lfb_node_order(level)) - w->lfb.levels[level].first;
    lfb_atomic *words = w->lfb.levels[level].hints;
    lfb_atomic *word = &words[index / BYTES_PER_WORD];
    unsigned shift = 8 * (unsigned)(index % BYTES_PER_WORD);
    lfb_word others = lfb_load_relaxed(word) & ~((lfb_word)0xff << shift);
    lfb_store_relaxed(word, others | (lfb_word)byte << shift);
}

static unsigned nothing(unsigned level)
{
    return lfb_node_order(level) + 1;
}

static void assert_low_hints(world *w, size_t low_hints)
{
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.low_hints, low_hints);
    assert_int_equal(report.faults, 0);
    restore(w);
}

static void test_low_hints(void **state)
{
    world *w = *state;
    set_hint(w, 1, 9728, nothing(1));
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, nothing(1)); /* under FREE */
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, 1);
    assert_low_hints(w, 1);
    set_hint(w, 2, 8192, nothing(2));
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, nothing(1));
    set_hint(w, 1, 9728, nothing(1));
    set_hint(w, 2, 8192, nothing(2));
    assert_low_hints(w, 3);
    set_hint(w, 1, 8704, nothing(1));
    set_hint(w, 1, 10240, nothing(1));
    assert_low_hints(w, 0); /* below runs they mean nothing */
}

/* A level 1 node whose largest free block has order 7: 9600 to 9728 behind the long run. */
static void test_hint_limits(void **state)
{
    world *w = *state;
    for (unsigned byte = 0; byte <= nothing(1); byte++) {
        set_hint(w, 1, 9216, byte);
        assert_low_hints(w, (int)lfb_node_order(1) - (int)byte < 8);
    }
}

static void test_high_hints(void **state)
{
    world *w = *state;
    for (uintptr_t page = 8192; page < 12697; page += 512) {
        set_hint(w, 1, page, 0);
    }
    set_hint(w, 2, 8192, 0);
    assert_low_hints(w, 0);
}

/* Low hints cost time, never a wrong answer. */
static void test_low_hints_are_mended(void **state)
{
    world *w = *state;
    for (uintptr_t page = 8192; page < 12697; page += 512) {
        set_hint(w, 1, page, nothing(1));
    }
    set_hint(w, 2, 8192, nothing(2));
    lfb_stats stats;
    lfb_get_stats(&w->lfb, &stats);
    for (size_t i = 0; i < stats.free_pages; i++) {
        assert_true(lfb_alloc(&w->lfb, 0) != LFB_NONE);
    }
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    restore(w);
}

int check_hints(void)
{
    static const struct CMUnitTest tests[] = {
        IN_TREE(test_low_hints),
        IN_TREE(test_hint_limits),
        IN_TREE(test_high_hints),
        IN_TREE(test_low_hints_are_mended),
    };
    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
