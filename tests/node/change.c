/* SPDX-License-Identifier: MIT */
/*
 * The words that others become, one function at a time; and the protocol's transitions, which make
 * legal words of legal words.
 */
#include "checks.h"

/* ------------------------------------------------------------------------------ new words ---- */

static void check_becomes(const model *from, lfb_word word, model to, const char *what)
{
    expect(from, word == pack(&to), what);
}

void check_changes(const model *m, lfb_word word, unsigned slot, unsigned count)
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

void check_whole(const model *m, lfb_word word)
{
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        lfb_word all = word_all(word, m->level, (enum word_code)code);
        check_becomes(m, all, model_set(m, 0, m->slots, code), "word_all");
    }
    if (m->level) {
        check_becomes(m, word_step(word), model_step(m), "word_step");
    }
}

void check_many(const model *m, lfb_word word, lfb_word choice)
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

void check_empty(const model *m, lfb_word word, lfb_word tag)
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

/* ---------------------------------------------------------------------------- transitions ---- */

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

void check_moves(const model *m, lfb_word word, unsigned slot, unsigned count)
{
    if (is_live_and_legal(word, m->level)) {
        check_take(m, word, slot, count);
        check_owner(m, word, slot, count);
    }
}
