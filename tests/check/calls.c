/* SPDX-License-Identifier: MIT */
/*
 * Calls on damaged trees. fuzz/hostile.c makes all calls on trees that are damaged at random. Here
 * is what it meets seldom: what the call answers, and that it ends, is all that there is to expect.
 */
#include "exhaust.h"
#include "scene.h"

static uintptr_t at(uintptr_t page)
{
    return page * PAGE;
}

/* A live node under a slot that is free: that can be taken, but not be taken out of use. */
static void test_hold_over_a_live_node(void **state)
{
    world *w = *state;
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_int_equal(lfb_hold_range(&w->lfb, at(9984), 32), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, at(9984)), 32);
}

/* One under an EMPTY node, which mustn't become live by its merging. */
static void test_free_under_an_empty_node(void **state)
{
    world *w = *state;
    uintptr_t leaf = 11264 + 15 * 32;
    put(w, 0, leaf, word_set(WORD_EACH((lfb_word)CODE_FREE), 1, 1, CODE_LAST));
    assert_int_equal(lfb_free(&w->lfb, at(leaf + 1)), LFB_OK);
    world_assert_sound(w);
}

/* A run over the end of the range, in slots the last of which has no child. */
static void test_free_over_the_end(void **state)
{
    world *w = *state;
    set(w, 1, 12640, 2, CODE_HELD);
    set(w, 1, 12704, 1, CODE_LAST);
    assert_int_equal(lfb_size_of(&w->lfb, at(12640)), 12697 - 12640);
    assert_int_equal(lfb_free_range(&w->lfb, at(12640), 12697 - 12640), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, at(12640)), 0);
}

/* A run that fills the last node of the address space, of which the range has all but a page. */
static void test_free_at_the_last_address(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(LFB_NONE - 100, 1, 100, 13);
    world_start(&w, &config);
    put(&w, 0, LFB_NONE, KIND_RUN);
    assert_int_equal(lfb_size_of(&w.lfb, LFB_NONE - 31), 31);
    assert_int_equal(lfb_free_range(&w.lfb, LFB_NONE - 31, 31), LFB_OK);
    assert_int_equal(lfb_size_of(&w.lfb, LFB_NONE - 31), 0);
    world_end(&w);
}

/* A node over the end that is out of use as a whole: part of it can't come into use, for it has
 * slots that have no children. */
static void test_release_range_at_the_end(void **state)
{
    world *w = *state;
    put(w, 1, 12288, KIND_HOLE);
    put(w, 0, 12672, KIND_HOLE);
    assert_int_equal(lfb_release_range(&w->lfb, at(12300), 1), LFB_OK);
    lfb_extent extent;
    assert_int_equal(lfb_find(&w->lfb, at(12300), &extent), LFB_OK);
    assert_int_equal(extent.kind, LFB_EXTENT_HELD);
}

/* EMPTY, of no kind, which looks like OPEN in its first slot. */
static void test_free_in_a_node_of_no_kind(void **state)
{
    world *w = *state;
    put(w, 1, 9728, 3);
    world_remember(w);
    assert_int_equal(lfb_free(&w->lfb, at(9728)), LFB_NOT_ALLOCATED);
    world_assert_unchanged(w);
}

/* A note that no blocks larger than there can be are free says nothing of smaller ones. */
static void test_impossible_note(void **state)
{
    world *w = *state;
    lfb_store_relaxed(lfb_exhausted_word(&w->lfb), LFB_WORD_BITS);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(lfb_alloc_run(&w->lfb, 100) != LFB_NONE);
    }
}

int check_calls(void)
{
    static const struct CMUnitTest tests[] = {
        IN_TREE(test_hold_over_a_live_node),    IN_TREE(test_free_under_an_empty_node),
        IN_TREE(test_free_over_the_end),        cmocka_unit_test(test_free_at_the_last_address),
        IN_TREE(test_release_range_at_the_end), IN_TREE(test_free_in_a_node_of_no_kind),
        IN_TREE(test_impossible_note),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
