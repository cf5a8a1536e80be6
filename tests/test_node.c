/* SPDX-License-Identifier: MIT */
/*
 * The pure transitions of the node word (src/core/node.h) against a model that keeps a code a slot
 * and looks at the slots one by one. Nodes of up to 8 slots are tested with every word there is,
 * larger ones with random words. LFB_SEED repeats a run, LFB_WORDS makes it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node.h"
#include "random.h"

enum { WORD_SLOTS_MAX = LFB_WORD_BITS / 2, FEW_SLOTS = 8 };

typedef struct model {
    unsigned level;
    unsigned slots;
    unsigned codes[WORD_SLOTS_MAX];
    lfb_word version;
} model;

/* Both levels there are: the leaves, and all nodes above, which are alike. */
static const unsigned levels[] = {0, 1};
enum { LEVELS = sizeof(levels) / sizeof(*levels) };

static unsigned order_of_slots(unsigned level)
{
    return level ? LFB_NODE_ORDER : LFB_LEAF_ORDER;
}

/* Bits that a node's codes, tag and kind may have. */
static unsigned width_of(unsigned level)
{
    return level ? LFB_WORD_BITS / 2 : LFB_WORD_BITS;
}

static lfb_word low_bits(unsigned count)
{
    lfb_word bits = 0;
    for (unsigned i = 0; i < count; i++) {
        bits |= (lfb_word)1 << i;
    }
    return bits;
}

static lfb_word slot_bit(unsigned slot)
{
    return (lfb_word)1 << (2 * slot);
}

static model unpack(lfb_word word, unsigned level)
{
    model m = {.level = level, .slots = 1U << order_of_slots(level)};
    for (unsigned slot = 0; slot < m.slots; slot++) {
        m.codes[slot] = (unsigned)(word >> (2 * slot)) & 3;
    }
    m.version = level ? word >> (LFB_WORD_BITS / 2) : 0;
    return m;
}

static lfb_word pack(const model *m)
{
    lfb_word word = m->level ? m->version << (LFB_WORD_BITS / 2) : 0;
    for (unsigned slot = 0; slot < m->slots; slot++) {
        word |= (lfb_word)m->codes[slot] << (2 * slot);
    }
    return word;
}

static void expect(const model *m, bool as_expected, const char *what)
{
    if (!as_expected) {
        print_error("%s: wrong for the word %#jx on level %u\n", what, (uintmax_t)pack(m),
                    m->level);
        fail();
    }
}

/* ------------------------------------------------------------- the model's own answers ---- */

static bool model_is(const model *m, unsigned slot, unsigned count, unsigned code)
{
    for (unsigned i = slot; i < slot + count; i++) {
        if (i >= m->slots || m->codes[i] != code) {
            return false;
        }
    }
    return true;
}

static model model_set(const model *m, unsigned slot, unsigned count, unsigned code)
{
    model changed = *m;
    for (unsigned i = slot; i < slot + count; i++) {
        changed.codes[i] = code;
    }
    return changed;
}

static model model_hold(const model *m, unsigned slot, unsigned count)
{
    model changed = model_set(m, slot, count, CODE_HELD);
    changed.codes[slot + count - 1] = CODE_LAST;
    return changed;
}

static model model_step(const model *m)
{
    model changed = *m;
    changed.version = (changed.version + 1) & low_bits(LFB_WORD_BITS / 2);
    return changed;
}

static bool model_is_empty(const model *m)
{
    return m->codes[m->slots - 1] == CODE_HELD;
}

static bool is_run(const model *m, unsigned slot)
{
    return m->codes[slot] == CODE_HELD || m->codes[slot] == CODE_LAST;
}

static bool starts_run(const model *m, unsigned slot)
{
    return is_run(m, slot) && (slot == 0 || m->codes[slot - 1] != CODE_HELD);
}

static unsigned model_run_length(const model *m, unsigned slot)
{
    unsigned end = slot;
    while (m->codes[end] == CODE_HELD) {
        end++;
    }
    return end - slot + (m->codes[end] == CODE_LAST);
}

/* Slots with which `count` slots of this code begin, at a multiple of `every`. */
static lfb_word model_streaks(const model *m, unsigned code, unsigned count, unsigned every)
{
    lfb_word bits = 0;
    for (unsigned slot = 0; slot < m->slots; slot += every) {
        bits |= model_is(m, slot, count, code) ? slot_bit(slot) : 0;
    }
    return bits;
}

static int model_largest_free(const model *m)
{
    for (int order = (int)order_of_slots(m->level); order >= 0; order--) {
        if (model_streaks(m, CODE_FREE, 1U << order, 1U << order)) {
            return order;
        }
    }
    return -1;
}

static bool model_follows_held(unsigned level, unsigned code)
{
    return code == CODE_HELD || code == CODE_LAST || (level > 0 && code == CODE_OPEN);
}

/* I1 to I3 of any word, bits that belong to no slot included. */
static bool model_is_legal(lfb_word word, unsigned level)
{
    model m = unpack(word, level);
    unsigned code_bits = 2 * m.slots;
    lfb_word unused = word & low_bits(width_of(level)) & ~low_bits(code_bits);
    if (model_is_empty(&m)) {
        bool tag_among_codes = code_bits == width_of(level);
        return m.codes[0] <= KIND_HOLE &&
               (tag_among_codes || model_is(&m, 1, m.slots - 1, CODE_HELD));
    }
    for (unsigned slot = 0; slot + 1 < m.slots; slot++) {
        if (m.codes[slot] == CODE_HELD && !model_follows_held(level, m.codes[slot + 1])) {
            return false;
        }
    }
    return unused == 0;
}

/* ------------------------------------------------------------------------ looking at words ---- */

static void check_fields(const model *m, lfb_word word)
{
    unsigned last = m->slots - 1;
    expect(m, word_slots(m->level) == m->slots, "word_slots");
    expect(m, word_width(m->level) == width_of(m->level), "word_width");
    expect(m, word_codes(m->level) == low_bits(2 * m->slots), "word_codes");
    expect(m, word_version(word, m->level) == m->version, "word_version");
    expect(m, word_is_empty(word, m->level) == model_is_empty(m), "word_is_empty");
    expect(m, word_kind(word) == m->codes[0], "word_kind");
    expect(m, word_is_plain(word, m->level) == (model_is_empty(m) && m->codes[0] == KIND_PLAIN),
           "word_is_plain");
    expect(m, word_code(word, 0) == m->codes[0], "word_code of the first slot");
    expect(m, word_code(word, last) == m->codes[last], "word_code of the last slot");
}

static void check_codes(const model *m, lfb_word word)
{
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        enum word_code wanted = (enum word_code)code;
        lfb_word bits = model_streaks(m, code, 1, 1);
        expect(m, word_with_code(word, m->level, wanted) == bits, "word_with_code");
        bool all = model_is(m, 0, m->slots, code);
        expect(m, word_is_all(word, m->level, wanted) == all, "word_is_all");
        if (bits) {
            unsigned slot = word_bit_slot(bits);
            expect(m, slot_bit(slot) == (bits & (~bits + 1)), "word_bit_slot");
        }
    }
}

static void check_runs(const model *m, lfb_word word)
{
    if (model_is_empty(m)) {
        return;
    }
    for (unsigned slot = 0, start = 0; slot < m->slots; slot++) {
        start = starts_run(m, slot) ? slot : start;
        if (is_run(m, slot)) {
            expect(m, word_run_length(word, slot) == model_run_length(m, slot), "word_run_length");
            expect(m, word_run_start(word, slot) == start, "word_run_start");
        }
    }
}

static lfb_word model_starts(const model *m)
{
    lfb_word bits = 0;
    for (unsigned slot = 0; slot < m->slots; slot++) {
        bits |= starts_run(m, slot) ? slot_bit(slot) : 0;
    }
    return bits;
}

/* Both bits of the slots of the run, or the rest of one, that begins at a slot and ends in this
 * word; 0: none does. */
static lfb_word model_run_mask(const model *m, unsigned slot)
{
    unsigned end = slot;
    while (end < m->slots && m->codes[end] == CODE_HELD) {
        end++;
    }
    return m->codes[end] == CODE_LAST ? low_bits(2 * (end + 1)) & ~low_bits(2 * slot) : 0;
}

/* The slot (its low bit) with which the lowest of these groups begins, by their highest bits. */
static lfb_word lowest_group(lfb_word ends, unsigned order)
{
    return word_lowest(ends, 1) >> ((2U << order) - 1);
}

/* What the fast paths look for: blocks, and runs by their bits. `choice` picks where they start. */
static void check_masks(const model *m, lfb_word word, lfb_word choice)
{
    if (model_is_empty(m)) {
        return;
    }
    lfb_word starts = 0;
    lfb_word wanted = 0;
    bool all = true;
    for (unsigned slot = 0; slot < m->slots; slot++) {
        lfb_word mask = model_run_mask(m, slot);
        expect(m, word_run_mask(word, slot) == mask, "word_run_mask");
        expect(m, !mask || word_mask_slots(mask, slot) == model_run_length(m, slot),
               "word_mask_slots");
        if (choice & slot_bit(slot)) {
            starts |= slot_bit(slot);
            wanted |= mask;
            all = all && mask && starts_run(m, slot);
        }
    }
    expect(m, word_run_masks(word, m->level, starts) == (all ? wanted : 0), "word_run_masks");
    for (unsigned order = 0; order <= order_of_slots(m->level); order++) {
        lfb_word blocks = model_streaks(m, CODE_FREE, 1U << order, 1U << order);
        expect(m, word_find_block(word, m->level, order) == blocks, "word_find_block");
        lfb_word ends = word_first_block(word, m->level, order);
        expect(m, lowest_group(ends, order) == word_lowest(blocks, 1), "word_first_block");
        model all_held = *m;
        lfb_word taken = 0;
        for (; blocks; blocks &= blocks - 1) {
            unsigned slot = word_bit_slot(blocks);
            model held = model_hold(m, slot, 1U << order);
            lfb_word last = slot_bit(slot + (1U << order) - 1) << 1;
            expect(m, word_hold_block(word, last, 1U << order) == pack(&held), "word_hold_block");
            if (choice & slot_bit(slot)) {
                taken |= slot_bit(slot);
                all_held = model_hold(&all_held, slot, 1U << order);
            }
        }
        expect(m, word_hold_all(word, taken, 1U << order) == pack(&all_held), "word_hold_all");
    }
}

/* Splits and merges of the slots that `choice` picks, all at once. */
static void check_many(const model *m, lfb_word word, lfb_word choice)
{
    if (m->level == 0 || model_is_empty(m)) {
        return;
    }
    model opened = model_step(m);
    model merged = *m;
    lfb_word free = 0;
    lfb_word open = 0;
    for (unsigned slot = 0; slot < m->slots; slot++) {
        if (choice & slot_bit(slot) && m->codes[slot] == CODE_FREE) {
            free |= slot_bit(slot);
            opened.codes[slot] = CODE_OPEN;
        } else if (choice & slot_bit(slot) && m->codes[slot] == CODE_OPEN) {
            open |= slot_bit(slot);
            merged.codes[slot] = CODE_FREE;
        }
    }
    expect(m, word_open_free(word, free) == pack(&opened), "word_open_free");
    expect(m, word_merge(word, open) == pack(&merged), "word_merge");
}

/* With the bits that belong to no slot set too. */
static void check_legality(const model *m, lfb_word word, lfb_word noise)
{
    noise &= low_bits(width_of(m->level)) & ~low_bits(2 * m->slots);
    bool legal = model_is_legal(word, m->level);
    expect(m, word_is_legal(word, m->level) == legal, "word_is_legal");
    legal = model_is_legal(word | noise, m->level);
    expect(m, word_is_legal(word | noise, m->level) == legal, "word_is_legal with stray bits");
}

static void check_looks(const model *m, lfb_word word, lfb_word noise)
{
    check_fields(m, word);
    check_codes(m, word);
    check_runs(m, word);
    check_legality(m, word, noise);
    check_masks(m, word, noise);
    check_masks(m, word, model_starts(m) & noise);
    check_many(m, word, noise);
    expect(m, word_largest_free(word, m->level) == model_largest_free(m), "word_largest_free");
}

/* `count` slots of one code, anywhere and at a multiple of 2^order. */
static void check_places(const model *m, lfb_word word, unsigned order, unsigned count)
{
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        lfb_word bits = word_with_code(word, m->level, (enum word_code)code);
        expect(m, word_streaks(bits, count) == model_streaks(m, code, count, 1), "word_streaks");
    }
    if (count <= 1U << order) {
        lfb_word starts = model_streaks(m, CODE_FREE, count, 1U << order);
        expect(m, word_find_free(word, m->level, order, count) == starts, "word_find_free");
        lfb_word ends = word_first_run(word, m->level, order, count);
        expect(m, lowest_group(ends, order) == word_lowest(starts, 1), "word_first_run");
        model held = *m;
        for (lfb_word bits = starts; bits; bits &= bits - 1) {
            held = model_hold(&held, word_bit_slot(bits), count);
        }
        expect(m, word_hold_all(word, starts, count) == pack(&held), "word_hold_all");
    }
}

/* ------------------------------------------------------------------------ changing words ---- */

static void check_becomes(const model *from, lfb_word word, model to, const char *what)
{
    expect(from, word == pack(&to), what);
}

static void check_changes(const model *m, lfb_word word, unsigned slot, unsigned count)
{
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        lfb_word set = word_set(word, slot, count, (enum word_code)code);
        check_becomes(m, set, model_set(m, slot, count, code), "word_set");
    }
    check_becomes(m, word_hold(word, slot, count), model_hold(m, slot, count), "word_hold");
    model freed = model_set(m, slot, count, CODE_FREE);
    check_becomes(m, word_free(word, slot, count), freed, "word_free");
    if (m->level) {
        model opened = model_set(m, slot, count, CODE_OPEN);
        check_becomes(m, word_open(word, slot, count), model_step(&opened), "word_open");
    }
}

static void check_whole(const model *m, lfb_word word)
{
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        lfb_word all = word_all(word, m->level, (enum word_code)code);
        check_becomes(m, all, model_set(m, 0, m->slots, code), "word_all");
    }
    if (m->level) {
        check_becomes(m, word_step(word), model_step(m), "word_step");
    }
}

/* Where a tag may lie: not in the kind, not in the last slot's code, not in the version. */
static lfb_word tag_places(unsigned level)
{
    unsigned code_bits = 2U << order_of_slots(level);
    bool among_codes = code_bits == width_of(level);
    return among_codes ? low_bits(code_bits - 2) & ~low_bits(2)
                       : low_bits(width_of(level)) & ~low_bits(code_bits);
}

static void check_empty(const model *m, lfb_word word, lfb_word tag)
{
    lfb_word version = m->level ? model_step(m).version << (LFB_WORD_BITS / 2) : 0;
    lfb_word places = tag_places(m->level);
    lfb_word fitting = tag & low_bits(word_tag_bits(m->level));
    for (unsigned kind = KIND_PLAIN; kind <= KIND_HOLE; kind++) {
        lfb_word empty = word_empty(word, m->level, (enum word_kind)kind, tag);
        expect(m, (empty & ~places) == (version | kind), "word_empty outside the tag");
        expect(m, (empty & places) >> word_tag_shift(m->level) == fitting, "the tag");
        expect(m, word_is_empty(empty, m->level), "word_is_empty of word_empty");
        expect(m, word_kind(empty) == kind, "word_kind of word_empty");
        expect(m, word_is_plain(empty, m->level) == (kind == KIND_PLAIN), "word_is_plain");
        expect(m, word_is_legal(empty, m->level), "word_is_legal of word_empty");
    }
}

static bool is_live_and_legal(lfb_word word, unsigned level)
{
    model m = unpack(word, level);
    return !model_is_empty(&m) && word_is_legal(word, level) && model_is_legal(word, level);
}

/* take, and the release that undoes it */
static void check_take(const model *m, lfb_word word, unsigned slot, unsigned count)
{
    if (!model_is(m, slot, count, CODE_FREE)) {
        return;
    }
    lfb_word taken = word_hold(word, slot, count);
    expect(m, is_live_and_legal(taken, m->level), "a take");
    expect(m, word_run_length(taken, slot) == count, "word_run_length after a take");
    expect(m, word_run_start(taken, slot + count - 1) == slot, "word_run_start after a take");
    expect(m, word_free(taken, slot, count) == word, "a release after a take");
    if (m->level) {
        expect(m, is_live_and_legal(word_open(word, slot, count), 1), "a split");
    }
}

/* What an owner does to the run at `slot`: release it, trim and cut it, push slots down. */
static void check_owner(const model *m, lfb_word word, unsigned slot, unsigned keep)
{
    if (!starts_run(m, slot)) {
        return;
    }
    unsigned count = word_run_length(word, slot);
    expect(m, is_live_and_legal(word_free(word, slot, count), m->level), "a release");
    if (keep < count) {
        lfb_word trimmed = word_hold(word, slot, keep);
        trimmed = word_free(trimmed, slot + keep, count - keep);
        expect(m, is_live_and_legal(trimmed, m->level), "a trim");
        lfb_word cut = word_set(word, slot + keep - 1, 1, CODE_LAST);
        expect(m, is_live_and_legal(cut, m->level), "a cut");
        expect(m, word_run_length(cut, slot) == keep, "word_run_length after a cut");
    }
    if (m->level && keep <= count) {
        lfb_word pushed = word_open(word, slot + keep - 1, count - keep + 1);
        expect(m, is_live_and_legal(pushed, 1), "a push down");
    }
}

static void check_moves(const model *m, lfb_word word, unsigned slot, unsigned count)
{
    if (is_live_and_legal(word, m->level)) {
        check_take(m, word, slot, count);
        check_owner(m, word, slot, count);
    }
}

/* ------------------------------------------------------------------------------ every word ---- */

static void check_everywhere(const model *m, lfb_word word)
{
    for (unsigned count = 1; count <= m->slots; count++) {
        for (unsigned slot = 0; slot + count <= m->slots; slot++) {
            check_changes(m, word, slot, count);
            check_moves(m, word, slot, count);
        }
        for (unsigned order = 0; order <= order_of_slots(m->level); order++) {
            check_places(m, word, order, count);
        }
    }
}

static void check_every_word(unsigned level)
{
    static const lfb_word versions[] = {0, ~(lfb_word)0, (lfb_word)UINT64_C(0x9d4e2b7193c5a86f)};
    unsigned slots = 1U << order_of_slots(level);
    if (slots > FEW_SLOTS) {
        return;
    }
    for (unsigned i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        lfb_word version = level ? versions[i] & ~low_bits(LFB_WORD_BITS / 2) : 0;
        for (lfb_word codes = 0; codes <= low_bits(2 * slots); codes++) {
            model m = unpack(version | codes, level);
            check_looks(&m, version | codes, codes * (lfb_word)0x9e3779b1U);
            check_whole(&m, version | codes);
            check_empty(&m, version | codes, versions[i] ^ codes);
            check_everywhere(&m, version | codes);
        }
    }
}

static void test_every_word(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LEVELS; i++) {
        check_every_word(levels[i]);
    }
}

/* ---------------------------------------------------------------------------- random words ---- */

/* Codes in stretches; `legal`: HELD only in runs. */
static model any_stretches(random_source *random, unsigned level, bool legal)
{
    model m = unpack((lfb_word)random_next(random), level);
    for (unsigned slot = 0; slot < m.slots;) {
        unsigned count = 1 + (unsigned)random_skewed(random, m.slots - slot);
        unsigned code = (unsigned)random_below(random, 4);
        m = legal && code < CODE_FREE ? model_hold(&m, slot, count)
                                      : model_set(&m, slot, count, code);
        slot += count;
    }
    return m;
}

static model any_model(random_source *random, unsigned level)
{
    switch (random_below(random, 4)) {
    case 0:
        return unpack((lfb_word)random_next(random), level);
    case 1:
        return any_stretches(random, level, false);
    default:
        return any_stretches(random, level, true);
    }
}

static void check_random_word(random_source *random, unsigned level)
{
    model m = any_model(random, level);
    lfb_word word = pack(&m);
    unsigned slot = (unsigned)random_below(random, m.slots);
    unsigned count = 1 + (unsigned)random_below(random, m.slots - slot);
    unsigned order = (unsigned)random_below(random, order_of_slots(level) + 1);
    check_looks(&m, word, (lfb_word)random_next(random));
    check_places(&m, word, order, 1 + (unsigned)random_below(random, 1U << order));
    check_places(&m, word, order, count);
    check_changes(&m, word, slot, count);
    check_moves(&m, word, slot, count);
    check_moves(&m, word, slot, 1);
    check_whole(&m, word);
    check_empty(&m, word, (lfb_word)random_next(random));
}

static unsigned long words_wanted(void)
{
    const char *given = getenv("LFB_WORDS");
    return given ? strtoul(given, NULL, 0) : 1000000;
}

static void test_random_words(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx repeats this run\n", (uintmax_t)seed);
    random_source random = {seed};
    for (unsigned long left = words_wanted(); left > 0; left--) {
        for (unsigned i = 0; i < LEVELS; i++) {
            check_random_word(&random, levels[i]);
        }
    }
}

/* ----------------------------------------------------------------------- masks and numbers ---- */

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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_masks),         cmocka_unit_test(test_aligned),
    cmocka_unit_test(test_lowest),        cmocka_unit_test(test_tags),
    cmocka_unit_test(test_zero_is_plain), cmocka_unit_test(test_versions),
    cmocka_unit_test(test_scans),         cmocka_unit_test(test_ceiling_order),
    cmocka_unit_test(test_every_word),    cmocka_unit_test(test_random_words),
};

int main(void)
{
    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
