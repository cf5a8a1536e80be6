/* SPDX-License-Identifier: MIT */
/*
 * Orders here are all sequentially consistent, for H1 (hint.h); on the usual machines that costs
 * nothing over acquire and release.
 */
#include "hint.h"
#include "../port/likely.h"

static lfb_byte place_of(const lfb_t *lfb, lfb_node node)
{
    LFB_ASSERT(node.level > 0 && lfb_node_exists(lfb, node));
    return lfb_byte_at(lfb->levels[node.level].hints, node.number - lfb->levels[node.level].first);
}

static int order_in(lfb_node node, lfb_byte place, lfb_word word)
{
    return (int)lfb_node_order(node.level) - (int)byte_in(place, word);
}

static lfb_word with_order(lfb_node node, lfb_byte place, lfb_word word, int order)
{
    return byte_set(place, word, (unsigned)((int)lfb_node_order(node.level) - order));
}

int lfb_hint_order(const lfb_t *lfb, lfb_node node)
{
    uintptr_t index = node.number - lfb->levels[node.level].first;
    return (int)lfb_node_order(node.level) - (int)lfb_hint_deficit(lfb, node.level, index);
}

/*
 * What a hint is raised to. Above level 1 to a half of the node at once: its slots are released one
 * after the other, and each raise costs as much as a release, but a look at the word, which puts
 * too high a hint right, costs little.
 */
static int order_to_promise(lfb_node node, int order)
{
    int half = (int)lfb_node_order(node.level) - 1;
    return node.level > 1 && order < half ? half : order;
}

/* Returns whether the hint was lower. */
static bool raise_one(const lfb_t *lfb, lfb_node node, int order)
{
    lfb_byte place = place_of(lfb, node);
    lfb_word seen = lfb_load_seq_cst(place.word); /* H1 */
    lfb_word raised;
    do {
        if (order_in(node, place, seen) >= order) {
            return false;
        }
        raised = with_order(node, place, seen, order_to_promise(node, order));
    } while (!lfb_cas_seq_cst(place.word, &seen, raised));
    return true;
}

/* Raises the hints of the nodes from `node` up to below `highest`, which are wholly free, and of
 * that one to an order, and what follows from that above. */
static void raise_from(const lfb_t *lfb, lfb_node node, unsigned highest, int order)
{
    lfb_exhaustion_over(lfb);
    if (node.level == 0 && lfb->top > 0) {
        node = lfb_parent(node);
    }
    for (; node.level > 0; node = lfb_parent(node)) {
        bool below = node.level < highest;
        bool raised = raise_one(lfb, node, below ? (int)lfb_node_order(node.level) : order);
        /* H2, or whoever raised this hint is about to raise those above. */
        if ((!raised && !below) || node.level == lfb->top) {
            return;
        }
        order = below ? order : order_to_promise(node, order); /* H2 */
    }
}

void lfb_hint_raise(const lfb_t *lfb, const lfb_freed *freed)
{
    lfb_node highest = freed->highest;
    raise_from(lfb, freed->lowest, highest.level, lfb_tree_largest_free(highest, freed->word));
}

void lfb_hint_raise_to(const lfb_t *lfb, lfb_node node, int order)
{
    raise_from(lfb, node, node.level, order);
}

static int order_of_empty(lfb_node node, lfb_word word)
{
    /* A RUN may be what nobody wiped off a node that is free with its parent. */
    return word_kind(word) == KIND_HOLE ? -1 : (int)lfb_node_order(node.level);
}

/* The larger of `best` and the largest free order of leaves: those under these slots (low bits). */
static int survey_leaves(const lfb_t *lfb, lfb_node node, lfb_word slots, int best)
{
    lfb_children leaves = lfb_children_of(lfb, (lfb_node){1, node.number});
    unsigned better = (unsigned)(best + 1);
    for (; slots; slots &= slots - 1) {
        const lfb_atomic *leaf = lfb_child_word(&leaves, word_bit_slot(slots));
        if (!leaf) {
            continue; /* only damage opens a slot outside the range */
        }
        lfb_word word = lfb_load_seq_cst(leaf); /* H1 */
        if (!LFB_LIKELY(!word_is_empty(word, 0))) {
            unsigned beyond = (unsigned)(order_of_empty(lfb_child(node, 0), word) + 1);
            better = beyond > better ? beyond : better;
            continue;
        }
        while (better <= LFB_LEAF_ORDER && word_first_block(word, 0, better)) {
            better++;
        }
    }
    return (int)better - 1;
}

int lfb_hint_survey(const lfb_t *lfb, lfb_node node)
{
    lfb_word word = lfb_load_seq_cst(lfb_word_of(lfb, node)); /* H1 */
    if (word_is_empty(word, node.level)) {
        return order_of_empty(node, word);
    }
    int best = lfb_tree_largest_free(node, word);
    lfb_word open = node.level ? word_with_code(word, node.level, CODE_OPEN) : 0;
    if (node.level == 1) {
        return best < LFB_LEAF_ORDER ? survey_leaves(lfb, node, open, best) : best;
    }
    for (; open; open &= open - 1) {
        lfb_node child = lfb_child(node, word_bit_slot(open));
        if (lfb_node_exists(lfb, child)) { /* only damage opens a slot outside the range */
            int order = lfb_hint_order(lfb, child);
            best = order > best ? order : best;
        }
    }
    return best;
}

void lfb_hint_lower(const lfb_t *lfb, lfb_node node)
{
    lfb_byte place = place_of(lfb, node);
    lfb_word seen = lfb_load_seq_cst(place.word);
    int order = lfb_hint_survey(lfb, node);
    if (order >= order_in(node, place, seen) ||
        !lfb_cas_seq_cst(place.word, &seen, with_order(node, place, seen, order))) {
        return;
    }
    /* H1: a release since the first look may have found the hint still high enough. */
    int now = lfb_hint_survey(lfb, node);
    if (now > order) {
        lfb_hint_raise_to(lfb, node, now);
    }
}

lfb_word lfb_hint_promising(const lfb_t *lfb, lfb_node node, lfb_word slots, unsigned order)
{
    unsigned level = node.level - 1;
    uintptr_t first = lfb->levels[level].first;
    uintptr_t end = first + lfb->levels[level].count;
    uintptr_t child = lfb_child(node, 0).number;
    uintptr_t stop = child + NODE_SLOTS < end ? child + NODE_SLOTS : end;
    lfb_word promising = 0;
    LFB_ASSERT(order <= lfb_node_order(level));
    /* A word of hints at a time; the first node of the level is in the first byte of its words. */
    for (uintptr_t at = child > first ? child : first; at < stop;) {
        lfb_byte place = lfb_byte_at(lfb->levels[level].hints, at - first);
        lfb_word hints = lfb_load_relaxed(place.word); /* relaxed: only guides */
        lfb_word fit = bytes_up_to(hints, lfb_node_order(level) - order) >> place.shift;
        for (; fit; fit &= fit - 1) {
            promising |= (lfb_word)1 << CODE_BITS * (at - child + lfb_low_bit(fit) / 8);
        }
        at += BYTES_PER_WORD - place.shift / 8;
    }
    return promising & slots;
}

bool lfb_coalesce(const lfb_t *lfb, lfb_lane *lane, lfb_node node)
{
    lfb_freed freed;
    if (!lfb_tree_coalesce(lfb, lane, node, &freed)) {
        return false;
    }
    lfb_hint_raise(lfb, &freed);
    return true;
}

bool lfb_drain_node(const lfb_t *lfb, lfb_lane *lane, lfb_node node)
{
    bool changed = false;
    lfb_word word = lfb_tree_load(lfb, node);
    if (node.level > 0 && !word_is_empty(word, node.level)) {
        lfb_word open = word_with_code(word, node.level, CODE_OPEN);
        for (; open; open &= open - 1) {
            lfb_node child = lfb_child(node, word_bit_slot(open));
            changed |= lfb_node_exists(lfb, child) && lfb_drain_node(lfb, lane, child);
        }
    }
    return lfb_coalesce(lfb, lane, node) || changed;
}
