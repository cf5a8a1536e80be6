/* SPDX-License-Identifier: MIT */
/*
 * What is wanted: a block or a run, as slots of a level.
 */
#ifndef LFB_CORE_WANT_H
#define LFB_CORE_WANT_H

#include "tree.h"

/* `pages` pages aligned to 2^order of them, from slots of `level`. */
typedef struct lfb_want {
    uintptr_t pages;
    unsigned order;
    unsigned level;
    unsigned place; /* in a lane */
    lfb_fit fit;
} lfb_want;

/* Whether it is a block: 2^order pages, no run of another length. */
static inline bool lfb_want_is_block(const lfb_want *want)
{
    return (want->pages & (want->pages - 1)) == 0;
}

/* Describes a block; false: this allocator never has one like that. */
static inline bool lfb_want_block(const lfb_t *lfb, unsigned order, lfb_want *want)
{
    if (order > lfb->largest_order) {
        return false;
    }
    unsigned level = lfb->level_of_order[order];
    unsigned group = order - lfb_slot_order(level);
    unsigned place = lfb->place_of_order[order];
    *want = (lfb_want){(uintptr_t)1 << order, order, level, place, {group, 1U << group}};
    return true;
}

/* Describes a run of `pages` pages; false: this allocator never has one like that. */
static inline bool lfb_want_run(const lfb_t *lfb, uintptr_t pages, lfb_want *want)
{
    unsigned order = pages ? lfb_ceiling_order(pages) : ~0U;
    if (!lfb_want_block(lfb, order, want)) {
        return false;
    }
    want->pages = pages;
    /* Almost a whole slot: all but the last few slots of the node below it, in one update. */
    if (want->level > 0 && order == lfb_slot_order(want->level) && pages < (uintptr_t)1 << order) {
        want->level--;
        want->place = lfb_place_of(want->level, order);
        want->fit.group = order - lfb_slot_order(want->level);
    }
    want->fit.count = (unsigned)((pages - 1) >> lfb_slot_order(want->level)) + 1;
    return true;
}

/* The node that the lane is filling with blocks like these. */
static inline lfb_node lfb_cursor_of(const lfb_t *lfb, const lfb_lane *lane, const lfb_want *want)
{
    /* Any node will do to start with; memory shared with others may hold anything. */
    uintptr_t index = lfb_guess_load(&lane->cursor[want->place]);
    index = index < lfb->levels[want->level].count ? index : 0;
    return (lfb_node){want->level, lfb->levels[want->level].first + index};
}

#endif
