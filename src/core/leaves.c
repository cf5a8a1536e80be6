/* SPDX-License-Identifier: MIT */
#include "leaves.h"
#include "../port/likely.h"
#include "take.h"

/* Takes from a leaf if it is live. */
static LFB_INLINE unsigned take_live(const lfb_t *lfb, lfb_lane *lane, uintptr_t index, lfb_fit fit,
                                     unsigned most, uintptr_t pages[])
{
    if (most == 1) {
        return lfb_take_in(lfb, 0, index, fit, false, pages);
    }
    lfb_node leaf = {0, lfb->levels[0].first + index};
    lfb_word word = lfb_tree_load(lfb, leaf);
    bool fits = word_first_run(word, 0, fit.group, fit.count) && !word_is_empty(word, 0);
    return fits ? lfb_tree_take(lfb, lane, leaf, fit, most, pages) : 0;
}

unsigned lfb_leaves_take(const lfb_t *lfb, lfb_lane *lane, lfb_node parent, unsigned first,
                         lfb_fit fit, unsigned most, uintptr_t pages[])
{
    LFB_ASSERT(parent.level == 1);
    lfb_word above = lfb_tree_load(lfb, parent);
    lfb_word here = (lfb_word)1 << CODE_BITS * first;
    bool empty = word_is_empty(above, 1);
    lfb_word open = empty ? 0 : word_with_code(above, 1, CODE_OPEN) & ~(here - 1);
    lfb_word whole = empty ? here : word_with_code(above, 1, CODE_FREE);
    uintptr_t slot_0 = lfb_child(parent, 0).number - lfb->levels[0].first;
    for (; open; open &= open - 1) {
        uintptr_t index = slot_0 + word_bit_slot(open);
        /* Only damage opens a slot outside the range. */
        unsigned got =
            index < lfb->levels[0].count ? take_live(lfb, lane, index, fit, most, pages) : 0;
        if (got) {
            return got;
        }
    }
    whole = whole & ~(here - 1) ? whole & ~(here - 1) : whole;
    for (; whole; whole &= whole - 1) {
        lfb_node leaf = lfb_child(parent, word_bit_slot(whole));
        unsigned got =
            lfb_node_exists(lfb, leaf) ? lfb_tree_take(lfb, lane, leaf, fit, most, pages) : 0;
        if (got) {
            return got;
        }
    }
    return 0;
}
