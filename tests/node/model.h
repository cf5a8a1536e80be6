/* SPDX-License-Identifier: MIT */
/*
 * A node word as the tests see it, a code a slot, and the model's own answers to what node.h is
 * asked: all by looking at the slots one by one.
 */
#ifndef TESTS_NODE_MODEL_H
#define TESTS_NODE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node.h"

enum { WORD_SLOTS_MAX = LFB_WORD_BITS / 2 };

typedef struct model {
    unsigned level;
    unsigned slots;
    unsigned codes[WORD_SLOTS_MAX];
    lfb_word version;
} model;

/* Both levels there are: the leaves, and all nodes above, which are alike. */
enum { LEVELS = 2 };
extern const unsigned levels[LEVELS];

unsigned order_of_slots(unsigned level);

/* Bits that a node's codes, tag and kind may have. */
unsigned width_of(unsigned level);

/* So many bits from the lowest on; the low bit of a slot's code. */
lfb_word low_bits(unsigned count);
lfb_word slot_bit(unsigned slot);

/* Where a tag may lie: not in the kind, not in the last slot's code, not in the version. */
lfb_word tag_places(unsigned level);

model unpack(lfb_word word, unsigned level);
lfb_word pack(const model *m);

/* Fails the test, with the word, unless it is as expected. */
void expect(const model *m, bool as_expected, const char *what);

/* -------------------------------------------------------------------- the model's answers ---- */

bool model_is(const model *m, unsigned slot, unsigned count, unsigned code);
model model_set(const model *m, unsigned slot, unsigned count, unsigned code);
model model_hold(const model *m, unsigned slot, unsigned count);
model model_step(const model *m);
bool model_is_empty(const model *m);
bool is_run(const model *m, unsigned slot);
bool starts_run(const model *m, unsigned slot);
unsigned model_run_length(const model *m, unsigned slot);

/* Slots with which `count` slots of this code begin, at a multiple of `every`. */
lfb_word model_streaks(const model *m, unsigned code, unsigned count, unsigned every);

int model_largest_free(const model *m);

/* I1 to I3 of any word, bits that belong to no slot included. */
bool model_is_legal(lfb_word word, unsigned level);

#endif
