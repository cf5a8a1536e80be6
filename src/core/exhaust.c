/* SPDX-License-Identifier: MIT */
#include "exhaust.h"

bool lfb_is_exhausted(const lfb_t *lfb, lfb_lane *lane, uintptr_t pages)
{
    lfb_word word = lfb_load_seq_cst(lfb_exhausted_word(lfb));
    unsigned order = word & EXHAUST_ORDER;
    if (word == 0 || word & EXHAUST_SWEEPING || order > lfb->largest_order || pages >> order == 0) {
        return false;
    }
    return lfb_add_relaxed(&lane->refusals, 1) % REFUSALS_MAX != 0; /* relaxed: only counts */
}

lfb_word lfb_exhaustion_suspected(const lfb_t *lfb, lfb_lane *lane, unsigned order)
{
    /* From 1, and never the same twice: relaxed, for it orders nothing. */
    lfb_word count = lfb_add_relaxed(&lane->refusals, 1) + 1;
    lfb_word tag = count << lfb->lane_bits | lfb_lane_number(lfb, lane);
    lfb_word sweep = tag << EXHAUST_TAG_SHIFT | EXHAUST_SWEEPING | order;
    lfb_store_relaxed(lfb_exhausted_word(lfb), sweep);
    lfb_fence_seq_cst(); /* H3: the sweep's loads come after the store */
    return sweep;
}

void lfb_exhaustion_found(const lfb_t *lfb, lfb_word sweep)
{
    lfb_word seen = sweep;
    lfb_cas_seq_cst(lfb_exhausted_word(lfb), &seen, sweep & ~(lfb_word)EXHAUST_SWEEPING);
}
