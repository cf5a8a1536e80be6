/* SPDX-License-Identifier: MIT */
/*
 * Beside the node that a lane is filling, under the same parent: where most allocations end for
 * which that node has no room left.
 */
#ifndef LFB_CORE_BESIDE_H
#define LFB_CORE_BESIDE_H

#include "hint.h"

/* Takes slots of a leaf where they fit: of a live one behind the one that the lane is filling, else
 * the first ones of one that is free as a whole, behind or before. The lane fills that leaf from
 * now on. Returns false where there is none, or it takes a closer look. */
bool lfb_beside_leaf(const lfb_t *lfb, lfb_lane *lane, unsigned place, lfb_fit fit,
                     uintptr_t *page);

/* The same for up to `most` blocks from one leaf. Returns how many; their first pages are in
 * pages[]. */
unsigned lfb_beside_leaves(const lfb_t *lfb, lfb_lane *lane, unsigned place, lfb_fit fit,
                           unsigned most, uintptr_t pages[]);

/* The same as lfb_beside_leaf above level 1, for a block. Returns false, too, where a live node has
 * room. */
bool lfb_beside_node(const lfb_t *lfb, lfb_lane *lane, unsigned level, unsigned place, lfb_fit fit,
                     uintptr_t *page);

#endif
