/* SPDX-License-Identifier: MIT */
/*
 * Hints: for each node above the leaves a byte that names the largest free order in its subtree.
 * They guide the search and are never trusted. A hint may be too high (a visit in vain); it doesn't
 * stay too low, unless a thread is killed between a release and its raise: then the free pages are
 * found, and the hint mended, by the search that ignores hints.
 *
 * The byte counts down from the node's order, so that zero-filled memory says "all free":
 * 0 = the whole node is free, node order + 1 = nothing is.
 *
 * H2: the hint of a node under an OPEN slot isn't higher than its parent's; so a raise may stop at
 * the first hint that is high enough.
 *
 * Edge H1 (sequentially consistent on both sides): a release changes the word, then reads the hint;
 * whoever lowers a hint changes it, then reads the words again. One of the two sees the other.
 */
#ifndef LFB_CORE_HINT_H
#define LFB_CORE_HINT_H

#include "bytes.h"
#include "exhaust.h"
#include "tree.h"

/* The largest free order that the hint of a node above the leaves promises; -1: none. */
int lfb_hint_order(const lfb_t *lfb, lfb_node node);

/* Raises hints, from the lowest node concerned upward, to what a release made free. */
void lfb_hint_raise(const lfb_t *lfb, const lfb_freed *freed);

/* The same where this order is free in this node, and the node not free as a whole. */
void lfb_hint_raise_to(const lfb_t *lfb, lfb_node node, int order);

/* How far the hint of a node above the leaves, the index-th of its level, is below the node's own
 * order. */
static inline unsigned lfb_hint_deficit(const lfb_t *lfb, unsigned level, uintptr_t index)
{
    LFB_ASSERT(level > 0 && index < lfb->levels[level].count);
    lfb_byte place = lfb_byte_at(lfb->levels[level].hints, index);
    return byte_in(place, lfb_load_seq_cst(place.word)); /* H1 */
}

/* Lowers the hint of a node to what its word, and the hints and leaves right below it, show. */
void lfb_hint_lower(const lfb_t *lfb, lfb_node node);

/* What lfb_hint_lower would set: the largest free order below a node that sits under OPEN. */
int lfb_hint_survey(const lfb_t *lfb, lfb_node node);

/* Of these slots (low bits) of a node above level 1, those whose children have hints that promise a
 * block of this order; a slot has as many pages at least. */
lfb_word lfb_hint_promising(const lfb_t *lfb, lfb_node node, lfb_word slots, unsigned order);

/* Merges the node if it is free but was kept, or left unmerged. Returns whether anything changed.
 */
bool lfb_coalesce(const lfb_t *lfb, lfb_lane *lane, lfb_node node);

/* The lane fills another node now: the one that it leaves must not stay all FREE. */
static inline void lfb_leave_node(const lfb_t *lfb, lfb_lane *lane, lfb_node node)
{
    if (word_is_all(lfb_tree_load(lfb, node), node.level, CODE_FREE)) {
        lfb_coalesce(lfb, lane, node);
    }
}

/* Merges what is free below the node, and the node itself. Returns whether anything changed. */
bool lfb_drain_node(const lfb_t *lfb, lfb_lane *lane, lfb_node node);

#endif
