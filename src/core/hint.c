/* SPDX-License-Identifier: MIT */
/*
 * Hints are bytes within atomic words, changed by compare-and-swap on the word: a plain store could
 * bury another's raise. Orders here are all sequentially consistent, for H1 (hint.h); on the usual
 * machines that costs nothing over acquire and release.
 */
#include "hint.h"

typedef struct hint_place {
    lfb_atomic *word;
    unsigned shift;
    unsigned node_order;
} hint_place;

static hint_place place_of(const lfb_t *lfb, lfb_node node)
{
    LFB_ASSERT(node.level > 0 && lfb_node_exists(lfb, node));
    uintptr_t index = node.number - lfb->levels[node.level].first;
    lfb_atomic *words = lfb->levels[node.level].hints;
    return (hint_place){&words[index / HINTS_PER_WORD], 8 * (unsigned)(index % HINTS_PER_WORD),
                        lfb_node_order(node.level)};
}

static int order_in(hint_place place, lfb_word word)
{
    return (int)place.node_order - (int)(word >> place.shift & 0xff);
}

static lfb_word with_order(hint_place place, lfb_word word, int order)
{
    lfb_word deficit = (lfb_word)((int)place.node_order - order);
    return (word & ~((lfb_word)0xff << place.shift)) | deficit << place.shift;
}

int lfb_hint_order(const lfb_t *lfb, lfb_node node)
{
    hint_place place = place_of(lfb, node);
    return order_in(place, lfb_load_seq_cst(place.word));
}

/* Returns whether the hint was lower. */
static bool raise_one(const lfb_t *lfb, lfb_node node, int order)
{
    hint_place place = place_of(lfb, node);
    lfb_word seen = lfb_load_seq_cst(place.word); /* H1 */
    do {
        if (order_in(place, seen) >= order) {
            return false;
        }
    } while (!lfb_cas_seq_cst(place.word, &seen, with_order(place, seen, order)));
    return true;
}

void lfb_hint_raise(const lfb_t *lfb, const lfb_freed *freed)
{
    lfb_node node = freed->lowest;
    if (node.level == 0 && lfb->top > 0) {
        node = lfb_parent(node);
    }
    for (; node.level > 0; node = lfb_parent(node)) {
        bool below = node.level < freed->highest.level;
        int order = below ? (int)lfb_node_order(node.level) : freed->order;
        /* H2, or whoever raised this hint is about to raise those above. */
        if ((!raise_one(lfb, node, order) && !below) || node.level == lfb->top) {
            return;
        }
    }
}

int lfb_hint_survey(const lfb_t *lfb, lfb_node node)
{
    lfb_word word = lfb_load_seq_cst(lfb_word_of(lfb, node)); /* H1 */
    if (word_is_empty(word, node.level)) {
        /* A RUN may be what nobody wiped off a node that is free with its parent. */
        return word_kind(word) == KIND_HOLE ? -1 : (int)lfb_node_order(node.level);
    }
    int best = word_largest_free(word, node.level);
    best = best < 0 ? best : best + (int)lfb_slot_order(node.level);
    if (node.level == 0) {
        return best;
    }
    lfb_word open = word_with_code(word, node.level, CODE_OPEN);
    for (; open; open &= open - 1) {
        lfb_node child = lfb_child(node, word_bit_slot(open));
        if (!lfb_node_exists(lfb, child)) {
            continue; /* only damage opens a slot outside the range */
        }
        int order = child.level ? lfb_hint_order(lfb, child) : lfb_hint_survey(lfb, child);
        best = order > best ? order : best;
    }
    return best;
}

void lfb_hint_lower(const lfb_t *lfb, lfb_node node)
{
    hint_place place = place_of(lfb, node);
    lfb_word seen = lfb_load_seq_cst(place.word);
    int order = lfb_hint_survey(lfb, node);
    if (order >= order_in(place, seen) ||
        !lfb_cas_seq_cst(place.word, &seen, with_order(place, seen, order))) {
        return;
    }
    /* H1: a release since the first look may have found the hint still high enough. */
    int now = lfb_hint_survey(lfb, node);
    if (now > order) {
        lfb_freed freed = {node, node, now};
        lfb_hint_raise(lfb, &freed);
    }
}
