/* SPDX-License-Identifier: MIT */
/*
 * Where to allocate. A lane tries the node where it last found something and those beside it; then,
 * for small blocks, the fullest node with room to speak of (room.h); then climbs the tree and
 * follows hints down (hint.h); and at last, so that failing means exhausted, looks at every node,
 * ignoring hints and joining what is free in pieces.
 */
#ifndef LFB_CORE_SEARCH_H
#define LFB_CORE_SEARCH_H

#include "hint.h"
#include "range.h"

/* What is wanted: `pages` pages aligned to 2^order of them, from slots of `level`. */
typedef struct lfb_want {
    uintptr_t pages;
    unsigned order;
    unsigned level;
    unsigned place; /* in a lane */
    lfb_fit fit;
} lfb_want;

/* Describe a block, and a run of `pages` pages; false: this allocator never has one like that. */
bool lfb_want_block(const lfb_t *lfb, unsigned order, lfb_want *want);
bool lfb_want_run(const lfb_t *lfb, uintptr_t pages, lfb_want *want);

/* Finds and takes one run, and up to `most`, at least 1, if the same word has more. Returns how
 * many; their first pages are in pages[]. 0: exhausted. */
unsigned lfb_search(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, unsigned most,
                    uintptr_t pages[]);

/* Finds and takes one among the pages of `window`. Returns its first page; PAGE_NONE: none. */
uintptr_t lfb_search_within(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want,
                            lfb_range window);

/* Merges what is free below the node, and the node itself. Returns whether anything changed. */
bool lfb_drain_node(const lfb_t *lfb, lfb_lane *lane, lfb_node node);

#endif
