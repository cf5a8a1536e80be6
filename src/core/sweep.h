/* SPDX-License-Identifier: MIT */
/*
 * Where a search claims runs in pieces (range.h): in one node, or wherever one fits.
 */
#ifndef LFB_CORE_SWEEP_H
#define LFB_CORE_SWEEP_H

#include "range.h"
#include "want.h"

/* Claims a run in a node of the wanted level, of slots that are FREE; at its end also of a part of
 * one that is OPEN. Returns its first page; PAGE_NONE: there is none. */
uintptr_t lfb_claim_in_node(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, lfb_node node);

/* Claims a run at the first place among the pages of `window` where it fits, also where only pieces
 * are free; by_hints: only where these promise what it begins with, a block of half its length at
 * least. Returns its first page; PAGE_NONE: there is none. */
uintptr_t lfb_sweep(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, lfb_range window,
                    bool by_hints);

#endif
