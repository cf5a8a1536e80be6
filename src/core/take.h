/* SPDX-License-Identifier: MIT */
/*
 * Taking from one live word that shows what is wanted.
 */
#ifndef LFB_CORE_TAKE_H
#define LFB_CORE_TAKE_H

#include "../port/likely.h"
#include "tree.h"

/* Takes slots of the index-th node of a level where they fit. Returns false where it takes a closer
 * look. `is_block`, a constant: they are a block for sure, which takes less; elsewhere it would be
 * a branch that can't be foretold. */
static LFB_INLINE bool lfb_take_in(const lfb_t *lfb, unsigned level, uintptr_t index, lfb_fit fit,
                                   bool is_block, uintptr_t *page)
{
    lfb_atomic *at = (lfb_atomic *)lfb->levels[level].words + lfb_word_place(level, index);
    lfb_word seen = lfb_load_acquire(at); /* E1 */
    lfb_word ends = is_block ? word_first_block(seen, level, fit.group)
                             : word_first_run(seen, level, fit.group, fit.count);
    if (ends == 0 || word_is_empty(seen, level)) {
        return false;
    }
    unsigned slot = word_bit_slot(ends) + 1 - (1U << fit.group);
    *page = lfb_page_of_slot((lfb_node){level, lfb->levels[level].first + index}, slot);
    if (!LFB_LIKELY(index - 1 < lfb->levels[level].count - 2) &&
        !lfb_pages_in_range(lfb, *page, lfb_slot_pages(level) * fit.count)) {
        return false; /* damage: pages outside the range are never FREE */
    }
    /* LP of most allocations. E1: acquires what the last owner wrote to the pages. */
    lfb_word word = is_block ? word_hold_block(seen, ends & (~ends + 1), fit.count)
                             : word_hold(seen, slot, fit.count);
    return LFB_LIKELY(lfb_cas_acq_rel(at, &seen, word));
}

#endif
