/* SPDX-License-Identifier: MIT */
/*
 * The first place that a search looks at, where leaves serve what is wanted: the leaf that the lane
 * is filling, the live ones behind it under the same parent, and the free ones there.
 */
#ifndef LFB_CORE_NEAR_H
#define LFB_CORE_NEAR_H

#include "want.h"

/* Takes up to `most` blocks (lfb_tree_take) from one of those leaves, which the lane is filling
 * then: the one that it is filling, the next live one, or a free one. Returns how many. */
unsigned lfb_near_take(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, unsigned most,
                       uintptr_t pages[]);

#endif
