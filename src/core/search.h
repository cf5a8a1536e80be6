/* SPDX-License-Identifier: MIT */
/*
 * Where to allocate. A lane tries the node where it last found something and those beside it; then,
 * for small blocks, the fullest node with room to speak of (room.h); then climbs the tree and
 * follows hints down (hint.h), for a run also where only a part of it is promised; and at last, so
 * that failing means exhausted, looks at every node, ignoring hints and joining what is free in
 * pieces.
 */
#ifndef LFB_CORE_SEARCH_H
#define LFB_CORE_SEARCH_H

#include "range.h"
#include "want.h"

/* Finds and takes one run, and up to `most`, at least 1, if the same word has more. Returns how
 * many; their first pages are in pages[]. 0: exhausted. Asked where lfb_is_exhausted doesn't know,
 * and, for what leaves serve, where there is nothing beside (beside.h). */
unsigned lfb_search(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, unsigned most,
                    uintptr_t pages[]);

/* Finds and takes one among the pages of `window`. Returns its first page; PAGE_NONE: none. */
uintptr_t lfb_search_within(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want,
                            lfb_range window);

#endif
