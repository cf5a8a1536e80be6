/* SPDX-License-Identifier: MIT */
#include "near.h"
#include "../port/likely.h"
#include "hint.h"
#include "take.h"

/* Takes from a leaf if it is live. */
static LFB_INLINE unsigned take_live(const lfb_t *lfb, lfb_lane *lane, lfb_node leaf, lfb_fit fit,
                                     unsigned most, uintptr_t pages[])
{
    if (most == 1) {
        return lfb_take_in(lfb, 0, lfb_index_of(lfb, leaf), fit, pages);
    }
    lfb_word word = lfb_tree_load(lfb, leaf);
    bool fits = word_first_run(word, 0, fit.group, fit.count) && !word_is_empty(word, 0);
    return fits ? lfb_tree_take(lfb, lane, leaf, fit, most, pages) : 0;
}

unsigned lfb_near_take(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, unsigned most,
                       uintptr_t pages[])
{
    LFB_ASSERT(want->level == 0 && lfb->top > 0);
    lfb_node old = lfb_cursor_of(lfb, lane, want);
    lfb_node parent = lfb_parent(old);
    lfb_word above = lfb_tree_load(lfb, parent);
    lfb_word here = (lfb_word)1 << CODE_BITS * lfb_slot_in_parent(old);
    bool empty = word_is_empty(above, 1);
    lfb_word open = empty ? 0 : word_with_code(above, 1, CODE_OPEN) & ~(here - 1);
    lfb_word whole = empty ? here : word_with_code(above, 1, CODE_FREE);
    lfb_node leaf = old;
    unsigned got = 0;
    for (; got == 0 && open; open &= open - 1) {
        leaf = lfb_child(parent, word_bit_slot(open));
        if (lfb_node_exists(lfb, leaf)) { /* only damage opens a slot outside the range */
            got = take_live(lfb, lane, leaf, want->fit, most, pages);
        }
    }
    whole = whole & ~(here - 1) ? whole & ~(here - 1) : whole;
    for (; got == 0 && whole; whole &= whole - 1) {
        leaf = lfb_child(parent, word_bit_slot(whole));
        if (lfb_node_exists(lfb, leaf)) {
            got = lfb_tree_take(lfb, lane, leaf, want->fit, most, pages);
        }
    }
    if (got) {
        lfb_guess_store(&lane->next[want->place], lfb_index_of(lfb, leaf));
        if (leaf.number != old.number) {
            lfb_guess_store(&lane->cursor[want->place], lfb_index_of(lfb, leaf));
            lfb_leave_node(lfb, lane, old);
        }
    }
    return got;
}
