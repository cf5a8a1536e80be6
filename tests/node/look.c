/* SPDX-License-Identifier: MIT */
/*
 * What is read from a word: its fields, the codes of its slots, its runs, whether it is legal.
 */
#include "checks.h"

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

/* With the bits that belong to no slot set too. */
static void check_legality(const model *m, lfb_word word, lfb_word noise)
{
    noise &= low_bits(width_of(m->level)) & ~low_bits(2 * m->slots);
    bool legal = model_is_legal(word, m->level);
    expect(m, word_is_legal(word, m->level) == legal, "word_is_legal");
    legal = model_is_legal(word | noise, m->level);
    expect(m, word_is_legal(word | noise, m->level) == legal, "word_is_legal with stray bits");
}

void check_looks(const model *m, lfb_word word, lfb_word noise)
{
    check_fields(m, word);
    check_codes(m, word);
    check_runs(m, word);
    check_legality(m, word, noise);
    expect(m, word_largest_free(word, m->level) == model_largest_free(m), "word_largest_free");
}
