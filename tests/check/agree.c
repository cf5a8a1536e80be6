/* SPDX-License-Identifier: MIT */
/*
 * The checker and the judge agree about every single-bit flip and about random damage. LFB_SEED
 * repeats a run.
 */
#include "judge.h"
#include "random.h"

/* ----------------------------------------------------------------------------- every flip ---- */

typedef struct tally {
    size_t found;
    size_t legal;
    size_t contradictions; /* of those found: HELD before a slot that is in no run */
} tally;

static bool contradicts(lfb_word word, unsigned level)
{
    if (word_is_empty(word, level)) {
        return false;
    }
    for (unsigned slot = 0; slot + 1 < word_slots(level); slot++) {
        if (word_code(word, slot) == CODE_HELD &&
            !may_follow_held(level, word_code(word, slot + 1))) {
            return true;
        }
    }
    return false;
}

static void flip(world *w, lfb_node node, unsigned bit, tally *t)
{
    lfb_atomic *word = lfb_word_of(&w->lfb, node);
    lfb_word before = lfb_load_relaxed(word);
    lfb_word flipped = before ^ (lfb_word)1 << bit;
    lfb_report report;
    lfb_store_relaxed(word, flipped);
    bool legal = check_and_judge(w, &report);
    t->found += !legal;
    t->legal += legal;
    if (contradicts(flipped, node.level)) {
        assert_string_equal(report.first_fault, illegal);
        assert_int_equal(report.fault_level, node.level);
        assert_int_equal(report.fault_address, lfb_page_of_node(node) * PAGE);
        t->contradictions++;
    }
    lfb_store_relaxed(word, before);
}

static tally flip_all(world *w, bool live)
{
    tally t = {0};
    for (unsigned level = 0; level <= TOP; level++) {
        for (uintptr_t i = 0; i < w->lfb.levels[level].count; i++) {
            lfb_node node = {level, w->lfb.levels[level].first + i};
            lfb_word word = lfb_load_relaxed(lfb_word_of(&w->lfb, node));
            for (unsigned bit = 0; bit < LFB_WORD_BITS; bit++) {
                if (word_is_empty(word, level) != live) {
                    flip(w, node, bit, &t);
                }
            }
        }
    }
    return t;
}

static void test_flips(void **state)
{
    world *w = *state;
    tally live = flip_all(w, true);
    tally empty = flip_all(w, false);
    print_message("live words: %zu flips found, %zu legal; EMPTY words: %zu found, %zu legal\n",
                  live.found, live.legal, empty.found, empty.legal);
    assert_true(live.found > 0 && live.legal > 0 && live.contradictions > 0);
    assert_true(empty.found > 0 && empty.legal > 0);
    world_assert_unchanged(w);
}

/* -------------------------------------------------------------------------- random damage ---- */

static lfb_word any_damage(random_source *random, lfb_word word, unsigned level)
{
    unsigned slot = (unsigned)random_below(random, word_slots(level));
    unsigned count = 1 + (unsigned)random_skewed(random, word_slots(level) - slot);
    switch (random_below(random, 4)) {
    case 0:
        return (lfb_word)random_next(random);
    case 1:
        return word_hold(word, slot, count);
    case 2:
        return word ^ (lfb_word)1 << random_below(random, LFB_WORD_BITS);
    default:
        return word_set(word, slot, count, (enum word_code)random_below(random, 4));
    }
}

static void test_random_damage(void **state)
{
    world *w = *state;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx repeats this run\n", (uintmax_t)seed);
    random_source random = {seed};
    lfb_report report;
    for (unsigned i = 0; i < 20000; i++) {
        for (uint64_t damages = 1 + random_below(&random, 5); damages > 0; damages--) {
            unsigned level = (unsigned)random_below(&random, TOP + 1);
            uintptr_t index = random_below(&random, w->lfb.levels[level].count);
            lfb_node node = {level, w->lfb.levels[level].first + index};
            lfb_atomic *word = lfb_word_of(&w->lfb, node);
            lfb_store_relaxed(word, any_damage(&random, lfb_load_relaxed(word), level));
        }
        check_and_judge(w, &report);
        restore(w);
    }
}

#define NAMED(test, start)                                                                         \
    {                                                                                              \
#test ", " #start, test, start, tree_end, NULL                                             \
    }

int check_agree(void)
{
    static const struct CMUnitTest tests[] = {
        NAMED(test_flips, tree_start),
        NAMED(test_flips, top_even_tree_start),
        NAMED(test_flips, level1_even_tree_start),
        NAMED(test_random_damage, tree_start),
        NAMED(test_random_damage, top_even_tree_start),
        NAMED(test_random_damage, level1_even_tree_start),
    };
    return cmocka_run_group_tests_name("agree", tests, NULL, NULL);
}
