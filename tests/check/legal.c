/* SPDX-License-Identifier: MIT */
/*
 * Legal states that look like damage.
 */
#include "scene.h"

static void test_legal_oddities(void **state)
{
    world *w = *state;
    put(w, 0, 8352, KIND_RUN); /* the whole leaf instead of 8 pages of it */
    world_assert_sound(w);
    assert_int_equal(lfb_size_of(&w->lfb, (uintptr_t)8320 * PAGE), 64);
    restore(w);
    put(w, 0, 9984, KIND_HOLE); /* under FREE a mark says nothing */
    world_assert_sound(w);
    set(w, 1, 9984, 1, CODE_OPEN);
    world_assert_sound(w);
    restore(w);
}

static void test_warm_nodes(void **state)
{
    world *w = *state;
    lfb_report report;
    set(w, 1, 9984, 1, CODE_OPEN); /* over EMPTY */
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 1);
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 1);
    lfb_drain(&w->lfb);
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 0);
}

/* A run that fills a node may be spelled as one word, until its owner is through with a cut. */
static void test_run_in_an_empty_word(void **state)
{
    world *w = *state;
    uintptr_t run = (uintptr_t)9984 * PAGE;
    put(w, 0, 9984, KIND_RUN);
    set(w, 1, 9984, 1, CODE_OPEN);
    world_assert_sound(w);
    assert_int_equal(lfb_size_of(&w->lfb, run), 32);
    assert_int_equal(lfb_free_bulk(&w->lfb, 1, &run), 1);
    assert_int_equal(lfb_size_of(&w->lfb, run), 0);
    world_assert_sound(w);
}

int check_legal(void)
{
    static const struct CMUnitTest tests[] = {
        IN_TREE(test_legal_oddities),
        IN_TREE(test_warm_nodes),
        IN_TREE(test_run_in_an_empty_word),
    };
    return cmocka_run_group_tests_name("legal", tests, NULL, NULL);
}
