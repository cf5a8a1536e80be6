/* SPDX-License-Identifier: MIT */
#include "model.h"

const unsigned levels[LEVELS] = {0, 1};

unsigned order_of_slots(unsigned level)
{
    return level ? LFB_NODE_ORDER : LFB_LEAF_ORDER;
}

unsigned width_of(unsigned level)
{
    return level ? LFB_WORD_BITS / 2 : LFB_WORD_BITS;
}

lfb_word low_bits(unsigned count)
{
    lfb_word bits = 0;
    for (unsigned i = 0; i < count; i++) {
        bits |= (lfb_word)1 << i;
    }
    return bits;
}

lfb_word slot_bit(unsigned slot)
{
    return (lfb_word)1 << (2 * slot);
}

model unpack(lfb_word word, unsigned level)
{
    model m = {.level = level, .slots = 1U << order_of_slots(level)};
    for (unsigned slot = 0; slot < m.slots; slot++) {
        m.codes[slot] = (unsigned)(word >> (2 * slot)) & 3;
    }
    m.version = level ? word >> (LFB_WORD_BITS / 2) : 0;
    return m;
}

lfb_word pack(const model *m)
{
    lfb_word word = m->level ? m->version << (LFB_WORD_BITS / 2) : 0;
    for (unsigned slot = 0; slot < m->slots; slot++) {
        word |= (lfb_word)m->codes[slot] << (2 * slot);
    }
    return word;
}

void expect(const model *m, bool as_expected, const char *what)
{
    if (!as_expected) {
        print_error("%s: wrong for the word %#jx on level %u\n", what, (uintmax_t)pack(m),
                    m->level);
        fail();
    }
}

bool model_is(const model *m, unsigned slot, unsigned count, unsigned code)
{
    for (unsigned i = slot; i < slot + count; i++) {
        if (i >= m->slots || m->codes[i] != code) {
            return false;
        }
    }
    return true;
}

model model_set(const model *m, unsigned slot, unsigned count, unsigned code)
{
    model changed = *m;
    for (unsigned i = slot; i < slot + count; i++) {
        changed.codes[i] = code;
    }
    return changed;
}

model model_hold(const model *m, unsigned slot, unsigned count)
{
    model changed = model_set(m, slot, count, CODE_HELD);
    changed.codes[slot + count - 1] = CODE_LAST;
    return changed;
}

model model_step(const model *m)
{
    model changed = *m;
    changed.version = (changed.version + 1) & low_bits(LFB_WORD_BITS / 2);
    return changed;
}

bool model_is_empty(const model *m)
{
    return m->codes[m->slots - 1] == CODE_HELD;
}

bool is_run(const model *m, unsigned slot)
{
    return m->codes[slot] == CODE_HELD || m->codes[slot] == CODE_LAST;
}

bool starts_run(const model *m, unsigned slot)
{
    return is_run(m, slot) && (slot == 0 || m->codes[slot - 1] != CODE_HELD);
}

unsigned model_run_length(const model *m, unsigned slot)
{
    unsigned end = slot;
    while (m->codes[end] == CODE_HELD) {
        end++;
    }
    return end - slot + (m->codes[end] == CODE_LAST);
}

lfb_word model_streaks(const model *m, unsigned code, unsigned count, unsigned every)
{
    lfb_word bits = 0;
    for (unsigned slot = 0; slot < m->slots; slot += every) {
        bits |= model_is(m, slot, count, code) ? slot_bit(slot) : 0;
    }
    return bits;
}

int model_largest_free(const model *m)
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

bool model_is_legal(lfb_word word, unsigned level)
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

lfb_word tag_places(unsigned level)
{
    unsigned code_bits = 2U << order_of_slots(level);
    bool among_codes = code_bits == width_of(level);
    return among_codes ? low_bits(code_bits - 2) & ~low_bits(2)
                       : low_bits(width_of(level)) & ~low_bits(code_bits);
}
