/* SPDX-License-Identifier: MIT */
/*
 * What the fast paths look for in a word, by its bits: blocks and runs; and how they take them.
 */
#include "checks.h"

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

void check_searches(const model *m, lfb_word word, lfb_word choice)
{
    check_masks(m, word, choice);
    check_masks(m, word, model_starts(m) & choice);
}

void check_places(const model *m, lfb_word word, unsigned order, unsigned count)
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
