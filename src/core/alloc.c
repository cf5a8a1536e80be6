/* SPDX-License-Identifier: MIT */
/*
 * The public functions that allocate, release and change runs: they judge their arguments, turn
 * addresses into pages, and leave the work to search.c, range.c and tree.c.
 */
#include "../port/probe.h"
#include "beside.h"
#include "isolate.h"
#include "quick.h"
#include "room.h"
#include "search.h"

/* ------------------------------------------------------------------------------ allocate ---- */

static LFB_APART uintptr_t search_for_block(const lfb_t *lfb, lfb_lane *lane, unsigned order)
{
    LFB_ASSUME(order <= lfb->largest_order);
    lfb_want want;
    lfb_want_block(lfb, order, &want);
    uintptr_t page;
    return lfb_search(lfb, lane, &want, 1, &page)
               ? (LFB_PROBE_ALLOC(lfb, lane, page, want.pages), lfb_address_of(lfb, page))
               : LFB_NONE;
}

/* A block, where the node noted last has none. */
static LFB_APART uintptr_t alloc_nearby(const lfb_t *lfb, lfb_lane *lane, unsigned order,
                                        unsigned level)
{
    unsigned place = lfb->place_of_order[order];
    unsigned group = order - lfb_slot_order(level);
    lfb_fit fit = {group, 1U << group};
    uintptr_t page;
    if (!quick_resume(lfb, lane, level, place, fit, true, &page)) {
        if (lfb_is_exhausted(lfb, lane, (uintptr_t)1 << order)) {
            return LFB_NONE;
        }
        /* On level 1 the fullest node is a better place than the next one. */
        bool beside = level == 0
                          ? lfb_beside_leaf(lfb, lane, place, fit, &page)
                          : level > 1 && lfb_beside_node(lfb, lane, level, place, fit, &page);
        if (!beside) {
            return search_for_block(lfb, lane, order);
        }
    }
    LFB_PROBE_ALLOC(lfb, lane, page, (uintptr_t)1 << order);
    return lfb_address_of(lfb, page);
}

/* A block of whole leaves: of slots of a level above them. */
static LFB_APART uintptr_t alloc_leaves(const lfb_t *lfb, lfb_lane *lane, unsigned order,
                                        unsigned level)
{
    LFB_ASSUME(level > 0);
    unsigned place = lfb->place_of_order[order];
    uintptr_t page;
    unsigned group = order - lfb_slot_order(level);
    lfb_fit fit = {group, 1U << group};
    if (quick_take(lfb, lane, level, place, fit, true, &page)) {
        LFB_PROBE_ALLOC(lfb, lane, page, (uintptr_t)1 << order);
        return lfb_address_of(lfb, page);
    }
    return alloc_nearby(lfb, lane, order, level);
}

uintptr_t lfb_alloc_on(lfb_t *lfb, unsigned lane, unsigned order)
{
    if (order > lfb->largest_order) {
        return LFB_NONE;
    }
    lfb_lane *own = lfb_lane_of(lfb, lane);
    unsigned level = lfb->level_of_order[order];
    if (level > 0) {
        return alloc_leaves(lfb, own, order, level);
    }
    uintptr_t page;
    lfb_fit fit = {order, 1U << order};
    if (quick_take(lfb, own, 0, lfb->place_of_order[order], fit, true, &page)) {
        LFB_PROBE_ALLOC(lfb, own, page, fit.count);
        return lfb_address_of(lfb, page);
    }
    return alloc_nearby(lfb, own, order, 0);
}

uintptr_t lfb_alloc(lfb_t *lfb, unsigned order)
{
    return lfb_alloc_on(lfb, lfb_lane_now(lfb), order);
}

/* A run of any length, where the node noted last has no room for it. */
static LFB_APART uintptr_t alloc_run_nearby(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want)
{
    uintptr_t page = PAGE_NONE;
    bool in_leaf = want->level == 0;
    if (!(in_leaf && quick_resume(lfb, lane, 0, want->place, want->fit, false, &page))) {
        if (lfb_is_exhausted(lfb, lane, want->pages)) {
            return LFB_NONE;
        }
        if (!(in_leaf && lfb_beside_leaf(lfb, lane, want->place, want->fit, &page)) &&
            !lfb_search(lfb, lane, want, 1, &page)) {
            return LFB_NONE;
        }
    }
    LFB_PROBE_ALLOC(lfb, lane, page, want->pages);
    return lfb_address_of(lfb, page);
}

uintptr_t lfb_alloc_run_on(lfb_t *lfb, unsigned lane, size_t pages)
{
    lfb_want want;
    if (!lfb_want_run(lfb, pages, &want)) {
        return LFB_NONE;
    }
    lfb_lane *own = lfb_lane_of(lfb, lane);
    uintptr_t page;
    if (want.level == 0 && quick_take(lfb, own, 0, want.place, want.fit, false, &page)) {
        LFB_PROBE_ALLOC(lfb, own, page, pages);
        return lfb_address_of(lfb, page);
    }
    return alloc_run_nearby(lfb, own, &want);
}

uintptr_t lfb_alloc_run(lfb_t *lfb, size_t pages)
{
    return lfb_alloc_run_on(lfb, lfb_lane_now(lfb), pages);
}

uintptr_t lfb_alloc_within_on(lfb_t *lfb, unsigned lane, size_t pages, uintptr_t low,
                              uintptr_t high)
{
    lfb_want want;
    if (!lfb_want_run(lfb, pages, &want)) {
        return LFB_NONE;
    }
    uintptr_t first = (low >> lfb->page_shift) + !lfb_is_page_address(lfb, low);
    uintptr_t end = high == LFB_NONE ? lfb->end_page : high >> lfb->page_shift;
    first = first > lfb->first_page ? first : lfb->first_page;
    end = end < lfb->end_page ? end : lfb->end_page;
    if (first >= end) {
        return LFB_NONE;
    }
    lfb_range window = {first, end - first};
    lfb_lane *own = lfb_lane_of(lfb, lane);
    uintptr_t page = lfb_search_within(lfb, own, &want, window);
    return page == PAGE_NONE ? LFB_NONE
                             : (LFB_PROBE_ALLOC(lfb, own, page, pages), lfb_address_of(lfb, page));
}

uintptr_t lfb_alloc_within(lfb_t *lfb, size_t pages, uintptr_t low, uintptr_t high)
{
    return lfb_alloc_within_on(lfb, lfb_lane_now(lfb), pages, low, high);
}

lfb_status lfb_alloc_at_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    lfb_range range;
    lfb_status status = lfb_range_at(lfb, address, pages, &range);
    if (status != LFB_OK) {
        return status;
    }
    if (!lfb_range_can_be_run(lfb, range)) {
        return LFB_INVALID_ARGUMENT;
    }
    lfb_lane *own = lfb_lane_of(lfb, lane);
    return lfb_range_claim(lfb, own, range, true)
               ? (LFB_PROBE_ALLOC(lfb, own, range.page, pages), LFB_OK)
               : LFB_BUSY;
}

lfb_status lfb_alloc_at(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_alloc_at_on(lfb, lfb_lane_now(lfb), address, pages);
}

/* ------------------------------------------------------------------------------- release ---- */

/* Releases the run at an address; `pages` is what the caller believes to be its length, 0: any. */
static LFB_APART lfb_status free_run(lfb_t *lfb, lfb_lane *lane, uintptr_t address, size_t pages)
{
    uintptr_t page;
    lfb_status status = lfb_page_at(lfb, address, &page);
    if (status != LFB_OK) {
        return status;
    }
    for (;;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        status = lfb_run_status(lfb, &piece, page);
        if (status != LFB_OK) {
            return status;
        }
        uintptr_t length = lfb_run_pages(lfb, piece);
        if (pages && pages != length) {
            return LFB_SIZE_MISMATCH;
        }
        lfb_word live = piece.whole ? word_all(piece.word, piece.node.level, CODE_FREE)
                                    : word_free(piece.word, piece.slot, piece.count);
        lfb_freed freed;
        if (lfb_tree_release(lfb, lane, piece.node, piece.word, live, &freed)) {
            lfb_hint_raise(lfb, &freed);
            lfb_room_released(lfb, piece.node, &freed);
            uintptr_t done = lfb_piece_pages(&piece);
            if (length > done) {
                lfb_range_release(lfb, lane, (lfb_range){page + done, length - done});
            }
            LFB_PROBE_FREE(lfb, lane, page, pages);
            return LFB_OK;
        }
    }
}

/* The run that begins at an address. */
static lfb_status run_at(const lfb_t *lfb, uintptr_t address, lfb_range *run)
{
    lfb_status status = lfb_page_at(lfb, address, &run->page);
    if (status != LFB_OK) {
        return status;
    }
    lfb_piece piece = lfb_tree_locate(lfb, run->page);
    status = lfb_run_status(lfb, &piece, run->page);
    run->pages = status == LFB_OK ? lfb_run_pages(lfb, piece) : 0;
    return status;
}

/* free_run while a range is isolated. */
static LFB_APART lfb_status free_isolated(lfb_t *lfb, lfb_lane *lane, uintptr_t address,
                                          size_t pages)
{
    lfb_range run;
    lfb_status status = run_at(lfb, address, &run);
    if (status != LFB_OK || (pages && pages != run.pages)) {
        return status != LFB_OK ? status : LFB_SIZE_MISMATCH;
    }
    lfb_isolate_release(lfb, lane, run);
    LFB_PROBE_FREE(lfb, lane, run.page, run.pages);
    return LFB_OK;
}

lfb_status lfb_free(lfb_t *lfb, uintptr_t address)
{
    return lfb_free_on(lfb, lfb_lane_now(lfb), address);
}

/* A run with which a leaf begins. */
static LFB_APART lfb_status free_leaves(lfb_t *lfb, lfb_lane *lane, uintptr_t page, size_t pages)
{
    return quick_free_aligned(lfb, lane, page, pages)
               ? (LFB_PROBE_FREE(lfb, lane, page, pages), (lfb_status)LFB_OK)
               : free_run(lfb, lane, lfb_address_of(lfb, page), pages);
}

/* Another one. */
static LFB_APART lfb_status free_pages(lfb_t *lfb, lfb_lane *lane, uintptr_t page, size_t pages)
{
    return quick_free_inside(lfb, lane, page, pages)
               ? (LFB_PROBE_FREE(lfb, lane, page, pages), (lfb_status)LFB_OK)
               : free_run(lfb, lane, lfb_address_of(lfb, page), pages);
}

/* Calls only at its ends, so that it needs no stack. */
static LFB_INLINE lfb_status free_quickly(lfb_t *lfb, lfb_lane *lane, uintptr_t address,
                                          size_t pages)
{
    uintptr_t page;
    if (LFB_UNLIKELY(lfb_is_isolating(lfb))) {
        return free_isolated(lfb, lane, address, pages);
    }
    if (LFB_UNLIKELY(lfb_page_at(lfb, address, &page) != LFB_OK)) {
        return free_run(lfb, lane, address, pages);
    }
    return lfb_slot_of_page(0, page) ? free_pages(lfb, lane, page, pages)
                                     : free_leaves(lfb, lane, page, pages);
}

lfb_status lfb_free_on(lfb_t *lfb, unsigned lane, uintptr_t address)
{
    return free_quickly(lfb, lfb_lane_of(lfb, lane), address, 0);
}

lfb_status lfb_free_sized_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    return pages ? free_quickly(lfb, lfb_lane_of(lfb, lane), address, pages) : LFB_INVALID_ARGUMENT;
}

lfb_status lfb_free_sized(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_free_sized_on(lfb, lfb_lane_now(lfb), address, pages);
}

lfb_status lfb_free_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    lfb_lane *own = lfb_lane_of(lfb, lane);
    lfb_range range;
    lfb_status status = lfb_range_at(lfb, address, pages, &range);
    if (status != LFB_OK) {
        return status;
    }
    lfb_state other;
    if (!lfb_range_is(lfb, range, STATE_RUN, &other)) {
        return LFB_NOT_ALLOCATED;
    }
    /* The far end first: what is left before it stays one run. */
    if (range.page + pages < lfb->end_page) {
        lfb_range_cut(lfb, own, range.page + pages);
    }
    lfb_range_cut(lfb, own, range.page);
    lfb_isolate_release(lfb, own, range);
    LFB_PROBE_FREE(lfb, own, range.page, pages);
    return LFB_OK;
}

lfb_status lfb_free_range(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_free_range_on(lfb, lfb_lane_now(lfb), address, pages);
}

/* -------------------------------------------------------------------------------- change ---- */

static lfb_status grow(lfb_t *lfb, lfb_lane *lane, lfb_range run, size_t pages)
{
    if (pages > lfb->end_page - run.page) {
        return LFB_BUSY;
    }
    lfb_range grown = {run.page, pages};
    if (!lfb_range_can_be_run(lfb, grown)) {
        return LFB_INVALID_ARGUMENT;
    }
    lfb_range more = {run.page + run.pages, pages - run.pages};
    if (!lfb_range_claim(lfb, lane, more, false)) {
        return LFB_BUSY;
    }
    lfb_range_join(lfb, lane, grown);
    LFB_PROBE_ALLOC(lfb, lane, more.page, more.pages);
    return LFB_OK;
}

lfb_status lfb_resize_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    lfb_lane *own = lfb_lane_of(lfb, lane);
    lfb_range run;
    lfb_status status = run_at(lfb, address, &run);
    if (pages == 0 && status != LFB_OUT_OF_RANGE) {
        return LFB_INVALID_ARGUMENT;
    }
    if (status != LFB_OK) {
        return status;
    }
    if (pages > run.pages) {
        return grow(lfb, own, run, pages);
    }
    if (pages < run.pages) {
        lfb_range rest = {run.page + pages, run.pages - pages};
        lfb_range_cut(lfb, own, rest.page);
        lfb_isolate_release(lfb, own, rest);
        LFB_PROBE_FREE(lfb, own, run.page + pages, run.pages - pages);
    }
    return LFB_OK;
}

lfb_status lfb_resize(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_resize_on(lfb, lfb_lane_now(lfb), address, pages);
}

lfb_status lfb_hold_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    lfb_lane *own = lfb_lane_of(lfb, lane);
    lfb_range range;
    lfb_status status = lfb_range_at(lfb, address, pages, &range);
    if (status != LFB_OK) {
        return status;
    }
    if (!lfb_range_claim(lfb, own, range, false)) {
        return LFB_BUSY;
    }
    lfb_range_to_holes(lfb, own, range);
    return LFB_OK;
}

lfb_status lfb_hold_range(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_hold_range_on(lfb, lfb_lane_now(lfb), address, pages);
}

lfb_status lfb_release_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages)
{
    lfb_range range;
    lfb_status status = lfb_range_at(lfb, address, pages, &range);
    if (status != LFB_OK) {
        return status;
    }
    lfb_state other;
    if (!lfb_range_is(lfb, range, STATE_HOLE, &other)) {
        return other == STATE_RUN ? LFB_BUSY : LFB_NOT_ALLOCATED;
    }
    lfb_range_from_holes(lfb, lfb_lane_of(lfb, lane), range);
    return LFB_OK;
}

lfb_status lfb_release_range(lfb_t *lfb, uintptr_t address, size_t pages)
{
    return lfb_release_range_on(lfb, lfb_lane_now(lfb), address, pages);
}

/* ------------------------------------------------------------------------------ maintain ---- */

void lfb_drain(lfb_t *lfb)
{
    lfb_lane *lane = lfb_lane_of(lfb, lfb_lane_now(lfb));
    for (uintptr_t i = 0; i < lfb->levels[lfb->top].count; i++) {
        lfb_drain_node(lfb, lane, (lfb_node){lfb->top, lfb->levels[lfb->top].first + i});
    }
}
