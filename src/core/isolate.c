/* SPDX-License-Identifier: MIT */
/*
 * See isolate.h. Public functions at the end.
 */
#include "isolate.h"

#define ISOLATION_STARTS WORD_ONES

static lfb_shared *shared_of(const lfb_t *lfb)
{
    return lfb->shared;
}

/* The isolated pages; none: of length 0. */
static lfb_range isolated(const lfb_t *lfb)
{
    lfb_word pages = lfb_load_acquire(&shared_of(lfb)->isolated_pages); /* E5 */
    lfb_word first = lfb_load_acquire(&shared_of(lfb)->isolated_first);
    lfb_range range = {lfb->first_page + (uintptr_t)first, (uintptr_t)pages};
    if (lfb_load_acquire(&shared_of(lfb)->isolated_pages) != pages ||
        first >= lfb->end_page - lfb->first_page ||
        !lfb_pages_in_range(lfb, range.page, range.pages)) {
        range.pages = 0; /* just starting, just over, or damage */
    }
    return range;
}

/* Notes the range, unless another one is noted. */
static bool note(const lfb_t *lfb, lfb_range range)
{
    lfb_range there = isolated(lfb);
    if (there.page == range.page && there.pages == range.pages) {
        return true;
    }
    lfb_word none = 0;
    if (!lfb_cas_acq_rel(&shared_of(lfb)->isolated_pages, &none, ISOLATION_STARTS)) {
        return false;
    }
    lfb_store_relaxed(&shared_of(lfb)->isolated_first, (lfb_word)(range.page - lfb->first_page));
    lfb_word starts = ISOLATION_STARTS;
    /* E5: passes the first page on. Fails if somebody ended it meanwhile. */
    return lfb_cas_acq_rel(&shared_of(lfb)->isolated_pages, &starts, (lfb_word)range.pages);
}

static void forget(const lfb_t *lfb)
{
    lfb_store_relaxed(&shared_of(lfb)->isolated_pages, 0); /* relaxed: orders nothing */
}

/* Takes pages out of use, from the first one on: all before *stop, or where some of those have been
 * taken since, fewer, down to one; *stop says how far it came. Returns false if the first page has
 * been taken. */
static bool hold_first(const lfb_t *lfb, lfb_lane *lane, uintptr_t page, uintptr_t *stop)
{
    lfb_range part = {page, *stop - page};
    while (!lfb_range_claim(lfb, lane, part, false)) {
        if (part.pages == 1) {
            return false;
        }
        part.pages /= 2;
        *stop = page + part.pages;
    }
    lfb_range_to_holes(lfb, lane, part);
    return true;
}

/* Takes what is free in the range out of use. Returns how many pages of it are in use. */
static uintptr_t hold_free(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    uintptr_t in_use = 0;
    uintptr_t end = range.page + range.pages;
    for (uintptr_t page = range.page; page < end;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        uintptr_t stop = lfb_piece_end(&piece) < end ? lfb_piece_end(&piece) : end;
        if (piece.state == STATE_FREE ? !hold_first(lfb, lane, page, &stop)
                                      : piece.state != STATE_HOLE) {
            in_use += stop - page;
        }
        page = stop;
    }
    return in_use;
}

void lfb_isolate_release(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    lfb_range hole = isolated(lfb);
    uintptr_t end = range.page + range.pages;
    uintptr_t from = hole.page > range.page ? hole.page : range.page;
    uintptr_t to = hole.page + hole.pages < end ? hole.page + hole.pages : end;
    if (from >= to) {
        lfb_range_release(lfb, lane, range);
        return;
    }
    /* The far end first: what is left before it stays one run. */
    if (to < end) {
        lfb_range_cut(lfb, lane, to);
        lfb_range_release(lfb, lane, (lfb_range){to, end - to});
    }
    if (from > range.page) {
        lfb_range_cut(lfb, lane, from);
        lfb_range_release(lfb, lane, (lfb_range){range.page, from - range.page});
    }
    lfb_range_to_holes(lfb, lane, (lfb_range){from, to - from});
}

lfb_status lfb_isolate_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages,
                                size_t *in_use)
{
    lfb_range range;
    lfb_status status = lfb_range_at(lfb, address, pages, &range);
    if (status != LFB_OK || !in_use) {
        return status != LFB_OK ? status : LFB_INVALID_ARGUMENT;
    }
    if ((uintptr_t)(lfb_word)(lfb->end_page - lfb->first_page) != lfb->end_page - lfb->first_page) {
        return LFB_INVALID_ARGUMENT; /* 32-bit words don't hold such page numbers */
    }
    if (!note(lfb, range)) {
        return LFB_EXHAUSTED;
    }
    *in_use = hold_free(lfb, lfb_lane_of(lfb, lane), range);
    if (*in_use > 0) {
        return LFB_BUSY;
    }
    forget(lfb);
    return LFB_OK;
}

lfb_status lfb_isolate_range(lfb_t *lfb, uintptr_t address, size_t pages, size_t *in_use)
{
    return lfb_isolate_range_on(lfb, lfb_lane_now(lfb), address, pages, in_use);
}

void lfb_isolate_end(lfb_t *lfb)
{
    forget(lfb);
}
