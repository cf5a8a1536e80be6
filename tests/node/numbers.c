/* SPDX-License-Identifier: MIT */
/*
 * Masks, tags and versions of words, and the scans for bits beneath them (src/port/bits.h).
 */
#include "checks.h"
#include "random.h"

static void test_masks(void **state)
{
    (void)state;
    for (unsigned slot = 0; slot < WORD_SLOTS_MAX; slot++) {
        for (unsigned count = 1; slot + count <= WORD_SLOTS_MAX; count++) {
            lfb_word mask = low_bits(2 * (slot + count)) & ~low_bits(2 * slot);
            assert_true(word_mask(slot, count) == mask);
        }
    }
}

static void test_aligned(void **state)
{
    (void)state;
    for (unsigned order = 0; order <= LFB_LEAF_ORDER || order <= LFB_NODE_ORDER; order++) {
        lfb_word bits = 0;
        for (unsigned slot = 0; slot < WORD_SLOTS_MAX; slot += 1U << order) {
            bits |= slot_bit(slot);
        }
        assert_true(word_aligned(order) == bits);
        lfb_word ends = 0;
        for (unsigned slot = 0; slot < WORD_SLOTS_MAX; slot += 1U << order) {
            ends |= slot_bit(slot + (1U << order) - 1) << 1;
        }
        assert_true(word_group_ends(order) == ends);
    }
}

static void test_lowest(void **state)
{
    (void)state;
    random_source random = {1};
    for (unsigned i = 0; i < 10000; i++) {
        lfb_word bits = (lfb_word)random_next(&random) & WORD_EACH(1);
        lfb_word lowest = 0;
        unsigned most = 0;
        for (lfb_word rest = bits; rest; rest &= rest - 1) {
            lowest |= rest & (~rest + 1);
            assert_true(word_lowest(bits, ++most) == lowest);
        }
        assert_true(word_lowest(bits, most + 1) == bits);
    }
}

/* Each bit of a tag has a place of its own, and all places are used. */
static void test_tags(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEVELS; i++) {
        unsigned level = levels[i];
        lfb_word seen = 0;
        for (unsigned bit = 0; bit < word_tag_bits(level); bit++) {
            lfb_word empty = word_empty(0, level, KIND_PLAIN, (lfb_word)1 << bit);
            lfb_word place = empty & low_bits(width_of(level));
            assert_true(place != 0 && (place & (place - 1)) == 0);
            assert_true((seen & place) == 0);
            seen |= place;
        }
        assert_true(seen == tag_places(level));
    }
}

/* Zero-filled memory is a tree in which everything is free. */
static void test_zero_is_plain(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEVELS; i++) {
        assert_true(word_is_plain(0, levels[i]));
        assert_true(word_is_legal(0, levels[i]));
        assert_true(word_version(0, levels[i]) == 0);
    }
}

/* A version counts through all its values and disturbs nothing else. */
static void test_versions(void **state)
{
    (void)state;
    lfb_word codes = low_bits(LFB_WORD_BITS / 2) / 3;
    lfb_word word = codes;
    for (lfb_word steps = 0; steps < (lfb_word)1 << 17; steps++) {
        assert_true(word_version(word, 1) == (steps & low_bits(LFB_WORD_BITS / 2)));
        word = word_step(word);
        assert_true((word & low_bits(LFB_WORD_BITS / 2)) == codes);
    }
}

static void check_scans(lfb_word value)
{
    unsigned high = 0;
    unsigned low = LFB_WORD_BITS;
    for (unsigned bit = LFB_WORD_BITS; bit-- > 0;) {
        if (value >> bit & 1) {
            high = high > bit ? high : bit;
            low = bit;
        }
    }
    assert_true(lfb_high_bit(value) == high);
    assert_true(lfb_low_bit(value) == low);
}

static void test_scans(void **state)
{
    (void)state;
    random_source random = {7};
    for (unsigned bit = 0; bit < LFB_WORD_BITS; bit++) {
        for (unsigned tries = 0; tries < 100; tries++) {
            check_scans((lfb_word)(random_next(&random) >> (64 - LFB_WORD_BITS) >> bit) |
                        (lfb_word)1 << (LFB_WORD_BITS - 1 - bit));
        }
    }
}

static void test_ceiling_order(void **state)
{
    (void)state;
    for (unsigned order = 0; order < sizeof(uintptr_t) * 8; order++) {
        uintptr_t power = (uintptr_t)1 << order;
        assert_true(lfb_ceiling_order(power) == order);
        assert_true(order < 2 || lfb_ceiling_order(power - 1) == order);
        assert_true(order < 1 || lfb_ceiling_order(power + 1) == order + 1);
    }
}

int node_numbers(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_lowest),        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_zero_is_plain), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_scans),         cmocka_unit_test(test_ceiling_order),
    };
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
