/* SPDX-License-Identifier: MIT */
#include "exhaust.h"
#include "../port/probe.h"

bool lfb_is_exhausted(const lfb_t *lfb, lfb_lane *lane, uintptr_t pages)
{
    lfb_word word = lfb_load_seq_cst(lfb_exhausted_word(lfb));
    unsigned order = word & EXHAUST_ORDER;
    if (word == 0 || word & EXHAUST_SWEEPING || order > lfb->largest_order || pages >> order == 0) {
        return false;
    }
    bool refused = lfb_add_relaxed(&lane->refusals, 1) % REFUSALS_MAX != 0; /* relaxed: counts */
    LFB_PROBE_EXHAUSTED_IF(refused, lfb, lane, pages);
    return refused;
}

lfb_word lfb_exhaustion_suspected(const lfb_t *lfb, lfb_lane *lane, unsigned order)
{
    lfb_word seen = lfb_load_seq_cst(lfb_exhausted_word(lfb));
    unsigned noted = seen & EXHAUST_ORDER;
    bool sweeping = seen & EXHAUST_SWEEPING;
    if (seen != 0 && noted <= (sweeping ? lfb->largest_order : order)) {
        lfb_fence_seq_cst(); /* H3: the sweep's loads come after this one */
        return sweeping && order <= noted ? seen : 0;
    }
    /* From 1, and never the same twice: relaxed, for it orders nothing. */
    lfb_word count = lfb_add_relaxed(&lane->refusals, 1) + 1;
    lfb_word tag = count << lfb->lane_bits | lfb_lane_number(lfb, lane);
    lfb_word sweep = tag << EXHAUST_TAG_SHIFT | EXHAUST_SWEEPING | order;
    lfb_store_relaxed(lfb_exhausted_word(lfb), sweep);
    lfb_fence_seq_cst(); /* H3: the sweep's loads come after the store */
    return sweep;
}

void lfb_exhaustion_found(const lfb_t *lfb, lfb_word sweep, unsigned order)
{
    lfb_word seen = sweep;
    lfb_word tag = sweep >> EXHAUST_TAG_SHIFT << EXHAUST_TAG_SHIFT;
    if (sweep != 0) {
        lfb_cas_seq_cst(lfb_exhausted_word(lfb), &seen, tag | order);
    }
}
