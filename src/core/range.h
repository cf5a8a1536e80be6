/* SPDX-License-Identifier: MIT */
/*
 * Pages in any number: a range is claimed piece by piece, a piece being what one word can give;
 * pieces join into one run; a run is cut; pages go out of use and come back. Every step between is
 * a legal state of the tree, in which the pages concerned belong to runs of the caller, so a caller
 * that stops half-way withholds nothing else.
 *
 * Ranges lie in the allocator's range and aren't empty; the public functions see to that.
 */
#ifndef LFB_CORE_RANGE_H
#define LFB_CORE_RANGE_H

#include "hint.h"

typedef struct lfb_range {
    uintptr_t page;
    uintptr_t pages;
} lfb_range;

/* The pages from an address on. LFB_OK; LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: none, or an address
 * inside a page. */
static inline lfb_status lfb_range_at(const lfb_t *lfb, uintptr_t address, size_t pages,
                                      lfb_range *range)
{
    range->pages = pages;
    lfb_status status = lfb_page_at(lfb, address, &range->page);
    if (status != LFB_OK || pages == 0) {
        return status != LFB_OK ? status : LFB_INVALID_ARGUMENT;
    }
    return pages <= lfb->end_page - range->page ? LFB_OK : LFB_OUT_OF_RANGE;
}

static inline lfb_range lfb_range_of_all(const lfb_t *lfb)
{
    return (lfb_range){lfb->first_page, lfb->end_page - lfb->first_page};
}

/* Whether these pages can be one run: they lie in one leaf, or begin at a slot of the lowest node
 * that covers them. */
bool lfb_range_can_be_run(const lfb_t *lfb, lfb_range range);

/* Whether every page of the range is in this state now; if not, *other is the first other state. */
bool lfb_range_is(const lfb_t *lfb, lfb_range range, lfb_state state, lfb_state *other);

/* Whether a run starts at the page: LFB_OK, LFB_NOT_ALLOCATED or LFB_NOT_START. */
lfb_status lfb_run_status(const lfb_t *lfb, const lfb_piece *piece, uintptr_t page);

/* Pages of the run from its first piece on. */
uintptr_t lfb_run_pages(const lfb_t *lfb, lfb_piece piece);

/* Takes all pages, as one run if joined is set, else as pieces; or none, if one isn't free. */
bool lfb_range_claim(const lfb_t *lfb, lfb_lane *lane, lfb_range range, bool joined);

/* Makes one run of runs of the caller that fill a range in which a run can be. */
void lfb_range_join(const lfb_t *lfb, lfb_lane *lane, lfb_range range);

/* Releases runs of the caller that fill the range. */
void lfb_range_release(const lfb_t *lfb, lfb_lane *lane, lfb_range range);

/* Makes `page` the first of a run, if it lies inside one, which is the caller's. */
void lfb_range_cut(const lfb_t *lfb, lfb_lane *lane, uintptr_t page);

/* Takes runs of the caller that fill the range out of use; puts pages out of use into use. */
void lfb_range_to_holes(const lfb_t *lfb, lfb_lane *lane, lfb_range range);
void lfb_range_from_holes(const lfb_t *lfb, lfb_lane *lane, lfb_range range);

#endif
