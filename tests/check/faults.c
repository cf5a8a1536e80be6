/* SPDX-License-Identifier: MIT */
/*
 * Each fault is provoked, and found where it is.
 */
#include "scene.h"

static const char unknown[] = "a live node that its parent doesn't know of";
static const char outside[] = "pages outside the range are in use";
static const char over_end[] = "a slot reaches over the end of the range";
static const char empty_end[] = "a node that reaches over the end of the range is EMPTY";
static const char goes_on[] = "a run goes on into pages that it doesn't have";

enum { ANY = 0 };

/* The checker finds this fault first, in this node; `faults` in all, or any number. Then the damage
 * is undone. */
static void assert_fault(world *w, const char *what, unsigned level, uintptr_t page, size_t faults)
{
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_DAMAGED);
    assert_string_equal(report.first_fault, what);
    assert_int_equal(report.fault_level, level);
    assert_int_equal(report.fault_address, page * PAGE);
    assert_int_equal(report.faults, faults == ANY ? report.faults : faults);
    assert_int_equal(lfb_check(&w->lfb, NULL), LFB_DAMAGED);
    restore(w);
    world_assert_sound(w);
}

static void test_header(void **state)
{
    world *w = *state;
    ((unsigned char *)w->metadata)[24] ^= 1;
    assert_fault(w, "the header was changed", TOP, 8192, 1);
}

/* -------------------------------------------------------------------------- illegal words ---- */

static void test_illegal_leaf(void **state)
{
    world *w = *state;
    set(w, 0, 8202, 1, CODE_HELD); /* the run's last page; what follows is FREE */
    assert_fault(w, illegal, 0, 8192, 1);
    set(w, 0, 8203, 1, CODE_HOLE);
    set(w, 0, 8202, 1, CODE_HELD);
    assert_fault(w, illegal, 0, 8192, 1);
    set(w, 0, 8202, 1, CODE_HOLE);
    assert_fault(w, illegal, 0, 8192, 1);
    put(w, 0, 9984, 3); /* EMPTY, but of no kind */
    assert_fault(w, illegal, 0, 9984, 1);
}

static void test_illegal_inner(void **state)
{
    world *w = *state;
    set(w, 1, 8224, 1, CODE_HELD);
    set(w, 1, 8256, 1, CODE_FREE);
    assert_fault(w, illegal, 1, 8192, 1);
    set(w, 1, 8352, 1, CODE_FREE); /* the run's HELD is before it, its other pages below it */
    assert_fault(w, illegal, 1, 8192, 2);
    set(w, 2, 11264, 1, CODE_HELD);
    assert_fault(w, illegal, 2, 8192, 1);
    put(w, 1, 11264, 3);
    assert_fault(w, illegal, 1, 11264, 1);
}

/* ------------------------------------------------------- live nodes that no slot knows of ---- */

static void test_live_under_free(void **state)
{
    world *w = *state;
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_fault(w, unknown, 0, 9984, 1);
    put(w, 1, 11264, WORD_EACH((lfb_word)CODE_FREE) & word_codes(1));
    assert_fault(w, unknown, 1, 11264, 1);
    put(w, 0, 11296, WORD_EACH((lfb_word)CODE_LAST)); /* under an EMPTY node */
    assert_fault(w, unknown, 0, 11296, 1);
}

static void test_live_under_run(void **state)
{
    world *w = *state;
    put(w, 0, 8224, WORD_EACH((lfb_word)CODE_FREE)); /* LAST */
    assert_fault(w, unknown, 0, 8224, 1);
    put(w, 0, 8320, WORD_EACH((lfb_word)CODE_LAST)); /* HELD */
    assert_fault(w, unknown, 0, 8320, 1);
    put(w, 1, 8704, WORD_EACH((lfb_word)CODE_OPEN) & word_codes(1));
    assert_fault(w, unknown, 1, 8704, 1);
}

/* A slot that is closed over a live node. */
static void test_closed_over_live(void **state)
{
    world *w = *state;
    set(w, 1, 8192 + 160, 1, CODE_LAST);
    assert_fault(w, unknown, 0, 8352, 1);
    set(w, 2, 9728, 1, CODE_FREE);
    assert_fault(w, unknown, 1, 9728, 1);
}

/* ------------------------------------------------------------------ the ends of the range ---- */

static void test_outside(void **state)
{
    world *w = *state;
    for (unsigned code = CODE_LAST; code <= CODE_FREE; code++) {
        set(w, 0, 8192, 5, (enum word_code)code);
        assert_fault(w, outside, 0, 8192, 5);
        set(w, 0, 12703, 1, (enum word_code)code);
        assert_fault(w, outside, 0, 12672, 1);
    }
    for (unsigned code = CODE_FREE; code <= CODE_OPEN; code++) {
        set(w, 1, 12704, 1, (enum word_code)code);
        assert_fault(w, outside, 1, 12288, 1);
        set(w, 2, 16383, 1, (enum word_code)code);
        assert_fault(w, outside, 2, 8192, 1);
    }
    set(w, 2, 12800, 1, CODE_HELD);
    assert_fault(w, outside, 2, 8192, ANY);
}

/* A run goes on in pages outside the range, which no node speaks for. */
static void test_outside_open_behind_run(void **state)
{
    world *w = *state;
    set(w, 2, 9728, 1, CODE_HELD);
    set(w, 2, 10240, 1, CODE_OPEN);
    assert_fault(w, outside, TOP, 8192, ANY);
}

/* The last slot of the range is HELD, and the first one outside is its run's LAST. */
static void assert_run_leaves(world *w, unsigned level, uintptr_t page)
{
    lfb_report report;
    set(w, level, page, 1, CODE_HELD);
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_DAMAGED);
    assert_int_equal(report.fault_level, level);
    assert_int_equal(report.faults, 1);
    restore(w);
}

static void test_run_leaves_at_top(void **state)
{
    assert_run_leaves(*state, TOP, 9728);
}

static void test_run_leaves_at_level1(void **state)
{
    assert_run_leaves(*state, 1, 10272);
}

static void test_over_end(void **state)
{
    world *w = *state;
    static const enum word_code codes[] = {CODE_LAST, CODE_FREE};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        set(w, 2, 8192, 1, codes[i]);
        assert_fault(w, over_end, 2, 8192, 2); /* and a live node below it */
        set(w, 1, 8192, 1, codes[i]);
        assert_fault(w, over_end, 1, 8192, 2);
        set(w, 1, 12672, 1, codes[i]);
        assert_fault(w, over_end, 1, 12288, 2);
    }
    set(w, 2, 12288, 1, CODE_HELD); /* LAST, outside, follows */
    assert_fault(w, over_end, 2, 8192, ANY);
}

static void test_empty_end(void **state)
{
    world *w = *state;
    for (lfb_word kind = KIND_PLAIN; kind <= KIND_HOLE; kind++) {
        put(w, 0, 8192, kind);
        assert_fault(w, empty_end, 0, 8192, 1);
        put(w, 0, 12672, kind);
        assert_fault(w, empty_end, 0, 12672, 1);
        put(w, 1, 12288, kind);
        assert_fault(w, empty_end, 1, 12288, 2); /* and a live leaf below it */
    }
}

static void test_empty_top(void **state)
{
    world *w = *state;
    put(w, 2, 8192, KIND_PLAIN);
    assert_fault(w, empty_end, TOP, 8192, ANY);
}

/* ------------------------------------------------------------------------ runs that go on ---- */

static void test_goes_on_into_a_leaf(void **state)
{
    world *w = *state;
    set(w, 0, 8352, 8, CODE_FREE);
    assert_fault(w, goes_on, 0, 8352, 1);
    set(w, 0, 8352, 8, CODE_HOLE);
    assert_fault(w, goes_on, 0, 8352, 1);
    put(w, 0, 8352, KIND_PLAIN);
    assert_fault(w, goes_on, 0, 8352, 1);
    put(w, 0, 8352, KIND_HOLE);
    assert_fault(w, goes_on, 0, 8352, 1);
}

static void test_goes_on_into_a_node(void **state)
{
    world *w = *state;
    set(w, 1, 9216, 3, CODE_FREE);
    assert_fault(w, goes_on, 1, 9216, 1);
    set(w, 1, 10752, 1, CODE_FREE); /* the leaf under it is known no more */
    assert_fault(w, goes_on, 1, 10752, 2);
    set(w, 0, 10752, 20, CODE_FREE); /* two levels below the run's start */
    assert_fault(w, goes_on, 0, 10752, 1);
}

int check_faults(void)
{
    static const struct CMUnitTest tests[] = {
        IN_TREE(test_header),
        IN_TREE(test_illegal_leaf),
        IN_TREE(test_illegal_inner),
        IN_TREE(test_live_under_free),
        IN_TREE(test_live_under_run),
        IN_TREE(test_closed_over_live),
        IN_TREE(test_outside),
        IN(test_outside_open_behind_run, top_even_tree_start),
        IN(test_run_leaves_at_top, top_even_tree_start),
        IN(test_run_leaves_at_level1, level1_even_tree_start),
        IN_TREE(test_over_end),
        IN_TREE(test_empty_end),
        IN_TREE(test_empty_top),
        IN_TREE(test_goes_on_into_a_leaf),
        IN_TREE(test_goes_on_into_a_node),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
