/* SPDX-License-Identifier: MIT */
/*
 * What a failing search found out, kept for the next one: that no block of some order is free. Any
 * release, of however little, makes that doubtful again.
 *
 *   word: 0, or   | tag of the search | sweeping | order |
 *
 * A search that finds nothing by hints writes its word with the sweeping bit, then looks at every
 * node, then takes the bit off if its word is still there. A release changes a node, then looks at
 * the word and clears it. By sequential consistency (H3; hint.h's H1 in other clothes) either the
 * sweep sees the release or the release sees the sweep's word.
 *
 * A search that finds another's sweep under way leaves its word in place, so that two that fail at
 * the same time don't undo each other's notes. If the word is still there when it has looked at
 * every node itself, it takes the bit off, too: that the word was there before its look is all that
 * the argument needs. But only for an order no larger than the other's, who then wouldn't know.
 *
 * A thread killed between release and clearing leaves a word that is wrong; so one in
 * REFUSALS_MAX refusals of a lane looks again all the same, without a note.
 */
#ifndef LFB_CORE_EXHAUST_H
#define LFB_CORE_EXHAUST_H

#include "geometry.h"

enum { EXHAUST_ORDER = 0x7f, EXHAUST_SWEEPING = 0x80, EXHAUST_TAG_SHIFT = 8, REFUSALS_MAX = 16384 };

static inline lfb_atomic *lfb_exhausted_word(const lfb_t *lfb)
{
    return &((lfb_shared *)lfb->shared)->exhausted;
}

static inline bool lfb_is_exhaustion_noted(const lfb_t *lfb)
{
    return lfb_load_seq_cst(lfb_exhausted_word(lfb)) != 0; /* H3 */
}

/* After every release: pages became free. */
static inline void lfb_exhaustion_over(const lfb_t *lfb)
{
    if (lfb_is_exhaustion_noted(lfb)) {
        lfb_store_relaxed(lfb_exhausted_word(lfb), 0); /* relaxed: orders nothing */
    }
}

/* Whether nothing was released since a search for no more pages failed: then that is refused. */
bool lfb_is_exhausted(const lfb_t *lfb, lfb_lane *lane, uintptr_t pages);

/* Before a sweep of every node for a block of this order. Returns the word to hand to the next; 0:
 * the sweep won't be noted. */
lfb_word lfb_exhaustion_suspected(const lfb_t *lfb, lfb_lane *lane, unsigned order);

/* The sweep found nothing. */
void lfb_exhaustion_found(const lfb_t *lfb, lfb_word sweep, unsigned order);

#endif
