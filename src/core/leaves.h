/* SPDX-License-Identifier: MIT */
/*
 * Taking from the leaves of one node of level 1: of that which the lane is filling, if it wants
 * several blocks (beside.h), or which it fills next.
 */
#ifndef LFB_CORE_LEAVES_H
#define LFB_CORE_LEAVES_H

#include "want.h"

/* Takes up to `most` blocks (lfb_tree_take) of less than a leaf from one leaf below `parent`, a
 * node of level 1: from a live one, from the slot `first` on; else from one that is free as a
 * whole, from there on or before. Returns how many; their first pages are in pages[]. */
unsigned lfb_leaves_take(const lfb_t *lfb, lfb_lane *lane, lfb_node parent, unsigned first,
                         lfb_fit fit, unsigned most, uintptr_t pages[]);

#endif
