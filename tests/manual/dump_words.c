/* SPDX-License-Identifier: MIT */
/*
 * What the functions of src/core/node.h answer for words of nodes with four slots, a line each:
 * name, level, word, arguments, result. The manual's picture must answer the same (check_model.js).
 * All words of the codes, each with several versions or tags.
 */
#include <inttypes.h>
#include <stdio.h>

#include "node.h"

static void line(const char *name, unsigned level, lfb_word word, unsigned a, unsigned b,
                 unsigned c, lfb_word result)
{
    printf("%s %u %" PRIx64 " %u %u %u %" PRIx64 "\n", name, level, word, a, b, c, result);
}

static void dump_empty(unsigned level, lfb_word word)
{
    static const lfb_word tags[] = {0, 5, 0xabcdef, 0x123456789abcdef0};
    for (unsigned kind = KIND_PLAIN; kind <= KIND_HOLE; kind++) {
        for (unsigned i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
            line("empty", level, word, kind, (unsigned)tags[i], (unsigned)(tags[i] >> 32),
                 word_empty(word, level, (enum word_kind)kind, tags[i]));
        }
    }
}

static void dump_slots(unsigned level, lfb_word word, unsigned slot)
{
    enum word_code code = word_code(word, slot);
    line("code", level, word, slot, 0, 0, code);
    if (!word_is_empty(word, level) && word_is_legal(word, level) && code <= CODE_LAST) {
        line("runLength", level, word, slot, 0, 0, word_run_length(word, slot));
        line("runStart", level, word, slot, 0, 0, word_run_start(word, slot));
    }
    for (unsigned count = 1; slot + count <= word_slots(level); count++) {
        for (unsigned to = CODE_HELD; to <= CODE_OPEN; to++) {
            line("set", level, word, slot, count, to,
                 word_set(word, slot, count, (enum word_code)to));
        }
        line("hold", level, word, slot, count, 0, word_hold(word, slot, count));
        line("free", level, word, slot, count, 0, word_free(word, slot, count));
        if (level) {
            line("open", level, word, slot, count, 0, word_open(word, slot, count));
        }
    }
}

static void dump_word(unsigned level, lfb_word word)
{
    line("isEmpty", level, word, 0, 0, 0, word_is_empty(word, level));
    line("isPlain", level, word, 0, 0, 0, word_is_plain(word, level));
    line("kind", level, word, 0, 0, 0, word_kind(word));
    line("version", level, word, 0, 0, 0, word_version(word, level));
    line("isLegal", level, word, 0, 0, 0, word_is_legal(word, level));
    for (unsigned code = CODE_HELD; code <= CODE_OPEN; code++) {
        line("all", level, word, code, 0, 0, word_all(word, level, (enum word_code)code));
        line("isAll", level, word, code, 0, 0, word_is_all(word, level, (enum word_code)code));
    }
    for (unsigned group = 0; group <= 2; group++) {
        for (unsigned count = 1; count <= 1U << group; count++) {
            lfb_word found = word_find_free(word, level, group, count);
            line("findFree", level, word, group, count, 0,
                 found ? word_bit_slot(found) : ~(lfb_word)0);
        }
    }
    dump_empty(level, word);
    for (unsigned slot = 0; slot < word_slots(level); slot++) {
        dump_slots(level, word, slot);
    }
}

int main(void)
{
    static const lfb_word above[] = {0, 0x100, 0x700000000, 0xffffffff00000000, 0xfedcba9876543200};
    for (unsigned level = 0; level <= 1; level++) {
        for (unsigned i = 0; i < sizeof(above) / sizeof(*above); i++) {
            for (unsigned codes = 0; codes < 256; codes++) {
                dump_word(level, above[i] | codes);
            }
        }
    }
    return 0;
}
