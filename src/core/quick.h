/* SPDX-License-Identifier: MIT */
/*
 * The common case of an allocation and of a release: one update of one live word, and a look at the
 * hints. Whatever takes more is left to the general functions, which also say what is wrong with a
 * call. Both are inlined for leaves and for the levels above apart.
 */
#ifndef LFB_CORE_QUICK_H
#define LFB_CORE_QUICK_H

#include "../port/likely.h"
#include "room.h"
#include "take.h"

/* lfb_take_in, in the node that the lane noted last. */
static LFB_INLINE bool quick_take(const lfb_t *lfb, lfb_lane *lane, unsigned level, unsigned place,
                                  lfb_fit fit, bool is_block, uintptr_t *page)
{
    uintptr_t index = lfb_guess_load(&lane->next[place]);
    return LFB_LIKELY(index < lfb->levels[level].count) &&
           lfb_take_in(lfb, level, index, fit, is_block, page);
}

/* The same in the node that the lane is filling, if it noted another one: where something was
 * released, which is taken again by now. */
static LFB_INLINE bool quick_resume(const lfb_t *lfb, lfb_lane *lane, unsigned level,
                                    unsigned place, lfb_fit fit, bool is_block, uintptr_t *page)
{
    uint32_t filling = lfb_guess_load(&lane->cursor[place]);
    if (filling == lfb_guess_load(&lane->next[place]) || filling >= lfb->levels[level].count ||
        !lfb_take_in(lfb, level, filling, fit, is_block, page)) {
        return false;
    }
    lfb_guess_store(&lane->next[place], filling);
    return true;
}

/* What hints and rooms say of the pages in a node is in the index-th place of this level. */
typedef struct quick_place {
    unsigned level;
    uintptr_t index;
} quick_place;

static LFB_INLINE quick_place quick_place_of(const lfb_t *lfb, lfb_node node)
{
    lfb_node hinted = node.level ? node : lfb_parent(node);
    return (quick_place){hinted.level, hinted.number - lfb->levels[hinted.level].first};
}

/* Whether a hint is lower than what a live word shows below it. */
static LFB_INLINE bool quick_is_underrated(const lfb_t *lfb, quick_place place, lfb_node node,
                                           lfb_word live)
{
    unsigned deficit = lfb_hint_deficit(lfb, place.level, place.index);
    unsigned promised = lfb_node_order(place.level) - lfb_slot_order(node.level); /* or less */
    /* The smallest group beyond the promise. Above leaves a hint may be lower than a slot; for a
     * leaf only damage makes it so, and any group will do. */
    unsigned group = node.level == 0 || deficit <= promised ? promised + 1 - deficit : 0;
    return word_first_block(live, node.level, group % GROUP_ORDERS) != 0;
}

/* Whether the room of the node, which may be tight, is counted anew: see lfb_room_is_sampled.
 * `merged`: what became free is a leaf. */
static LFB_INLINE bool quick_counts(lfb_node node, lfb_word run, lfb_word live, bool tight,
                                    bool merged)
{
    if (node.level == 0 || merged) {
        return lfb_room_is_sampled(node, live, run, tight);
    }
    return node.level == 1 && (tight || lfb_room_is_one_of_few(node, live));
}

/* The seldom part of quick_tell. */
static LFB_APART void quick_tell_more(const lfb_t *lfb, lfb_node node, lfb_word run, lfb_word live,
                                      bool merged)
{
    quick_place place = quick_place_of(lfb, node);
    lfb_exhaustion_over(lfb);
    if (quick_is_underrated(lfb, place, node, live)) {
        lfb_hint_raise(lfb, &(lfb_freed){node, node, live});
    }
    bool tight = place.level == 1 && lfb_room_is_tight(lfb, place.index);
    if (quick_counts(node, run, live, tight, merged)) {
        lfb_room_refresh(lfb, (lfb_node){1, lfb->levels[1].first + place.index});
    }
}

/* Exhaustion, hints, rooms and vacancies after a release in a node that is still live. */
static LFB_INLINE void quick_tell(const lfb_t *lfb, lfb_lane *lane, lfb_node node, unsigned slot,
                                  lfb_word run, lfb_word live, bool merged)
{
    if (!LFB_LIKELY(lfb->top > 0)) {
        lfb_exhaustion_over(lfb); /* a tree of leaves has none of the others */
        return;
    }
    quick_place place = quick_place_of(lfb, node);
    bool tight = place.level == 1 && lfb_room_is_tight(lfb, place.index);
    unsigned order = lfb_high_bit(lfb_high_bit(run >> CODE_BITS * slot)); /* rounded up */
    lfb_guess *next = &lane->next[lfb_place_of(node.level, order)];
    uint32_t noted = lfb_guess_load(next);
    uint32_t change = noted ^ lfb_index_of(lfb, node);
    if (change) {
        /* No branch: how full the node is can't be foretold. */
        lfb_guess_store(next, noted ^ (change & -(uint32_t)(tight | (place.level > 1))));
    }
    if (lfb_is_exhaustion_noted(lfb) || quick_is_underrated(lfb, place, node, live) ||
        quick_counts(node, run, live, tight, merged)) {
        quick_tell_more(lfb, node, run, live, merged);
    }
}

/* Releases the last run of a live word, which retires, or is at the top. */
static LFB_APART bool quick_retire(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                                   lfb_word live)
{
    lfb_freed freed;
    if (node.level < lfb->top ? !lfb_tree_retire(lfb, lane, node, seen, &freed)
                              : !lfb_tree_release(lfb, lane, node, seen, live, &freed)) {
        return false;
    }
    if (node.level == 0 && freed.highest.level == 1) {
        unsigned slot = lfb_slot_in_parent(node);
        quick_tell(lfb, lane, freed.highest, slot, word_mask(slot, 1), freed.word, true);
    } else {
        lfb_hint_raise(lfb, &freed);
        lfb_room_released(lfb, node, &freed);
    }
    return true;
}

/* Releases the run at a slot of a node whose live word, at that place, was `seen`, if all of it
 * lies there and it has so many pages; 0: any number. Returns false, and does nothing, where it
 * takes a closer look. */
static LFB_INLINE bool quick_free_slots(const lfb_t *lfb, lfb_lane *lane, lfb_node node,
                                        lfb_atomic *at, lfb_word seen, unsigned slot,
                                        uintptr_t pages)
{
    lfb_word run = word_run_mask(seen, slot);
    if (pages && run &&
        (uintptr_t)word_mask_slots(run, slot) << lfb_slot_order(node.level) != pages) {
        return false;
    }
    lfb_word live = (seen & ~run) | (run & WORD_EACH((lfb_word)CODE_FREE));
    if (run == 0 || word_is_empty(seen, node.level)) {
        return false;
    }
    if (word_is_all(live, node.level, CODE_FREE) && !lfb_tree_is_warm(lfb, lane, node)) {
        return quick_retire(lfb, lane, node, seen, live);
    }
    /* LP of most releases. E1. seq_cst: hint.h, H1. */
    if (!LFB_LIKELY(lfb_cas_seq_cst(at, &seen, live))) {
        return false;
    }
    quick_tell(lfb, lane, node, slot, run, live, false);
    return true;
}

/* Releases the run at a page with which no leaf begins: only a leaf has a slot that begins there,
 * and if it is live, it speaks for itself (T1). */
static LFB_INLINE bool quick_free_inside(const lfb_t *lfb, lfb_lane *lane, uintptr_t page,
                                         uintptr_t pages)
{
    unsigned slot = lfb_slot_of_page(0, page);
    lfb_node leaf = {0, lfb_node_of_page(0, page).number};
    lfb_atomic *at = lfb_word_of(lfb, leaf);
    lfb_word seen = lfb_load_acquire(at); /* E1 */
    return word_code(seen, slot - 1) != CODE_HELD &&
           quick_free_slots(lfb, lane, leaf, at, seen, slot, pages);
}

/* The same for a page with which a leaf begins: the highest word that has a slot there is asked
 * first, then the one below while the slot is OPEN. */
static LFB_INLINE bool quick_free_aligned(const lfb_t *lfb, lfb_lane *lane, uintptr_t page,
                                          uintptr_t pages)
{
    unsigned level = lfb_level_of_page(lfb, page);
    if (level == 0) {
        return false; /* a tree of leaves */
    }
    lfb_node node = lfb_node_of_page(level, page);
    lfb_atomic *at = lfb_word_of(lfb, node);
    lfb_word seen = lfb_load_acquire(at); /* E1, here and below */
    unsigned slot = lfb_slot_of_page(level, page);
    if (slot > 0 && word_code(seen, slot - 1) == CODE_HELD) {
        return false; /* perhaps a run that goes on here; or the word is EMPTY */
    }
    if (word_code(seen, slot) == CODE_OPEN && !word_is_empty(seen, level)) {
        /* Most likely it is a small run: a live leaf speaks for itself (T1). */
        lfb_node leaf = {0, lfb_node_of_page(0, page).number};
        lfb_atomic *at_leaf = lfb_word_of(lfb, leaf);
        lfb_word word = lfb_load_acquire(at_leaf);
        if (!word_is_empty(word, 0)) {
            return quick_free_slots(lfb, lane, leaf, at_leaf, word, 0, pages);
        }
    }
    /* Below, the page is the first of each node. */
    while (node.level > 0 && word_code(seen, slot) == CODE_OPEN && !word_is_empty(seen, 1)) {
        node = lfb_child(node, slot);
        at = lfb_word_of(lfb, node);
        seen = lfb_load_acquire(at);
        slot = 0;
    }
    return node.level > 0 && quick_free_slots(lfb, lane, node, at, seen, slot, pages);
}

#endif
