/* SPDX-License-Identifier: MIT */
/*
 * Looking at an allocator: size_of, find, walk, stats. Nothing here writes metadata. Beside running
 * calls each page is seen at some moment of its own, so loops are bounded by the range, never by
 * what they read.
 */
#include "range.h"

/* Consecutive pages in one state: a run, or all that is free, or out of use, up to the next. */
typedef struct stretch {
    uintptr_t page;
    uintptr_t end;
    lfb_state state;
} stretch;

static uintptr_t within(uintptr_t page, uintptr_t end)
{
    return page - 1 < end - 1 ? page : end; /* 0: behind the last page of the address space */
}

static stretch stretch_from(const lfb_t *lfb, uintptr_t page)
{
    uintptr_t end = lfb->end_page;
    lfb_piece piece = lfb_tree_locate(lfb, page);
    stretch s = {page, within(lfb_piece_end(&piece), end), piece.state};
    if (s.state == STATE_RUN) {
        s.end = within(lfb_piece_page(&piece) + lfb_run_pages(lfb, piece), end);
        return s;
    }
    while (s.end < end) {
        piece = lfb_tree_locate(lfb, s.end);
        if (piece.state != s.state) {
            break;
        }
        s.end = within(lfb_piece_end(&piece), end);
    }
    return s;
}

static lfb_extent extent_of(const lfb_t *lfb, uintptr_t page, uintptr_t pages, lfb_state state)
{
    static const lfb_extent_kind kinds[] = {
        [STATE_FREE] = LFB_EXTENT_FREE,
        [STATE_RUN] = LFB_EXTENT_RUN,
        [STATE_HOLE] = LFB_EXTENT_HELD,
    };
    return (lfb_extent){lfb_address_of(lfb, page), (size_t)pages, kinds[state]};
}

/* Order of the largest block that begins at the page and ends before `end`. */
static unsigned order_at(const lfb_t *lfb, uintptr_t page, uintptr_t end)
{
    unsigned order = 0;
    while (order < lfb->max_order && order + 1 < sizeof(page) * 8 &&
           (page & ((uintptr_t)1 << order)) == 0 && end - page >= (uintptr_t)2 << order) {
        order++;
    }
    return order;
}

/* ------------------------------------------------------------------------------ one place ---- */

size_t lfb_size_of(const lfb_t *lfb, uintptr_t address)
{
    uintptr_t page = address >> lfb->page_shift;
    if (!lfb_page_in_range(lfb, page) || !lfb_is_page_address(lfb, address)) {
        return 0;
    }
    lfb_piece piece = lfb_tree_locate(lfb, page);
    return lfb_run_status(lfb, &piece, page) == LFB_OK ? (size_t)lfb_run_pages(lfb, piece) : 0;
}

static lfb_extent run_around(const lfb_t *lfb, uintptr_t page, lfb_piece piece)
{
    lfb_piece start = piece;
    /* Each piece of a run lies higher than the next. */
    while (start.node.level < lfb->top && lfb_piece_page(&start) > lfb->first_page &&
           lfb_tree_is_continuation(lfb, &start)) {
        lfb_piece before = lfb_tree_locate(lfb, lfb_piece_page(&start) - 1);
        if (before.state != STATE_RUN || before.node.level <= start.node.level) {
            break;
        }
        start = before;
    }
    uintptr_t first = lfb_piece_page(&start);
    uintptr_t end = first + lfb_run_pages(lfb, start);
    if (end <= page) { /* what began there is another run by now */
        first = lfb_piece_page(&piece);
        end = first + lfb_run_pages(lfb, piece);
    }
    first = first > lfb->first_page ? first : lfb->first_page; /* lower: damage */
    return extent_of(lfb, first, end - first, STATE_RUN);
}

static lfb_extent block_around(const lfb_t *lfb, uintptr_t page)
{
    unsigned order = 0;
    for (; order < lfb->max_order && order + 1 < sizeof(page) * 8; order++) {
        lfb_range whole = {page >> (order + 1) << (order + 1), (uintptr_t)2 << order};
        lfb_state other;
        if (whole.page < lfb->first_page || whole.pages > lfb->end_page - whole.page ||
            !lfb_range_is(lfb, whole, STATE_FREE, &other)) {
            break;
        }
    }
    return extent_of(lfb, page >> order << order, (uintptr_t)1 << order, STATE_FREE);
}

static lfb_extent hole_around(const lfb_t *lfb, lfb_piece piece)
{
    uintptr_t end = within(lfb_piece_end(&piece), lfb->end_page);
    uintptr_t first = lfb_piece_page(&piece);
    while (first > lfb->first_page) {
        lfb_piece before = lfb_tree_locate(lfb, first - 1);
        if (before.state != STATE_HOLE) {
            break;
        }
        first = lfb_piece_page(&before);
    }
    first = first > lfb->first_page ? first : lfb->first_page;
    while (end < lfb->end_page) {
        lfb_piece next = lfb_tree_locate(lfb, end);
        if (next.state != STATE_HOLE) {
            break;
        }
        end = within(lfb_piece_end(&next), lfb->end_page);
    }
    return extent_of(lfb, first, end - first, STATE_HOLE);
}

lfb_status lfb_find(const lfb_t *lfb, uintptr_t address, lfb_extent *extent)
{
    uintptr_t page = address >> lfb->page_shift;
    if (!extent) {
        return LFB_INVALID_ARGUMENT;
    }
    if (!lfb_page_in_range(lfb, page)) {
        return LFB_OUT_OF_RANGE;
    }
    lfb_piece piece = lfb_tree_locate(lfb, page);
    if (piece.state == STATE_RUN) {
        *extent = run_around(lfb, page, piece);
    } else {
        *extent = piece.state == STATE_FREE ? block_around(lfb, page) : hole_around(lfb, piece);
    }
    return LFB_OK;
}

/* ------------------------------------------------------------------------------ all of it ---- */

lfb_status lfb_walk(const lfb_t *lfb, lfb_visitor visitor, void *context)
{
    if (!visitor) {
        return LFB_INVALID_ARGUMENT;
    }
    for (uintptr_t page = lfb->first_page; page < lfb->end_page;) {
        stretch s = stretch_from(lfb, page);
        while (page < s.end) {
            uintptr_t pages = s.end - page;
            if (s.state == STATE_FREE) {
                pages = (uintptr_t)1 << order_at(lfb, page, s.end);
            }
            lfb_extent extent = extent_of(lfb, page, pages, s.state);
            if (!visitor(context, &extent)) {
                return LFB_OK;
            }
            page += pages;
        }
    }
    return LFB_OK;
}

static void count_free(const lfb_t *lfb, stretch s, lfb_stats *stats)
{
    unsigned largest = lfb->max_order;
    while (s.page < s.end) {
        unsigned order = order_at(lfb, s.page, s.end);
        /* From the first block of the largest order on there are only such, until less is left. */
        uintptr_t blocks = order == largest ? (s.end - s.page) >> order : 1;
        stats->free_blocks[order] += (size_t)blocks;
        stats->largest_free_order =
            (int)order > stats->largest_free_order ? (int)order : stats->largest_free_order;
        s.page += blocks << order;
    }
}

void lfb_get_stats(const lfb_t *lfb, lfb_stats *stats)
{
    *stats = (lfb_stats){.total_pages = (size_t)(lfb->end_page - lfb->first_page),
                         .largest_free_order = -1};
    for (uintptr_t page = lfb->first_page; page < lfb->end_page;) {
        stretch s = stretch_from(lfb, page);
        size_t pages = (size_t)(s.end - page);
        if (s.state == STATE_FREE) {
            stats->free_pages += pages;
            count_free(lfb, s, stats);
        } else if (s.state == STATE_RUN) {
            stats->allocated_pages += pages;
            stats->runs++;
        } else {
            stats->held_pages += pages;
        }
        page = s.end;
    }
}
